//! The merge for one service.

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::ServiceKey;
use causeway_api::ids::Region;
use causeway_api::plan::{EffectivePolicy, Rate};
use causeway_api::spec::{PolicyKey, PolicySpec, defaults};

use super::level::{Level, level_of};
use super::rules::{self, EffectiveRules};

/// What is in force for one service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effective {
    /// What the plan is computed from.
    pub policy: EffectivePolicy,
    /// Declared demand by source region.
    pub demand: BTreeMap<Region, Rate>,
    /// What one ready endpoint serves, where declared.
    pub capacity_per_endpoint: Option<Rate>,
    /// The share of capacity that a plan may use, in percent, where declared; a member may declare less.
    pub max_utilization_percent: Option<u8>,
    /// How long a recovered domain waits before this service's traffic returns, in milliseconds of cluster time.
    pub hold_down_ms: u64,
    /// Who decides, how far automation may go, and how traffic returns.
    pub rules: EffectiveRules,
    /// What contradicts itself, each as a sentence that names the policies.
    pub conflicts: Vec<String>,
}

/// Merges the policies that concern a service.
#[must_use]
pub fn effective(policies: &BTreeMap<PolicyKey, PolicySpec>, service: &ServiceKey) -> Effective {
    let mut levels: BTreeMap<Level, Vec<&PolicySpec>> = BTreeMap::new();
    for policy in policies.values() {
        if let Some(level) = level_of(policy, service) {
            levels.entry(level).or_default().push(policy);
        }
    }
    let mut merged = Effective {
        policy: EffectivePolicy::default(),
        demand: BTreeMap::new(),
        capacity_per_endpoint: None,
        max_utilization_percent: None,
        hold_down_ms: defaults::HOLD_DOWN_MS,
        rules: EffectiveRules::default(),
        conflicts: Vec::new(),
    };
    for same_level in levels.values() {
        let Some((first, others)) = same_level.split_first() else {
            continue;
        };
        take(&mut merged, first);
        tighten(&mut merged, first);
        for other in others {
            tighten(&mut merged, other);
            merged.conflicts.push(format!(
                "policy {}: not in force for {service}, because {} is as near and comes first by name (its allowedRegions, mode and \
                 limits bind all the same); make one of them",
                other.key, first.key
            ));
        }
    }
    if merged.policy.nowhere {
        merged.conflicts.push(format!(
            "{service} may go nowhere outside its own member: the allowedRegions of its policies have no region in common"
        ));
    }
    rules::conflicts(&merged.policy, &mut merged.conflicts);
    merged
}

fn take(merged: &mut Effective, nearer: &PolicySpec) {
    merged.policy.from.push(nearer.key.clone());
    if !nearer.hosts.is_empty() {
        merged.policy.hosts.clone_from(&nearer.hosts);
    }
    for (from, to) in &nearer.failover {
        merged.policy.failover.insert(from.clone(), to.clone());
    }
    for (from, rate) in &nearer.demand {
        merged.demand.insert(from.clone(), *rate);
    }
    let capacity = nearer.capacity_per_endpoint;
    merged.capacity_per_endpoint = capacity.or(merged.capacity_per_endpoint);
    let utilization = nearer.max_utilization_percent;
    merged.max_utilization_percent = utilization.or(merged.max_utilization_percent);
    merged.hold_down_ms = nearer.hold_down_ms.unwrap_or(merged.hold_down_ms);
    rules::take(&mut merged.rules, &mut merged.policy, nearer);
}

/// Keeps only what both allow. Nothing in common is "nowhere", which an empty set would turn into "anywhere".
fn tighten(merged: &mut Effective, by: &PolicySpec) {
    rules::tighten(&mut merged.rules, by);
    let policy = &mut merged.policy;
    if by.allowed_regions.is_empty() || policy.nowhere {
        return;
    }
    if policy.allowed_regions.is_empty() {
        policy.allowed_regions.clone_from(&by.allowed_regions);
        return;
    }
    let both: BTreeSet<Region> = policy
        .allowed_regions
        .intersection(&by.allowed_regions)
        .cloned()
        .collect();
    policy.nowhere = both.is_empty();
    policy.allowed_regions = both;
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
