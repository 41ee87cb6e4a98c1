//! `GET /v1/replicas`: the replicas, as the one that answers sees them; and `POST /v1/replicas/change`.

use causeway_api::Generation;
use serde::{Deserialize, Serialize};

/// The replicas.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct ReplicasReport {
    /// Who answers, such as `r1`.
    pub asked: String,
    /// Its time of day, in milliseconds since the Unix epoch.
    pub asked_at_ms: i64,
    /// Who leads, as far as it knows.
    pub leader: Option<String>,
    /// For how long it has known so.
    pub leader_for_ms: u64,
    /// The term of its log.
    pub term: u64,
    /// For a leader: how long ago a majority last confirmed it.
    pub quorum_heard_ms: Option<u64>,
    /// How many voters there are, and how many must agree.
    pub voters: u64,
    /// How many must agree.
    pub quorum: u64,
    /// How often a leader is heard, in milliseconds.
    pub heartbeat_ms: u64,
    /// The shortest silence after which another is elected, in milliseconds.
    pub election_ms: u64,
    /// What the loss of one failure domain would mean, where it would lose the quorum.
    pub domain_risk: Option<String>,
    /// The replicas, by id; those that wait to be added are last.
    pub replicas: Vec<ReplicaRow>,
}

/// A replica.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct ReplicaRow {
    /// Its number.
    pub id: u64,
    /// What it is: `leader`, `voter`, `learner` (no vote yet) or `waiting` (to be added).
    pub role: String,
    /// Its declared failure domain; empty: none.
    pub domain: String,
    /// Where other replicas reach it.
    pub address: String,
    /// Where agents reach it, as it said.
    pub sessions: String,
    /// Where operators reach it, as it said.
    pub admin: String,
    /// Whether it is reached from the replica that answers (itself always).
    pub reachable: bool,
    /// How long ago it was heard there.
    pub heard_ms: Option<u64>,
    /// The round trip from there, in microseconds.
    pub round_trip_us: Option<u64>,
    /// Its own round trip to a majority, in microseconds.
    pub majority_us: Option<u64>,
    /// How long its disk takes now to make a write durable, in microseconds.
    pub disk_us: Option<u64>,
    /// How many entries it lacks; known to the leader alone.
    pub lag: Option<u64>,
    /// The highest generation that it has seen.
    pub highest: Generation,
    /// Its version.
    pub version: String,
    /// Its time of day less that of the replica that answers, in milliseconds; shown only.
    pub clock_offset_ms: Option<i64>,
    /// The part of a snapshot that it has got, in bytes of so many.
    pub snapshot: Option<(u64, u64)>,
    /// What is wrong with it, or what it waits for.
    pub note: Option<String>,
}

/// A change that is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "lowercase")]
pub enum ReplicaChange {
    /// A replica joins, without a vote at first.
    Add {
        /// Its number.
        id: u64,
        /// Where it is reached; `None`: as it said when it introduced itself here.
        address: Option<String>,
        /// Its failure domain; `None`: as it said.
        domain: Option<String>,
        /// Whose place it takes.
        replace: Option<u64>,
        /// Whether the loss of one domain may lose the quorum then.
        #[serde(default)]
        accept_domain_risk: bool,
    },
    /// One that has caught up gets its vote.
    Promote {
        /// Its number.
        id: u64,
        /// Whose place it takes.
        replace: Option<u64>,
        /// Whether the loss of one domain may lose the quorum then.
        #[serde(default)]
        accept_domain_risk: bool,
    },
    /// A replica leaves.
    Remove {
        /// Its number.
        id: u64,
        /// Whether the loss of one domain may lose the quorum then.
        #[serde(default)]
        accept_domain_risk: bool,
    },
    /// The lead passes.
    Transfer {
        /// To whom; `None`: to whoever is best placed.
        to: Option<u64>,
    },
}
