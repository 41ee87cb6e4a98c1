//! What can be decided: one enum, serialised into the log.

use causeway_api::ids::{MemberName, ReplicaId, ServiceKey};
use causeway_api::plan::{PlanInputs, ServicePlan};
use causeway_api::spec::{MemberSpec, Placement, PolicyKey, PolicySpec};
use causeway_api::verdict::Vote;
use serde::{Deserialize, Serialize};

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

/// What can be decided. Variants are only ever added at the end, since logs outlive versions.
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
}

/// A plan of one service that the leader proposes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanProposal {
    /// The service.
    pub service: ServiceKey,
    /// What it was computed from, and the plan; `None`: the service is no longer federated.
    pub plan: Option<(PlanInputs, ServicePlan)>,
}
