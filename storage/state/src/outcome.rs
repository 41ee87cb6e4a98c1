//! What became of a command.

use causeway_api::domain::Domain;
use causeway_api::generation::Generation;
use causeway_api::ids::{MemberName, NetworkName, Region, ReplicaId, ServiceKey};
use causeway_api::plan::Rate;
use causeway_api::registry::{HostUid, ObjectKey};
use causeway_api::shift::ShiftKey;
use causeway_api::verdict::{Subject, VerdictState};
use causeway_failover::safety::SafetyRefusal;
use serde::{Deserialize, Serialize};

use crate::contingency::Activation;

/// What became of a request.
#[allow(
    clippy::large_enum_variant,
    reason = "one is made for each command, and none is kept"
)]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// It was applied at this generation.
    Accepted {
        /// The decision's place in the log.
        generation: Generation,
        /// What it brought about.
        effect: Effect,
    },
    /// It changed nothing: the state is already so.
    Unchanged,
    /// The same client sent the same serial before; it was applied then.
    Duplicate,
    /// It was refused whole, and the state is as before.
    Refused(Refusal),
}

/// What an accepted command brought about, for those who act on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Effect {
    /// Verdicts that changed: the subject, and from what to what.
    pub verdicts: Vec<(Subject, VerdictState, VerdictState)>,
    /// Plans that were accepted.
    pub planned: Vec<ServiceKey>,
    /// Plans that were refused, each with the reason.
    pub refused: Vec<(ServiceKey, Refusal)>,
    /// Members whose placement changed.
    pub placed: Vec<MemberName>,
    /// Networks that are reached in another way than before, or no longer.
    pub networks: Vec<NetworkName>,
    /// Members whose declaration changed, that came or went.
    pub members: Vec<MemberName>,
    /// Whether a policy changed.
    pub policies: bool,
    /// Votes that were left out, each with the reason.
    pub ignored: Vec<(Subject, Refusal)>,
    /// Whether an owner of a declaration, a stage of a deletion, or the level in force changed.
    pub registry: bool,
    /// Services whose plans are to be looked at again, though neither facts nor verdicts changed: an override, an approval or
    /// time changed what they rest on.
    pub replan: Vec<ServiceKey>,
    /// Whether all plans are to be looked at again.
    pub replan_all: bool,
    /// Plans that wait for a person.
    pub pending: Vec<ServiceKey>,
    /// Whether overrides, approvals, ramps or the brake changed, which people look at.
    pub people: bool,
    /// Whether something else is prepared for a loss than before.
    pub contingencies: bool,
    /// What was prepared came into force.
    pub activated: Option<Activation>,
    /// Services whose plans stay, and rest on other inputs from now on.
    pub noted: Vec<ServiceKey>,
}

impl Effect {
    /// Takes in what something else in the same command brought about.
    pub(crate) fn add(&mut self, other: Self) {
        self.verdicts.extend(other.verdicts);
        self.planned.extend(other.planned);
        self.refused.extend(other.refused);
        self.placed.extend(other.placed);
        self.networks.extend(other.networks);
        self.members.extend(other.members);
        self.policies |= other.policies;
        self.ignored.extend(other.ignored);
        self.registry |= other.registry;
        self.replan.extend(other.replan);
        self.replan_all |= other.replan_all;
        self.pending.extend(other.pending);
        self.people |= other.people;
        self.contingencies |= other.contingencies;
        self.activated = other.activated.or(self.activated.take());
        self.noted.extend(other.noted);
    }
}

/// Why a command, or a plan in it, was refused. Each message names the object, the field, what was found and the
/// remedy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    /// No such member is registered.
    #[error("member {0} is not registered: create a MemberCluster of that name")]
    UnknownMember(MemberName),
    /// Another cluster stands under this name.
    #[error(
        "member {member} is the cluster with kube-system UID {registered}, and an agent of the cluster {claimed} reported under \
         its name: give each cluster a name of its own, or remove the MemberCluster first if the old cluster is gone for good"
    )]
    ForeignCluster {
        /// The member.
        member: MemberName,
        /// The UID that it is registered with.
        registered: String,
        /// The UID that was reported.
        claimed: String,
    },
    /// The plan failed a check.
    #[error("the plan of {service} was refused by the check {check}: {message}")]
    PlanCheck {
        /// The service.
        service: ServiceKey,
        /// The check's name.
        check: String,
        /// What it found.
        message: String,
    },
    /// The clusterset exists already.
    #[error(
        "this clusterset exists already (incarnation {incarnation}): a data folder is bootstrapped once and only once"
    )]
    AlreadyBootstrapped {
        /// Its incarnation.
        incarnation: u64,
    },
    /// A batch is larger than a command may be.
    #[error("{what} carries {found} items: at most {limit} fit one command; send them in several")]
    TooLarge {
        /// Which command.
        what: String,
        /// How many.
        found: u64,
        /// How many are allowed.
        limit: u64,
    },
    /// No clusterset exists here yet.
    #[error("no clusterset exists here yet: the first command must be Bootstrap")]
    NotBootstrapped,
    /// Incarnation 0 means "none".
    #[error("a clusterset cannot be bootstrapped with incarnation 0: the first is 1")]
    NoIncarnation,
    /// Concluded, not voted on.
    #[error("{0} is concluded and not voted on: vote on gateway/MEMBER/NAME or session/MEMBER")]
    NotVotable(Subject),
    /// No such gateway is known.
    #[error(
        "{0} is no gateway that its member has: it was withdrawn, or its agent has not reported it yet; ask for the member's \
         placement"
    )]
    UnknownGateway(Subject),
    /// The plan ignores a verdict, or claims one that there is not.
    #[error(
        "the plan of {service} takes {member} as {claimed}, and the verdicts say {found}: plan again from the current state"
    )]
    VerdictIgnored {
        /// The service.
        service: ServiceKey,
        /// The member.
        member: MemberName,
        /// What the plan's inputs say of it.
        claimed: String,
        /// What the verdicts say.
        found: String,
    },
    /// The plan was computed from a policy that is not in force.
    #[error(
        "the plan of {service} was computed from another policy than the one in force (from {found}): plan again from the \
         current state"
    )]
    StalePolicy {
        /// The service.
        service: ServiceKey,
        /// The policies in force for it, the most general first.
        found: String,
    },
    /// The level in force does not have this command yet.
    #[error(
        "{what} needs feature level {needs} and level {in_force} is in force: it rises by itself once every replica runs a \
         version that knows it (causeway replica list)"
    )]
    LevelTooLow {
        /// Which command.
        what: String,
        /// What it needs.
        needs: u32,
        /// What is in force.
        in_force: u32,
    },
    /// Another host cluster owns the object.
    #[error(
        "{object} is owned by host {owner} (kube-system UID {uid}), so what is changed in another host is shown and not applied: \
         change it there, or make this host its owner with `causeway registry move {kind} {name} --to HOST`",
        kind = object.kind(), name = object.name()
    )]
    NotOwner {
        /// The object.
        object: ObjectKey,
        /// The owner's name.
        owner: String,
        /// The owner.
        uid: HostUid,
    },
    /// An older version of an object than what is in force.
    #[error(
        "{object} has metadata.generation {found} and generation {held} of the same object is in force already: its host cluster \
         came back from an older backup. To put in force what stands there now: `causeway registry move {kind} {name} --to` its \
         own host",
        kind = object.kind(), name = object.name()
    )]
    OlderDeclaration {
        /// The object.
        object: ObjectKey,
        /// Its generation.
        found: i64,
        /// The generation that is in force.
        held: i64,
    },
    /// An object that was deleted before.
    #[error(
        "{object} is the very object (UID {uid}) that was deleted before: its host cluster came back from an older backup. \
         Delete it, or delete it and create it anew to register it again"
    )]
    CameBack {
        /// The object.
        object: ObjectKey,
        /// Its UID.
        uid: String,
    },
    /// No such declaration.
    #[error("{0} is not in the registry: see `causeway registry list`")]
    UnknownObject(ObjectKey),
    /// No such host.
    #[error(
        "no host cluster with the kube-system UID {0} has declared anything yet: see `causeway registry list`; a replica \
         makes its host known when it starts"
    )]
    UnknownHost(HostUid),
    /// A part of a large change does not fit the others.
    #[error(
        "a part of a large change was refused: {0}; nothing of it takes effect, and it may be sent anew"
    )]
    Chunk(String),
    /// One cluster reports under two names: its endpoints would count twice.
    #[error(
        "the cluster with kube-system UID {cluster_uid} is member {other} already, and an agent reports it as {member} too: run that          agent with the kubeconfig of its own cluster, or delete one of the two MemberClusters"
    )]
    OneClusterTwoNames {
        /// The member that reported it last.
        member: MemberName,
        /// The member that it is.
        other: MemberName,
        /// The UID.
        cluster_uid: String,
    },
    /// A safety rule refuses the move.
    #[error(transparent)]
    Safety(SafetyRefusal),
    /// The plan ignores what people override, or how traffic returns, or makes it up.
    #[error(
        "the plan of {service} takes {member} as {claimed}, and by overrides and failback it is {found}: plan again from the \
         current state"
    )]
    ShiftIgnored {
        /// The service.
        service: ServiceKey,
        /// The member.
        member: MemberName,
        /// What the plan's inputs say.
        claimed: String,
        /// What is so.
        found: String,
    },
    /// What a person asked for cannot be as it is.
    #[error("{object}: {field}: {message}")]
    Malformed {
        /// What is asked for.
        object: String,
        /// The field.
        field: String,
        /// What is wrong with it, and what to do.
        message: String,
    },
    /// No such override is in force.
    #[error(
        "there is no TrafficShift {0}: it has ended or expired, or was never accepted; see `causeway status`"
    )]
    UnknownShift(ShiftKey),
    /// Nothing waits for this.
    #[error(
        "{0} does not wait for approval: what it rested on may have changed; see `causeway status`"
    )]
    NothingToApprove(String),
    /// Whoever asks does not approve.
    #[error(
        "{by} asked for TrafficShift {shift}, or approved it before: another person must approve it"
    )]
    OwnApproval {
        /// The override.
        shift: ShiftKey,
        /// Who.
        by: String,
    },
    /// The brake is not on.
    #[error("the brake is not on: automation runs")]
    NotBraked,
    /// Nothing can be prepared for the loss of this.
    #[error(
        "{domain} cannot be prepared for: nothing lives in it, or what was said is of {said}; prepare again from the current state"
    )]
    NotPrepared {
        /// The domain.
        domain: Domain,
        /// Of which the readiness is.
        said: Domain,
    },
    /// The plan goes on from one that is no longer committed.
    #[error(
        "the plan of {service} was planned on from the plan of generation {previous}, and another is committed: plan again from \
         the current state"
    )]
    StalePlan {
        /// The service.
        service: ServiceKey,
        /// The generation that it goes on from.
        previous: Generation,
    },
    /// The id of a replica is used up.
    #[error(
        "replica {replica} was removed (at generation {at}), and an id is never used twice: start the controller with a new \
         --replica-id, an empty data folder and --join, and add that one (causeway replica add)"
    )]
    ReplicaRemoved {
        /// The replica.
        replica: ReplicaId,
        /// When.
        at: Generation,
    },
    /// Another data folder under the id of a member.
    #[error(
        "replica {replica} is a member with another data folder, and an id is never used twice: start this one with a new \
         --replica-id, or remove the member first if its folder is lost (causeway replica remove {id})",
        id = replica.0
    )]
    ReplicaIdTaken {
        /// The replica.
        replica: ReplicaId,
    },
    /// The plan sends more through shared gateways than they carry, all services together.
    #[error(
        "the plan of {service} raises what it sends through the gateways of network {network}, which carry {carries}: with all \
         others' parts it comes to {sent}. Allot them anew and plan again"
    )]
    GatewayOverfull {
        /// The service.
        service: ServiceKey,
        /// The network.
        network: NetworkName,
        /// What its gateways carry.
        carries: Rate,
        /// What all services would send, or are allotted.
        sent: Rate,
    },
    /// Services that policy moves as one would go different ways.
    #[error(
        "the plan of {service} binds callers in {region} otherwise than that of {other}, and policy moves both as one: plan them \
         together"
    )]
    NotTogether {
        /// The service.
        service: ServiceKey,
        /// Another of the same policy.
        other: ServiceKey,
        /// Where the callers are.
        region: Region,
    },
    /// Something else waits than what a person looked at.
    #[error(
        "what waits has changed since: {object} of {seen} was looked at, and it is that of {now} now. Look at it again \
         (causeway approve), and approve it if it is still right"
    )]
    ChangedSince {
        /// What.
        object: String,
        /// The generation of what they looked at.
        seen: Generation,
        /// That of what waits now.
        now: Generation,
    },
    /// Nobody says what they looked at.
    #[error(
        "{object} is approved as it was looked at, and nobody says which one that is: causeway approve shows what waits, with \
         its generation, which is {now} now"
    )]
    NotSeen {
        /// What.
        object: String,
        /// The generation of what waits.
        now: Generation,
    },
    /// The plan says something else of what the state knows.
    #[error("the plan of {service} takes {contradiction}: plan again from the current state")]
    InputContradicted {
        /// The service.
        service: ServiceKey,
        /// What it says, and what is so.
        contradiction: Box<Contradiction>,
    },
}

/// What a plan's inputs say of a place, and what is so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{field} of {place} as {claimed}, and by what is placed, declared and voted it is {found}")]
pub struct Contradiction {
    /// Where: MEMBER/ZONE, of callers or of what serves.
    pub place: String,
    /// Which of the plan's inputs.
    pub field: String,
    /// What they say.
    pub claimed: String,
    /// What is so.
    pub found: String,
}
