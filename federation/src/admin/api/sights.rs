//! What one replica sees of the others and of its own log: told with or without a quorum.

use causeway_api::generation::Generation;
use serde::{Deserialize, Serialize};

/// One replica, as the one that answers sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplicaSight {
    /// The replica.
    pub replica: String,
    /// What it would be lost together with; empty: nothing was declared.
    pub domain: String,
    /// Where other replicas reach it.
    pub address: String,
    /// Whether it votes on decisions.
    pub voter: bool,
    /// Whether it leads, as far as is known.
    pub leader: bool,
    /// Whether it is reached from here; the one that answers reaches itself.
    pub reachable: bool,
    /// The median of the last round trips, in microseconds.
    pub round_trip_us: Option<u64>,
    /// How long its disk takes now to make a write durable, in microseconds; `None`: it has not said.
    #[serde(default)]
    pub disk_us: Option<u64>,
    /// How long ago it was heard, in milliseconds.
    pub heard_ago_ms: Option<u64>,
    /// The newest decision that it has seen, as it said last.
    pub highest: Option<Generation>,
    /// Its time of day less that of the one that answers, in milliseconds: for people, nothing relies on it.
    pub clock_offset_ms: Option<i64>,
    /// Whether facts come from it.
    pub facts: bool,
    /// Its version.
    pub version: Option<String>,
    /// Why it is not reached.
    pub trouble: Option<String>,
}

/// How far the log of the replica that answers is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct LogSight {
    /// Its term.
    pub term: u64,
    /// The last entry that it holds.
    pub last: u64,
    /// The last that it knows to be decided.
    pub committed: u64,
    /// The last that is in force here.
    pub applied: u64,
    /// The last that its newest snapshot contains.
    pub snapshot: u64,
    /// How long its last writes took until they were safe on disk, or for how long the one that is under way has been if that is
    /// longer, in microseconds; `None`: not measured yet.
    pub disk_us: Option<u64>,
}
