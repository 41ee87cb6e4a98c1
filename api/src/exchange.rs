//! What two replicas say to each other of facts, as values: no decision, no log, and no quorum is needed for any of it.
//!
//! Each connection has a *giver* and a *taker*; two replicas have one in each direction. The giver sends what it hears
//! first-hand as it comes, and now and then a digest of what it holds ([`FromGiver::Offer`]); a taker that holds
//! something else asks for the table ([`FromTaker::Compare`]) and then for what it lacks ([`FromTaker::Want`]).

use serde::{Deserialize, Serialize};

use crate::facts::FactDelta;
use crate::generation::{FactVersion, Generation};
use crate::ids::MemberName;
use crate::session::DiffEntry;
use crate::view::Applied;

/// From the replica that gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromGiver {
    /// A fingerprint of [`FromGiver::Table`], sent when the connection begins and every few seconds.
    Offer {
        /// The fingerprint; equal tables have equal ones.
        digest: u64,
    },
    /// What it holds of each owner.
    Table(Vec<OwnerHeld>),
    /// Facts: heard first-hand, or asked for.
    Facts(Box<GivenFacts>),
    /// An owner's facts as a whole, in a form that is quick to take. From protocol 2 on.
    Packed(Box<PackedFacts>),
    /// The sessions that it has, or had.
    Presence(Vec<Presence>),
    /// Nothing to say, still there: its open sessions count as heard.
    Alive,
    /// The answer to [`FromTaker::AskDiff`].
    Diff {
        /// The number of the question.
        id: u64,
        /// The differences, or why there is no answer.
        answer: Result<Vec<DiffEntry>, String>,
    },
}

/// From the replica that takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromTaker {
    /// It holds something else than what was offered: send the table.
    Compare,
    /// It holds less of these owners: send what follows.
    Want(Vec<OwnerWanted>),
    /// Ask the agent of a member that has its session with the giver for the exact difference between view and mesh.
    AskDiff {
        /// The number of the question, for the answer.
        id: u64,
        /// The member.
        member: MemberName,
    },
}

/// What is held of one owner: two versions, since an agent that begins anew introduces itself by the member's row alone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OwnerHeld {
    /// The owner.
    pub owner: MemberName,
    /// The version of the member's own row.
    pub version: FactVersion,
    /// The version at which its other rows were stated last; 0.0: never.
    pub stated: FactVersion,
}

/// An owner of which something is wanted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OwnerWanted {
    /// The owner.
    pub owner: MemberName,
    /// What is held already, so that deltas on it will do; `None`: nothing, or nothing that deltas could follow.
    pub held: Option<FactVersion>,
}

/// Facts from one replica to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenFacts {
    /// A delta, or the whole.
    pub delta: FactDelta,
    /// The version at which rows other than the member's own were stated last, once this is applied.
    pub stated: FactVersion,
}

/// An owner's facts as a whole, for a replica that lacks them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackedFacts {
    /// All of it but services and endpoints.
    pub delta: FactDelta,
    /// The version at which rows other than the member's own were stated last.
    pub stated: FactVersion,
    /// Services and endpoints. What they say is `causeway-index`'s business, which checks them.
    pub rows: Vec<u8>,
}

/// One member's session, as the replica says that has it or had it last. The replica is its only writer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presence {
    /// The member.
    pub member: MemberName,
    /// The epoch of the agent's Lease; 0: a standby.
    pub epoch: u64,
    /// Counts the sessions of one agent, whichever replica they are with: of one epoch the highest is the newest.
    pub sequence: u64,
    /// Whether the session is open; else it has ended.
    pub open: bool,
    /// For how long it has been open, or has been over, in milliseconds.
    pub for_ms: u64,
    /// The agent's version, for people.
    pub version: String,
    /// The protocol that both speak.
    pub protocol: u32,
    /// The highest generation that was sent to the agent.
    pub sent: Generation,
    /// What became of the view (owners' versions left out).
    pub applied: Option<Applied>,
    /// How long the agent has been behind what was sent, in milliseconds; `None`: it is not.
    pub behind_ms: Option<u64>,
}

impl Presence {
    /// What orders the sessions of one member: the highest is the newest.
    #[must_use]
    pub fn order(&self) -> (u64, u64) {
        (self.epoch, self.sequence)
    }
}
