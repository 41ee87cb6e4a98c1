//! What a policy says beyond where traffic may go: who decides, what comes first, how far automation may go, and how
//! traffic returns. Each field that is left out is said by a more general policy, or by its default.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::Region;

/// Who moves traffic when something is lost, the most careful first: of several policies the most careful is in force.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
pub enum FailoverMode {
    /// Nobody: what would be done is shown.
    Observe,
    /// A person, who approves what is proposed.
    Approve,
    /// Causeway.
    #[default]
    Automatic,
}

/// Which services are served first, and shed last.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
pub enum Priority {
    /// First served, never shed while another class could be.
    Critical,
    /// As most are.
    #[default]
    Standard,
    /// Shed first, where `limits.onOverload` is `Shed`.
    Sheddable,
}

/// How a service's destinations are chosen.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
pub enum Strategy {
    /// Nearest first up to what each may carry, the rest outward.
    #[default]
    Waterfall,
    /// The declared order of regions alone: what it does not name gets nothing.
    Ordered,
    /// Declared weights by region, as far as capacity goes.
    Weighted,
}

/// What becomes of traffic that only destinations of unknown capacity could take.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
pub enum WhenUnknown {
    /// It is not planned there: they stand by.
    #[default]
    Hold,
    /// It is sent there, and the report says so.
    BestEffort,
}

/// What is done where demand exceeds all capacity.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
pub enum OnOverload {
    /// A move by people is refused; a loss is capped, and what is not served is said.
    #[default]
    Refuse,
    /// The lowest class is shed first.
    Shed,
    /// Survivors are loaded beyond what they are declared to carry, each in proportion, and the report says so.
    BestEffort,
}

/// How traffic returns to what has recovered.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
pub enum FailbackMode {
    /// Never by itself: a person restores it.
    Never,
    /// After the hold-down, once a person approves.
    Approve,
    /// After the hold-down.
    #[default]
    Automatic,
}

/// At most so much traffic in a window, over all causes but the loss of what is dead already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrafficLimit {
    /// Of all known demand of the services that the policy is about, in percent.
    pub percent: u8,
    /// In milliseconds of cluster time.
    pub window_ms: u64,
}

/// How far automation may go. Of several policies the tightest is in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Limits {
    /// The fewest regions that a service may be served from after a move.
    pub min_serving_regions: Option<u32>,
    /// How much traffic may move in a window.
    pub max_traffic_moved: Option<TrafficLimit>,
    /// What is done where demand exceeds all capacity; the nearest policy wins.
    pub on_overload: Option<OnOverload>,
    /// Root policy alone: the most regions that may be lost at once before automation stops: more is more likely us.
    pub max_regions_lost: Option<u32>,
    /// Root policy alone: likewise the share of members, in percent.
    pub max_members_lost_percent: Option<u8>,
    /// Root policy alone: the longest life of an override, in milliseconds.
    pub max_override_ms: Option<u64>,
}

/// How traffic returns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Failback {
    /// Who lets it.
    pub mode: Option<FailbackMode>,
    /// Shares of full admission in rising steps, in percent, the last 100; empty: all at once.
    pub step_percents: Vec<u8>,
    /// How long each step is watched, in milliseconds of cluster time.
    pub interval_ms: Option<u64>,
}

/// What a policy says beyond where traffic may go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct PolicyRules {
    /// Who decides.
    pub mode: Option<FailoverMode>,
    /// What comes first.
    pub priority: Option<Priority>,
    /// Whether the services that the policy is about move as one.
    pub move_together: Option<bool>,
    /// How destinations are chosen.
    pub strategy: Option<Strategy>,
    /// For [`Strategy::Weighted`]: weights by region.
    pub weights: BTreeMap<Region, u32>,
    /// The share of ready endpoints below which a zone does not count as able to take its full load, in percent.
    pub min_healthy_percent: Option<u8>,
    /// What becomes of traffic that only unknown capacity could take.
    pub when_unknown: Option<WhenUnknown>,
    /// How far automation may go.
    pub limits: Limits,
    /// Whether the service keeps state that another side must not also write: it moves by approval alone.
    pub stateful: Option<bool>,
    /// How traffic returns.
    pub failback: Failback,
}

/// What kind of cluster a member is: what its silence and its capacity mean.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
pub enum MemberClass {
    /// A cluster with nodes of its own, always reachable.
    #[default]
    Standard,
    /// Nodes are virtual and come with the pods: capacity beyond what runs is unproven.
    Serverless,
    /// May be absent for hours, as announced, without having failed.
    Edge,
    /// Run by others: no cloud API.
    External,
}

/// For how long a member may be absent without having failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Absence {
    /// An absence of at most so long is as announced, in milliseconds of cluster time; `None`: none is.
    pub tolerate_ms: Option<u64>,
}
