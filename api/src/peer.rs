//! What replicas say to each other, as values. The wire form (protobuf) is in `causeway-wire`.
//!
//! Each replica dials every other one, on several [`Lane`]s: the dialler asks, the other answers. Both begin with a
//! [`PeerHello`]; whoever finds the other unfit says why and closes. Then come pings, calls of the decision log and,
//! on their own lane, facts.

use serde::{Deserialize, Serialize};

use crate::exchange::{FromGiver, FromTaker};
use crate::generation::Generation;
use crate::ids::ReplicaId;

/// The newest version of this protocol that this build speaks: 2 knows packed facts.
pub const PEER_PROTOCOL: u32 = 2;

/// The version of this protocol from which on a replica takes [`FromGiver::Packed`].
pub const PACKED_FACTS: u32 = 2;

/// The oldest version of this protocol that this build still speaks.
pub const PEER_PROTOCOL_OLDEST: u32 = 1;

/// What a connection between two replicas is for. Each lane is a connection of its own, so that much of one never
/// delays another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Lane {
    /// Votes, heartbeats, log entries and forwarded proposals.
    Raft,
    /// Facts, presence and their digests.
    Facts,
    /// Snapshots.
    Bulk,
}

impl Lane {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Raft, Self::Facts, Self::Bulk];

    /// Its name, for people.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Raft => "raft",
            Self::Facts => "facts",
            Self::Bulk => "bulk",
        }
    }
}

impl std::fmt::Display for Lane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// Versions that a build understands, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Default)]
pub struct Range {
    /// The oldest.
    pub oldest: u32,
    /// The newest.
    pub newest: u32,
}

impl Range {
    /// What both understand, the newest of it; `None`: nothing.
    #[must_use]
    pub fn common(self, other: Self) -> Option<u32> {
        let newest = self.newest.min(other.newest);
        (newest >= self.oldest.max(other.oldest)).then_some(newest)
    }
}

/// `3` or `2-3`.
impl std::fmt::Display for Range {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.oldest == self.newest {
            write!(f, "{}", self.newest)
        } else {
            write!(f, "{}-{}", self.oldest, self.newest)
        }
    }
}

/// Where a replica is reached, each as `host:port`; empty: nowhere.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Default)]
pub struct PeerAddresses {
    /// By other replicas.
    pub peers: String,
    /// By agents.
    pub sessions: String,
    /// By operators.
    pub admin: String,
}

/// A replica introduces itself; both sides do, the dialler first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerHello {
    /// Who it is. Must be whom its certificate names.
    pub replica: ReplicaId,
    /// Whom it takes the other for; `None`: it knows an address only.
    pub to: Option<ReplicaId>,
    /// What the connection is for.
    pub lane: Lane,
    /// The protocols that it speaks.
    pub protocols: Range,
    /// The feature levels of the state machine that it knows.
    pub features: Range,
    /// Its version, for people.
    pub version: String,
    /// Drawn at random at each start of the process: two processes under one id differ in it.
    pub boot: u64,
    /// Drawn at random when its data folder was made: a folder that was wiped differs in it. 0: unknown.
    pub folder: u64,
    /// Names the clusterset, drawn when it was begun; 0: it belongs to none yet.
    pub clusterset: u64,
    /// The highest generation that it has seen. An incarnation of 0: it belongs to no clusterset yet.
    pub highest: Generation,
    /// What it would be lost together with.
    pub domain: String,
    /// Where it is reached.
    pub addresses: PeerAddresses,
    /// Where the other members are reached; said only to one who is no member, so that it introduces itself to them as well.
    pub others: Vec<PeerOther>,
}

/// Another member, for one who is none yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerOther {
    /// Which.
    pub replica: ReplicaId,
    /// Where other replicas reach it, as `host:port`.
    pub address: String,
}

/// From the replica that dialled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToPeer {
    /// First, once.
    Hello(PeerHello),
    /// Is it there, and how far?
    Ping(Ping),
    /// A call of the decision log.
    Call(Call),
    /// The other has no part in the clusterset any more, as this replica knows.
    Fenced(Fenced),
    /// On the lane of facts: the dialler gives.
    Facts(FromGiver),
}

/// From the replica that was dialled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromPeer {
    /// The answer to [`ToPeer::Hello`].
    Hello(PeerHello),
    /// The connection cannot be; it is closed after this.
    Refused {
        /// Why, with the remedy.
        reason: String,
        /// Whether to try again soon; else a person must act, and it is tried only slowly.
        retry: bool,
    },
    /// The answer to [`ToPeer::Ping`].
    Pong(Pong),
    /// The answer to [`ToPeer::Call`] of the same number.
    Answer {
        /// The number of the call.
        id: u64,
        /// The content, or why there is none.
        answer: Result<Vec<u8>, String>,
    },
    /// The dialler has no part in the clusterset any more, as this replica knows; the connection is closed after this.
    Fenced(Fenced),
    /// On the lane of facts: who was dialled takes.
    Facts(FromTaker),
}

/// A replica hears that it has no part in its clusterset any more, because it is of an old incarnation or was removed: it
/// stops serving and voting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fenced {
    /// The incarnation that has no part for it: a newer one than its own, or its own where it was removed.
    pub incarnation: u64,
    /// Who says so.
    pub by: ReplicaId,
    /// The decision by which it was removed, if it was.
    pub removed: Option<Generation>,
}

impl Fenced {
    /// What such a replica does from then on, and what to do with it.
    pub const REMEDY: &str = "It neither serves nor votes any more. To be rid of it, stop its controller; to rejoin, empty its data \
        folder, start it with a new --replica-id and --join, and add it with causeway replica add";
}

/// Ends with the incarnation, by which a data folder says it to those who recover.
impl std::fmt::Display for Fenced {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (by, incarnation) = (self.by, self.incarnation);
        match self.removed {
            Some(at) => write!(
                f,
                "replica {by} says that this one was removed at generation {at}, in incarnation {incarnation}"
            ),
            None => write!(f, "replica {by} is of incarnation {incarnation}"),
        }
    }
}

/// Asks whether the other side is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ping {
    /// Returned in the answer.
    pub number: u64,
    /// The highest generation that the sender has seen.
    pub highest: Generation,
    /// The sender's round trip to so many others as make a majority with it, in microseconds; 0: not measured yet.
    pub majority_us: u32,
    /// How long its disk takes now to make a write durable, in microseconds; 0: not measured yet.
    pub disk_us: u32,
}

/// The answer to a [`Ping`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pong {
    /// That of the question.
    pub number: u64,
    /// The highest generation that the sender has seen.
    pub highest: Generation,
    /// The sender's time of day in milliseconds since the Unix epoch: shown to people, never relied upon.
    pub wall_ms: i64,
}

/// A call of one replica's decision log to another's. Its content is the log's own business.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// Returned in the answer.
    pub id: u64,
    /// What is called.
    pub kind: PeerCallKind,
    /// The content.
    pub body: Vec<u8>,
}

/// What a replica's log asks of another's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum PeerCallKind {
    /// Append entries, or hear that the leader is there.
    Append,
    /// Vote.
    Vote,
    /// Say whether you would vote.
    PreVote,
    /// Take a piece of a snapshot.
    Snapshot,
    /// Take over the lead.
    TransferLeader,
    /// Propose a command: you lead.
    Propose,
    /// Change who is a member: you lead.
    Change,
    /// Confirm that you lead, and say how far the log was decided: for a read here.
    Read,
}

impl PeerCallKind {
    /// The lane that it travels on.
    #[must_use]
    pub fn lane(self) -> Lane {
        match self {
            Self::Snapshot => Lane::Bulk,
            _ => Lane::Raft,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_meet_at_the_newest_that_both_know() {
        let range = |oldest, newest| Range { oldest, newest };
        assert_eq!(range(1, 3).common(range(2, 5)), Some(3));
        assert_eq!(range(2, 5).common(range(1, 3)), Some(3));
        assert_eq!(range(1, 1).common(range(2, 3)), None);
        assert_eq!(range(4, 4).to_string(), "4");
        assert_eq!(range(1, 4).to_string(), "1-4");
    }
}
