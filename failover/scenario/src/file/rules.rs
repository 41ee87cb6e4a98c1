//! Rules of policies in a scenario file.

use causeway_api::rules::OnOverload;
use serde::Deserialize;
use serde_saphyr::Spanned;

/// How far automation may go.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Limits {
    /// The fewest regions that a service may be served from.
    pub min_serving_regions: Option<Spanned<i64>>,
    /// How much traffic may move in a window.
    pub max_traffic_moved: Option<TrafficMoved>,
    /// What is done where demand exceeds all capacity.
    pub on_overload: Option<OnOverload>,
    /// The most regions lost at once before automation stops; in the root policy alone.
    pub max_regions_lost: Option<Spanned<i64>>,
    /// Likewise the share of members; in the root policy alone.
    pub max_members_lost_percent: Option<Spanned<i64>>,
    /// The longest life of an override; in the root policy alone.
    pub max_shift_duration: Option<Spanned<String>>,
}

/// At most so much traffic in a window.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TrafficMoved {
    /// Of all known demand of the services that the policy is about.
    pub percent: Spanned<i64>,
    /// The window.
    pub window: Spanned<String>,
}

/// That services keep state.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Stateful {
    /// Whether a move waits for a person.
    #[serde(default)]
    pub approval: StatefulApproval,
}

/// Whether a move waits for a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub enum StatefulApproval {
    /// It does.
    #[default]
    Required,
    /// It does not.
    NotRequired,
}
