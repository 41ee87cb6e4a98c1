//! Bugs that are planted on purpose, to show that the simulator catches them.

use openraft::impls::leader_id_std;
use openraft::raft::{VoteRequest, VoteResponse};

/// A planted bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Plant {
    /// Syncs of the log's database return at once and do nothing.
    FsyncSkipped,
    /// A replica that asks whether it would be elected hears that it would.
    PreVoteGranted,
    /// Reads that are to be linearizable are answered from whatever state the replica has.
    StaleRead,
    /// Agents write without saying what they mean to replace, so that a write that arrives late puts an older generation over
    /// a newer one. In the fleet alone.
    UnguardedWrite,
    /// What replicas heard first-hand of their agents is lost on the way to the others, and they never compare. In the fleet
    /// alone.
    FactsLost,
    /// Changes of networks are lost on the way to agents. In the fleet alone.
    ViewsLost,
    /// Agents write a service's entries anew, by deleting all of them first. In the fleet alone.
    RewrittenFromNothing,
    /// Cluster time advances by more than has passed. In the fleet alone.
    HastyTime,
    /// The hold-down that people declare is read as one second. In the fleet alone.
    HoldDownMisread,
    /// What an endpoint carries is read as two and a half times of what people declare. In the fleet alone.
    CapacityMisread,
    /// What gateways carry is read as ten times of what people declare. In the fleet alone.
    GatewayMisread,
    /// Policies that limit what moves in a window come without their limit. In the fleet alone.
    LimitLost,
    /// Evacuations are taken for dry runs. In the fleet alone.
    EvacuationRehearsed,
    /// A member's second agent holds a Lease of its own. In the fleet alone.
    OwnLease,
    /// That a replica has no part any more is lost on the way to it. In the fleet alone.
    FencingLost,
    /// Lists of MemberClusters come without the last one. In the fleet alone.
    ListsCut,
    /// Questions for votes are lost between replicas. In the fleet, and in the worlds that are like it.
    VotesLost,
    /// What is decided already is decided again and again. In the quiet world alone.
    Restless,
}

impl Plant {
    /// As it is given on the command line.
    #[must_use]
    pub fn name(self) -> String {
        let value = clap::ValueEnum::to_possible_value(&self);
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

openraft::declare_raft_types!(
    /// The types of the decision log, as far as votes show them: they stand on the wire alike.
    pub(crate) Alike:
        D = String,
        R = String,
        NodeId = u64,
        Node = openraft::impls::EmptyNode,
        LeaderId = leader_id_std::LeaderId<u64, u64>,
);

/// The answer to a pre-vote that grants it, whatever the replica knows.
pub(crate) fn grant(question: &[u8]) -> Result<Vec<u8>, String> {
    let question: VoteRequest<Alike> =
        postcard::from_bytes(question).map_err(|error| error.to_string())?;
    let answer = VoteResponse::<Alike>::new(question.vote, None, true);
    postcard::to_stdvec(&answer).map_err(|error| error.to_string())
}
