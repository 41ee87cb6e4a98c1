//! What can be decided: one enum, serialised into the log.

use causeway_api::Generation;
use causeway_api::contingency::{ContentHash, Readiness};
use causeway_api::domain::Domain;
use causeway_api::ids::{MemberName, ReplicaId, ServiceKey};
use causeway_api::plan::{PlanInputs, ServicePlan};
use causeway_api::registry::{Host, HostUid, ObjectKey, Origin};
use causeway_api::shift::{Shift, ShiftDue, ShiftKey};
use causeway_api::spec::{MemberSpec, Placement, PolicyKey, PolicySpec};
use causeway_api::verdict::Vote;
use serde::{Deserialize, Serialize};

use crate::apply::LogPosition;
use crate::brain::Approvable;

/// A command and who sent it: a retried command is applied once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Who sends it: one client for each process and start.
    pub client: ClientId,
    /// Rises with each command of the client; a serial that was applied already returns the outcome of then.
    pub serial: u64,
    /// What is to be decided.
    pub command: Command,
}

/// A process that sends commands: its replica, and a random number drawn at its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClientId {
    /// The replica through which it speaks.
    pub replica: ReplicaId,
    /// Drawn at its start.
    pub nonce: u64,
}

/// What can be decided. Variants are only ever added at the end, before [`Command::Unknown`], since logs outlive versions;
/// each from a level of behaviour on ([`Command::level`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// The first command of a new clusterset: sets the incarnation.
    Bootstrap {
        /// 1 for a new clusterset.
        incarnation: u64,
    },
    /// Cluster time advances: sent by the leader while a timer is pending, from its monotonic clock.
    Tick {
        /// By how much, at most one second; more is cut.
        elapsed_ms: u32,
    },
    /// A member is registered, or its declaration changed.
    PutMember(MemberSpec),
    /// A member is removed from the clusterset.
    RemoveMember(MemberName),
    /// What a member's agent reported of where it is and how it is reached; decided, since verdicts (which gateways a
    /// member has) and plans (which zones call) rest on it, and since every agent must see it in one order.
    PlaceMember {
        /// The member.
        member: MemberName,
        /// Where it is. Another `cluster_uid` under the same name is another cluster, and is refused.
        placement: Placement,
    },
    /// A policy is set.
    PutPolicy(PolicySpec),
    /// A policy is removed.
    RemovePolicy(PolicyKey),
    /// Changes of votes, batched for a failure domain.
    CastVotes(Vec<Vote>),
    /// Plans of services, each with all that it was computed from. Judged one by one.
    CommitPlans(Vec<PlanProposal>),
    // Level 2.
    /// The level of behaviour rises, which every voter's build must know. It never falls.
    RaiseLevel {
        /// To what.
        level: u32,
    },
    /// Every replica compares the digest of its state: with the leader's at the last mark, and notes its own here.
    CompareDigest {
        /// What the leader's state was at an earlier such command.
        seen: Option<Digest>,
        /// Whether the state as it is after this command is to be noted.
        mark: bool,
    },
    /// A part of a command that is too large for one entry. It takes effect as a whole, with its last part.
    StageChunk(Chunk),
    /// The votes of a replica that the leader has not heard of for a while count as abstentions, until it votes again: what
    /// a dead replica once reached must not keep a dead member alive.
    Silence {
        /// Whose.
        replica: ReplicaId,
    },
    /// A host cluster's object declares something. Refused where another host owns the object.
    Declare {
        /// The host cluster in which the object stands.
        host: Host,
        /// Which object, and which version of it.
        origin: Origin,
        /// What it declares.
        declaration: Declaration,
        /// The object's `spec` as JSON, for the mirrors in other hosts.
        document: String,
    },
    /// An object was deleted in the host cluster that owns it. A member that may have traffic leaves in stages.
    Withdraw {
        /// The host cluster.
        host: HostUid,
        /// What.
        object: ObjectKey,
        /// `metadata.uid` of the object that was deleted: one of that name that was created since stays.
        uid: String,
    },
    /// Another host owns an object from now on.
    MoveObject {
        /// What.
        object: ObjectKey,
        /// To which host.
        to: HostUid,
    },
    /// A person confirms that an object is to go.
    ConfirmRemoval {
        /// What.
        object: ObjectKey,
    },
    /// The replica that sends this stands in a host cluster.
    AttachHost {
        /// Which.
        host: Host,
    },
    /// A person overrides automation by a verb; `requested_by` is whom the server authenticated. The same override sent again
    /// is tried again where a safety rule refused it. What a TrafficShift asks for comes by [`Command::Declare`], and another
    /// override of its name is refused here.
    PutShift(Shift),
    /// A person ends an override: traffic returns by the ramp of failback.
    EndShift {
        /// Which.
        shift: ShiftKey,
        /// Who, as authenticated.
        by: String,
        /// Why.
        reason: String,
    },
    /// A person approves what waits.
    Approve {
        /// What.
        what: Approvable,
        /// The generation of what they looked at ([`State::generation_of`](crate::State::generation_of)): refused where something
        /// else waits under that name by now. A plan is not approved without.
        seen: Option<Generation>,
        /// Who, as authenticated.
        by: String,
        /// Why.
        reason: String,
    },
    /// A person releases the fleet-wide brake: what is lost now is truly lost.
    ReleaseBrake {
        /// The generation of the brake that they looked at: refused where it was released and pulled again since.
        seen: Generation,
        /// Who, as authenticated.
        by: String,
        /// Why.
        reason: String,
    },
    /// A replica left the clusterset for good: what it voted is forgotten, and it is no longer counted among those who could
    /// tell.
    ForgetObserver {
        /// Which.
        replica: ReplicaId,
    },
    /// Names what every replica prepared for the loss of domains; `None`: nothing any more. Only names: the contents follow
    /// from the state.
    CommitContingencies(Vec<(Domain, Option<(ContentHash, Readiness)>)>),
    /// A replica may become a member of the log; or, of one that is a member already, its data folder is noted. Refused where the
    /// id was used before.
    AdmitReplica {
        /// Which.
        replica: ReplicaId,
        /// The number of its data folder; 0: not known yet.
        folder: u64,
    },
    /// A time of day came at which something is due with an override, by the leader's clock. Refused where nothing is due then.
    ShiftDue {
        /// Which.
        shift: ShiftKey,
        /// What.
        due: ShiftDue,
    },
    /// So long was no timer pending, and cluster time stood still: what is held against subjects for having been lost decays all
    /// the same. Sent by the leader right before what may begin a hold, so that decay costs no commit of its own.
    Forgive {
        /// How long, by the leader's monotonic clock.
        elapsed_ms: u64,
    },
    /// A command of a newer build: kept and passed on as it is, and never applied. Never part of an older form.
    #[serde(skip)]
    Unknown(UnknownCommand),
}

impl Command {
    /// The level from which on it may be proposed.
    #[must_use]
    pub fn level(&self) -> u32 {
        match self {
            Self::Bootstrap { .. }
            | Self::Tick { .. }
            | Self::PutMember(_)
            | Self::RemoveMember(_)
            | Self::PlaceMember { .. }
            | Self::PutPolicy(_)
            | Self::RemovePolicy(_)
            | Self::CastVotes(_)
            | Self::CommitPlans(_) => 1,
            Self::RaiseLevel { .. }
            | Self::CompareDigest { .. }
            | Self::StageChunk(_)
            | Self::Silence { .. }
            | Self::Declare { .. }
            | Self::Withdraw { .. }
            | Self::MoveObject { .. }
            | Self::ConfirmRemoval { .. }
            | Self::ForgetObserver { .. }
            | Self::AttachHost { .. }
            | Self::PutShift(_)
            | Self::EndShift { .. }
            | Self::Approve { .. }
            | Self::ReleaseBrake { .. }
            | Self::ShiftDue { .. }
            | Self::Forgive { .. }
            | Self::CommitContingencies(_)
            | Self::AdmitReplica { .. } => 2,
            Self::Unknown(unknown) => unknown.level,
        }
    }

    /// Whether it may be sent in parts.
    #[must_use]
    pub fn may_be_staged(&self) -> bool {
        matches!(self, Self::CommitPlans(_))
    }
}

/// A command that this build does not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownCommand {
    /// The level that it needs.
    pub level: u32,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// What an object declares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Declaration {
    /// A member.
    Member(MemberSpec),
    /// A policy.
    Policy(PolicySpec),
    /// An override.
    Shift(Shift),
}

impl Declaration {
    /// Which object declares it.
    #[must_use]
    pub fn key(&self) -> ObjectKey {
        match self {
            Self::Member(spec) => ObjectKey::Member(spec.name.clone()),
            Self::Policy(spec) => ObjectKey::Policy(spec.key.clone()),
            Self::Shift(shift) => ObjectKey::Shift(shift.key.clone()),
        }
    }
}

/// What a replica's state was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    /// After which entry.
    pub at: LogPosition,
    /// [`State::digest`](crate::State::digest).
    pub sum: [u8; 32],
}

/// One part of a large command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    /// The change that it is part of.
    pub change: ChangeId,
    /// The level that the whole needs.
    pub level: u32,
    /// Which part, from 0.
    pub number: u32,
    /// Of how many.
    pub of: u32,
    /// The part.
    pub bytes: Vec<u8>,
}

/// A large change on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ChangeId {
    /// Who sends it.
    pub client: ClientId,
    /// Which of its changes.
    pub number: u64,
}

/// A plan of one service that the leader proposes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanProposal {
    /// The service.
    pub service: ServiceKey,
    /// What it was computed from, and the plan; `None`: the service is no longer federated.
    pub plan: Option<(PlanInputs, ServicePlan)>,
    /// The generation of the committed plan that it was planned on from; `None`: planned from the inputs alone, or the
    /// plan before makes no difference. Refused where another plan has been committed since.
    pub previous: Option<Generation>,
}
