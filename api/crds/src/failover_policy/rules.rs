//! Rules of a FailoverPolicy beyond where traffic may go: who decides, what comes first, how far automation may go.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema;

/// Who moves traffic when something is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum FailoverMode {
    /// Nobody: what would be done is shown.
    Observe,
    /// A person, who approves what is proposed.
    Approve,
    /// Causeway.
    Automatic,
}

/// Which services are served first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Priority {
    /// First served, never shed while another class could be.
    Critical,
    /// As most are.
    Standard,
    /// Shed first, where `limits.onOverload` is `Shed`.
    Sheddable,
}

/// How destinations are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Strategy {
    /// Nearest first up to what each may carry, the rest outward.
    Waterfall,
    /// The declared order of regions alone.
    Ordered,
    /// Declared weights by region.
    Weighted,
}

/// What becomes of traffic that only unknown capacity could take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum WhenUnknown {
    /// It is not planned there.
    Hold,
    /// It is sent there, and the report says so.
    BestEffort,
}

/// What is done where demand exceeds all capacity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OnOverload {
    /// A move by people is refused; a loss is capped, and what is not served is said.
    Refuse,
    /// The lowest class is shed first.
    Shed,
    /// Survivors are loaded beyond what they are declared to carry, and the report says so.
    BestEffort,
}

/// Who lets traffic return.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum FailbackMode {
    /// A person restores it.
    Never,
    /// A person approves, after the hold-down.
    Approve,
    /// It returns after the hold-down.
    Automatic,
}

/// Whether a move of services with state waits for a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub enum StatefulApproval {
    /// Each move waits until a person approves it.
    #[default]
    Required,
    /// It does not: takes back what a more general policy requires.
    NotRequired,
}

/// The weight of a region.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Weight {
    /// The region.
    #[schemars(length(min = 1, max = 63), regex(pattern = schema::LABEL_VALUE))]
    pub region: String,
    /// Its share, in proportion to the sum of all weights.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub weight: i32,
}

/// How far automation may go.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// The fewest regions that a service may be served from after a move.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 64))]
    pub min_serving_regions: Option<i32>,
    /// How much traffic may move in a window, over all causes but the loss of what is dead already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_traffic_moved: Option<TrafficLimit>,
    /// What is done where demand exceeds all capacity. Refuse: a move by people is refused, and a loss is capped. Shed: the
    /// lowest class is shed first. BestEffort: survivors are loaded beyond what they are declared to carry. Default: Refuse.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_overload: Option<OnOverload>,
    /// The most regions that may be lost at once before automation stops, since more is more likely a fault of the
    /// observers. In the namespace causeway-system alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 64))]
    pub max_regions_lost: Option<i32>,
    /// Likewise the share of members, in percent. In the namespace causeway-system alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub max_members_lost_percent: Option<i32>,
    /// The longest time for which a TrafficShift may be in force. In the namespace causeway-system alone. Default: 720h.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32), regex(pattern = schema::DURATION))]
    #[schemars(extend("x-kubernetes-validations" = [{
        "rule": "duration(self) >= duration('1m') && duration(self) <= duration('720h')",
        "message": "maxShiftDuration is out of range: give 1m to 720h",
    }]))]
    pub max_shift_duration: Option<String>,
}

/// At most so much traffic in a window.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct TrafficLimit {
    /// Of all known demand of the services that the policy is about, in percent.
    #[schemars(range(min = 1, max = 100))]
    pub percent: i32,
    /// The window.
    #[schemars(length(max = 32), regex(pattern = schema::DURATION))]
    #[schemars(extend("x-kubernetes-validations" = [{
        "rule": "duration(self) >= duration('1s') && duration(self) <= duration('24h')",
        "message": "window is out of range: give 1s to 24h",
    }]))]
    pub window: String,
}

/// That services keep state which another side must not also write.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Stateful {
    /// Whether a move waits for a person's approval. Default: Required.
    #[serde(default = "required")]
    pub approval: StatefulApproval,
}

fn required() -> StatefulApproval {
    StatefulApproval::Required
}
