//! `GET /v1/overrides`: what people override and what waits for them; `POST /v1/overrides`, `/v1/overrides/end`,
//! `/v1/approve`, `/v1/brake/release`: what a person does about it. What is asked for is a [`Shift`] as the log will have it. Who asks is read from the certificate, never from the
//! question.

use causeway_api::domain::Domain;
use causeway_api::generation::Generation;
use causeway_api::ids::ServiceKey;
use causeway_api::plan::Rate;
use causeway_api::shift::{Shift, ShiftKey};
use causeway_core::whatif::Shifted;
use causeway_state::brain::{Approvable, AuditRow, Brake};
use serde::{Deserialize, Serialize};

/// What people override, and what waits for them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct OverridesReport {
    /// The newest decision of which the replica that answers knows.
    pub generation: Generation,
    /// Overrides, by namespace and name.
    pub shifts: Vec<ShiftReport>,
    /// What waits for a person's approval.
    pub waiting: Vec<WaitingRow>,
    /// Traffic that returns in steps.
    pub returns: Vec<ReturnRow>,
    /// Plans that a safety rule refuses.
    pub refused: Vec<RefusedRow>,
    /// Automation stands still because too much was lost at once.
    pub brake: Option<Brake>,
    /// Who did what, the newest last.
    pub audit: Vec<AuditRow>,
}

/// An override.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShiftReport {
    /// What was asked for.
    pub shift: Shift,
    /// The decision that accepted it, or brought it into effect.
    pub generation: Generation,
    /// How far it is.
    pub state: ShiftState,
    /// When it expires, in milliseconds of cluster time; `None`: it has.
    pub expires_in_ms: Option<u64>,
    /// The step of a planned move that is in force, and of how many.
    pub step: Option<(usize, usize)>,
    /// Who approved it.
    pub approved_by: Vec<String>,
    /// Services for which a safety rule refused it, and why.
    pub refused: Vec<(ServiceKey, String)>,
}

/// How far an override is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ShiftState {
    /// It needs more approvals.
    Waiting,
    /// It begins at a time of day that has not come.
    Scheduled,
    /// It is in effect.
    Active,
    /// It is in effect, and a safety rule refused it for some services.
    Partly,
    /// Its time is over, and it stays until a person decides.
    Expired,
    /// It changes nothing.
    DryRun,
}

impl std::fmt::Display for ShiftState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Waiting => "Waiting",
            Self::Scheduled => "Scheduled",
            Self::Active => "Active",
            Self::Partly => "Partly",
            Self::Expired => "Expired",
            Self::DryRun => "DryRun",
        })
    }
}

/// What waits for approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingRow {
    /// What.
    pub what: Approvable,
    /// The same, as `causeway approve` takes it: with its generation where it has one.
    pub name: String,
    /// The generation of what waits, which tells it from what waited under the same name before.
    pub seen: Option<Generation>,
    /// Why it waits.
    pub why: String,
    /// For how long, in milliseconds of cluster time.
    pub since_ago_ms: u64,
    /// How much would move, where that is known.
    pub moved: Rate,
}

/// Traffic of one service that returns to a domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReturnRow {
    /// The service.
    pub service: ServiceKey,
    /// What it returns to.
    pub domain: Domain,
    /// `HoldDown`, `Approval`, `Never` or `Climbing`.
    pub stage: String,
    /// The step that is admitted while it climbs, from 1, and of how many.
    pub step: Option<(usize, usize)>,
    /// What comes next, and what it takes: a sentence.
    pub next: String,
    /// How much of its full share is admitted now, in percent.
    pub admitted_percent: u8,
    /// How often it went back a step because health fell.
    pub backoffs: u32,
}

/// A plan that a safety rule refuses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedRow {
    /// The service.
    pub service: ServiceKey,
    /// The rule.
    pub rule: String,
    /// What it says.
    pub message: String,
    /// For how long, in milliseconds of cluster time.
    pub since_ago_ms: u64,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShiftAnswer {
    /// The override, by namespace and name.
    pub shift: ShiftKey,
    /// Whether anything was changed: not by a dry run, nor by what is in force already.
    pub changed: bool,
    /// Whether nothing was to be changed.
    pub dry_run: bool,
    /// The decision, where there was one.
    pub generation: Option<Generation>,
    /// Who asked, as authenticated.
    pub requested_by: String,
    /// A sentence.
    pub message: String,
    /// The services that it moves, or may not move, as they were judged at that moment.
    pub services: Vec<Shifted>,
}

/// A question to end an override.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndRequest {
    /// Which.
    pub shift: ShiftKey,
    /// Why.
    pub reason: String,
}

/// A person's approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApproveRequest {
    /// Of what.
    pub what: Approvable,
    /// The generation of what they looked at, as in [`WaitingRow::seen`]; a plan is not approved without.
    #[serde(default)]
    pub seen: Option<Generation>,
    /// Why.
    pub reason: String,
}

/// A person's word that what is lost is truly lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseRequest {
    /// The generation of the brake that they looked at.
    pub seen: Generation,
    /// Why.
    pub reason: String,
}
