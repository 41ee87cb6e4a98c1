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
    /// So many entries are kept behind a snapshot, for replicas that are a little behind.
    pub keep_entries: u64,
    /// The largest command that is taken, in encoded bytes.
    pub command_bytes: usize,
    /// How many steps a follower of decisions may be behind before it is told that it missed some.
    pub decisions_kept: usize,
    /// The highest level of behaviour that this replica takes part in: what its version knows. Lower only in tests, where a
    /// replica stands for one of an older version.
    pub feature_level: u32,
}

impl Default for Settings {
    /// For replicas within some 30 ms of each other: elections after ten round trips.
    fn default() -> Self {
        Self {
            heartbeat_ms: 100,
            election_min_ms: 300,
            election_max_ms: 600,
            propose_limit: Duration::from_secs(5),
            snapshot_every: 5_000,
            keep_entries: 1_000,
            command_bytes: 8 << 20,
            decisions_kept: 4_096,
            feature_level: causeway_state::level::FEATURE_LEVEL,
        }
    }
}

impl Settings {
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
            ..openraft::Config::default()
        }
    }
}
