//! What people do in a scenario file.

use std::collections::BTreeMap;

use causeway_api::domain::Domain;
use causeway_api::ids::{Region, ServiceKey};
use causeway_api::shift::{OnExpiry, ShiftKey, Urgency};
use serde::Deserialize;
use serde_saphyr::Spanned;

/// An override, as a TrafficShift has it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ShiftRow {
    /// `namespace/name`; in `causeway-system` it is for all namespaces.
    pub name: ShiftKey,
    /// What is done.
    pub action: ShiftVerb,
    /// What Evacuate leaves and Restore returns to.
    pub away_from: Option<Spanned<Domain>>,
    /// For Weigh: shares by region.
    #[serde(default)]
    pub weights: BTreeMap<Region, Spanned<i64>>,
    /// The services; all of its namespace where they are left out.
    #[serde(default)]
    pub targets: Vec<Spanned<ServiceKey>>,
    /// How fast.
    #[serde(default)]
    pub urgency: Urgency,
    /// Steps of a planned move.
    pub ramp: Option<RampRow>,
    /// It ends so long after.
    pub expires_after: Spanned<String>,
    /// What happens then.
    #[serde(default)]
    pub on_expiry: OnExpiry,
    /// Safety rules that it overrides.
    #[serde(default)]
    pub override_rules: Vec<String>,
    /// How many others must approve it.
    #[serde(default)]
    pub approvals_required: u32,
    /// Change nothing.
    #[serde(default)]
    pub dry_run: bool,
    /// Who asks for it.
    #[serde(default = "somebody")]
    pub requested_by: String,
    /// Why.
    #[serde(default = "no_reason")]
    pub reason: String,
}

fn somebody() -> String {
    "ada".to_owned()
}

fn no_reason() -> String {
    "the scenario says so".to_owned()
}

/// What an override does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum ShiftVerb {
    /// Traffic leaves a domain.
    Evacuate,
    /// Traffic returns to a domain now.
    Restore,
    /// Shares by region.
    Weigh,
    /// Plans stay as they are.
    Pin,
    /// Automation stops.
    Freeze,
}

/// Steps of a planned move.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RampRow {
    /// In percent of what is to move.
    pub step_weights: Vec<Spanned<i64>>,
    /// How long each is watched.
    pub interval: Spanned<String>,
}

/// The end of an override.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EndShiftRow {
    /// Which.
    pub name: ShiftKey,
    /// Who.
    #[serde(default = "somebody")]
    pub by: String,
}

/// An approval: of exactly one thing.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApproveRow {
    /// An override.
    pub shift: Option<ShiftKey>,
    /// The plan that waits for a service.
    pub plan: Option<ServiceKey>,
    /// The return of traffic to a domain.
    pub failback: Option<Domain>,
    /// Of a return: for this service alone.
    pub service: Option<ServiceKey>,
    /// Who.
    #[serde(default = "another")]
    pub by: String,
}

fn another() -> String {
    "bob".to_owned()
}

/// Who does it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ByRow {
    /// Who.
    #[serde(default = "another")]
    pub by: String,
}
