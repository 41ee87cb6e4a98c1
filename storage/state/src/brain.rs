//! What the failover brain holds beyond votes, verdicts and plans: people's overrides.

use std::collections::BTreeMap;

use causeway_api::shift::{Shift, ShiftKey};
use causeway_api::verdict::ClusterTime;
use serde::{Deserialize, Serialize};

/// What people override. Empty below level 2.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Brain {
    /// Overrides, by namespace and name.
    pub shifts: BTreeMap<ShiftKey, ShiftRow>,
}

/// An override that was accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShiftRow {
    /// What was asked for.
    pub shift: Shift,
    /// When it was accepted, in cluster time.
    pub at: ClusterTime,
}
