//! What else holds about a service, a domain or an override: who changed what, and what is still to come.

use causeway_api::contingency::Readiness;
use causeway_api::generation::Generation;
use causeway_api::verdict::{Subject, VerdictState};
use causeway_state::brain::{AuditRow, Brake};
use serde::{Deserialize, Serialize};

use super::overrides::{RefusedRow, ReturnRow, ShiftReport, WaitingRow};

/// All that holds besides plan and verdict. Lists are bounded, the newest or the first are given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Circumstances {
    /// Verdicts that changed, the newest last.
    pub changes: Vec<ChangeRow>,
    /// What people override there.
    pub shifts: Vec<ShiftReport>,
    /// Traffic that returns in steps.
    pub returns: Vec<ReturnRow>,
    /// Returns that are not listed.
    pub more_returns: u64,
    /// Plans that a safety rule refuses.
    pub refused: Vec<RefusedRow>,
    /// Refusals that are not listed.
    pub more_refused: u64,
    /// What waits for a person.
    pub waiting: Vec<WaitingRow>,
    /// What is prepared for losses.
    pub prepared: Vec<PreparedRow>,
    /// Automation stands still because too much was lost at once.
    pub brake: Option<Brake>,
    /// Who did what, the newest last.
    pub audit: Vec<AuditRow>,
}

/// A verdict that changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeRow {
    /// The decision that changed it.
    pub generation: Generation,
    /// How long before the moment of the answer, in milliseconds of cluster time.
    pub ago_ms: u64,
    /// About what.
    pub subject: Subject,
    /// From what.
    pub from: VerdictState,
    /// To what.
    pub to: VerdictState,
    /// Observers that were counted and could not reach it.
    pub against: u32,
    /// Observers that were counted.
    pub counted: u32,
    /// In how many failure domains those who could not reach it stand.
    pub domains: u32,
    /// Who was not counted, and why.
    pub not_counted: Vec<String>,
}

/// What is prepared for the loss of a domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreparedRow {
    /// What the loss would do.
    pub readiness: Readiness,
    /// The decision that named it.
    pub generation: Generation,
    /// The name of its content.
    pub content: String,
    /// Since which decision it is in force, where it is.
    pub active: Option<Generation>,
}
