//! What came of a scenario: for programs as JSON, for people by [`crate::text`].

use std::collections::BTreeMap;

use causeway_api::verdict::{Subject, VerdictState};
use causeway_failover::explain::PlanReport;
use serde::Serialize;

/// What came of a scenario.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// What it is about.
    pub name: String,
    /// Whether every expectation was met and the checker found nothing in any committed plan.
    pub ok: bool,
    /// When it ended, in milliseconds of cluster time.
    pub ended_ms: u64,
    /// What happened, in order.
    pub timeline: Vec<Happened>,
    /// What is concluded at the end, but for what serves.
    pub verdicts: BTreeMap<Subject, VerdictState>,
    /// The plans before the first event.
    pub before: Vec<PlanReport>,
    /// The plans at the end.
    pub after: Vec<PlanReport>,
    /// What the checker found in committed plans: nothing, or there is a fault in Causeway.
    pub findings: Vec<String>,
    /// What was expected, and what was found.
    pub expectations: Vec<Checked>,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Happened {
    /// When, in milliseconds of cluster time.
    pub at_ms: u64,
    /// What kind of thing.
    pub kind: Kind,
    /// What, in one sentence.
    pub what: String,
    /// For a refusal its kind, such as `VerdictIgnored` or `PlanCheck/capacity`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
    /// For a verdict: the subject, and from what to what.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<(Subject, VerdictState, VerdictState)>,
}

/// What kind of thing happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Kind {
    /// The scenario said so.
    Event,
    /// A verdict changed.
    Verdict,
    /// A service has another plan.
    Plan,
    /// Something was refused.
    Refused,
    /// A plan waits for a person.
    Waits,
}

/// An expectation, and what was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Checked {
    /// When, in milliseconds of cluster time.
    pub at_ms: u64,
    /// Its line in the file.
    pub line: u64,
    /// What was expected.
    pub expected: String,
    /// What was found.
    pub found: String,
    /// Whether it was met.
    pub met: bool,
}
