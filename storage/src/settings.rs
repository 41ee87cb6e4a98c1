//! How the log behaves. None of these changes a decision.

use std::time::Duration;

/// Settings of one replica's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// How often a leader says that it is there, in milliseconds.
    pub heartbeat_ms: u64,
    /// The shortest silence of a leader after which a replica stands for election, in milliseconds.
    pub election_min_ms: u64,
    /// The longest.
    pub election_max_ms: u64,
    /// How long a proposal may take before its fate is called unknown.
    pub propose_limit: Duration,
    /// A snapshot is written after so many entries.
    pub snapshot_every: u64,
    /// So many entries are kept behind a snapshot, for replicas that are a little behind, and for those who ask how it was: the
    /// snapshot before is kept as well, and from there on every state can be had again.
    pub keep_entries: u64,
    /// How many bytes of records the journal of a new data folder takes before they are carried over to the tables. One that
    /// is there keeps its size.
    pub journal_bytes: usize,
    /// The largest command that is taken, in encoded bytes.
    pub command_bytes: usize,
    /// How many steps a follower of decisions may be behind before it is told that it missed some.
    pub decisions_kept: usize,
    /// The highest level of behaviour that this replica takes part in: what its version knows. Lower only in tests, where a
    /// replica stands for one of an older version.
    pub feature_level: u32,
}

/// How patient a log is: set by the round trips between the replicas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// How often a leader says that it is there, in milliseconds.
    pub heartbeat_ms: u64,
    /// The shortest silence of a leader after which a replica stands for election, in milliseconds.
    pub election_min_ms: u64,
    /// The longest.
    pub election_max_ms: u64,
}

impl Timing {
    /// What fits replicas on one local network.
    pub const NEAR: Self = Self {
        heartbeat_ms: 100,
        election_min_ms: 300,
        election_max_ms: 450,
    };

    /// What fits a longest round trip: ten of them before an election, and a heartbeat whose answer comes before the next.
    #[must_use]
    pub fn for_round_trip(longest: Duration) -> Self {
        let trip = u64::try_from(longest.as_millis())
            .unwrap_or(u64::MAX)
            .min(2_000);
        // In steps, so that a small change of the measurement changes nothing.
        let election_min_ms = (trip * 10)
            .next_multiple_of(100)
            .max(Self::NEAR.election_min_ms);
        Self {
            heartbeat_ms: (trip * 2).next_multiple_of(50).max(Self::NEAR.heartbeat_ms),
            election_min_ms,
            election_max_ms: election_min_ms + election_min_ms / 2,
        }
    }

    /// Whether this is to be replaced by `other`: at once where it is too short, and only where much is gained if it is too
    /// long.
    #[must_use]
    pub fn yields_to(&self, other: &Self) -> bool {
        other.election_min_ms > self.election_min_ms
            || other.election_min_ms * 2 <= self.election_min_ms
    }
}

impl Default for Settings {
    /// For replicas within some 30 ms of each other: elections after ten round trips.
    fn default() -> Self {
        Self {
            heartbeat_ms: 100,
            election_min_ms: 300,
            election_max_ms: 450,
            propose_limit: Duration::from_secs(5),
            snapshot_every: 5_000,
            // A little more than lies between two snapshots.
            keep_entries: 6_000,
            journal_bytes: crate::log::JOURNAL_BYTES,
            command_bytes: 8 << 20,
            decisions_kept: 4_096,
            feature_level: causeway_state::level::FEATURE_LEVEL,
        }
    }
}

impl Settings {
    /// How patient the log is.
    #[must_use]
    pub fn timing(&self) -> Timing {
        Timing {
            heartbeat_ms: self.heartbeat_ms,
            election_min_ms: self.election_min_ms,
            election_max_ms: self.election_max_ms,
        }
    }

    /// The same with another patience.
    #[must_use]
    pub fn with(self, timing: Timing) -> Self {
        Self {
            heartbeat_ms: timing.heartbeat_ms,
            election_min_ms: timing.election_min_ms,
            election_max_ms: timing.election_max_ms,
            ..self
        }
    }

    /// openraft's configuration.
    pub(crate) fn raft(&self) -> openraft::Config {
        openraft::Config {
            cluster_name: "causeway".into(),
            heartbeat_interval: self.heartbeat_ms,
            election_timeout_min: self.election_min_ms,
            election_timeout_max: self.election_max_ms,
            snapshot_policy: openraft::SnapshotPolicy::LogsSinceLast(self.snapshot_every),
            max_in_snapshot_log_to_keep: self.keep_entries,
            // Beyond the interval, else a snapshot may not end the lag that it is sent for.
            replication_lag_threshold: self.snapshot_every.saturating_mul(2),
            // Else a replica that comes back from a partition deposes a healthy leader.
            enable_pre_vote: Some(true),
            // A leader sends entries while it writes them itself. Where the others have committed them and it loses power
            // before they are on its own disk, it must not lead the same term again: it would give their places to others.
            enable_leader_restore: Some(false),
            ..openraft::Config::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_follows_the_round_trips() {
        let of = |ms| Timing::for_round_trip(Duration::from_millis(ms));
        assert_eq!(of(0), Timing::NEAR);
        assert_eq!(of(25), Timing::NEAR);
        assert_eq!(of(80).election_min_ms, 800);
        for ms in 0..3_000 {
            let timing = of(ms);
            assert!(
                timing.heartbeat_ms > ms.min(2_000),
                "its answer is awaited for so long"
            );
            assert!(timing.election_min_ms >= timing.heartbeat_ms * 3);
            assert!(timing.election_max_ms > timing.election_min_ms);
        }
        assert!(of(20).yields_to(&of(80)) && of(80).yields_to(&of(20)));
        assert!(!of(80).yields_to(&of(79)) && !of(80).yields_to(&of(60)));
    }
}
