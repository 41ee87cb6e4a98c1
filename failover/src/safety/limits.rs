//! What policies say of how far a move may go, where the merged policy does not say it all.

use std::collections::BTreeMap;

use causeway_api::ServiceKey;
use causeway_api::rules::{FailbackMode, TrafficLimit};
use causeway_api::spec::{PolicyKey, PolicySpec};

use crate::policy::{Effective, level_of};

/// The share of ready endpoints that lets a return go on, where no policy says another, in percent.
pub const HEALTHY_PERCENT: u8 = 80;

/// Whether a policy is about a service.
#[must_use]
pub fn concerns(policy: &PolicySpec, service: &ServiceKey) -> bool {
    level_of(policy, service).is_some()
}

/// Each policy that limits how much traffic of a service moves, in order: each is held by itself, since each counts the
/// services that it is about.
pub fn traffic<'a>(
    policies: &'a BTreeMap<PolicyKey, PolicySpec>,
    service: &'a ServiceKey,
) -> impl Iterator<Item = (&'a PolicySpec, TrafficLimit)> {
    let said = policies
        .values()
        .filter_map(|policy| Some((policy, policy.rules.limits.max_traffic_moved?)));
    said.filter(|(policy, _)| concerns(policy, service))
}

/// Whether nothing but the verdict's own hold-down stands between a recovery and all traffic of a service.
#[must_use]
pub fn returns_at_once(policy: &Effective, verdict_hold_down_ms: u64) -> bool {
    let failback = &policy.rules.failback;
    failback.mode == FailbackMode::Automatic
        && failback.step_percents.first() == Some(&100)
        && policy.hold_down_ms <= verdict_hold_down_ms
}

/// The share of ready endpoints that is healthy enough for a step of a return, in percent.
#[must_use]
pub fn healthy_percent(policy: &Effective) -> u8 {
    match policy.policy.min_healthy_percent {
        0 => HEALTHY_PERCENT,
        percent => percent,
    }
}
