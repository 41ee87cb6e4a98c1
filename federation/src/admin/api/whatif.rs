//! `GET /v1/readiness`: how well the rest would carry the loss of each domain; `GET /v1/simulate/{domain}`: one of them in
//! full; `GET /v1/replay/{generation}`: a decision computed again.

use causeway_api::contingency::Readiness;
use causeway_api::domain::Domain;
use causeway_api::generation::Generation;
use causeway_api::ids::ServiceKey;
use causeway_core::whatif::Loss;
use serde::{Deserialize, Serialize};

/// How well the rest would carry each loss.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadinessReport {
    /// The decision that it was computed from.
    pub generation: Generation,
    /// By domain, the widest first.
    pub domains: Vec<Readiness>,
}

impl ReadinessReport {
    /// The domains, the worst first.
    #[must_use]
    pub fn worst_first(&self) -> Vec<&Readiness> {
        let mut rows: Vec<&Readiness> = self.domains.iter().collect();
        rows.sort_by_key(|row| (std::cmp::Reverse(row.outcome), row.score));
        rows
    }
}

/// What the loss of a domain would do now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SimulationReport {
    /// What would be lost.
    pub domain: Domain,
    /// The decision that it was computed from.
    pub generation: Generation,
    /// What would follow.
    #[serde(flatten)]
    pub loss: Loss,
}

/// A decision, computed again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplayReport {
    /// Which.
    pub generation: Generation,
    /// Where its inputs were found: in the log, or in the state.
    pub found_in: ReplaySource,
    /// Its plans, by service.
    pub plans: Vec<ReplayRow>,
}

impl ReplayReport {
    /// Whether every plan was recomputed byte for byte.
    #[must_use]
    pub fn is_identical(&self) -> bool {
        self.plans
            .iter()
            .all(|row| row.identical == Some(true) || row.recorded.is_none())
    }
}

/// Where a decision was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReplaySource {
    /// Its entry is in the log.
    Log,
    /// Its entry was removed from the log, and its plans are still in force.
    State,
}

/// A plan, computed again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplayRow {
    /// The service.
    pub service: ServiceKey,
    /// SHA-256 of the plan that was decided, as hexadecimal digits; `None`: it was decided that the service has none.
    pub recorded: Option<String>,
    /// SHA-256 of the plan that was computed again; `None` where that was not possible.
    pub recomputed: Option<String>,
    /// Whether both are the same; `None` where it cannot be told.
    pub identical: Option<bool>,
    /// The decision whose plan it went on from.
    pub previous: Option<Generation>,
    /// What keeps it from being computed again.
    pub note: Option<String>,
}
