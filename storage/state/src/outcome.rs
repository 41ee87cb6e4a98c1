//! What became of a command.

use causeway_api::generation::Generation;
use causeway_api::ids::{MemberName, NetworkName, ServiceKey};
use causeway_api::verdict::{Subject, VerdictState};
use serde::{Deserialize, Serialize};

/// What became of a request.
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
}
