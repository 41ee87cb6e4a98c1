//! What only root policies say, for the whole clusterset: how losses are detected, and when automation stops.

use std::collections::BTreeMap;

use causeway_api::spec::{PolicyKey, PolicySpec, defaults};

use crate::verdict::Rules;

/// The rules of verdicts, the limits of automation over the whole clusterset, and what contradicts itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// The rules in force.
    pub rules: Rules,
    /// The most regions that may be lost at once before automation stops; `None`: any number.
    pub max_regions_lost: Option<u32>,
    /// Likewise the share of members, in percent.
    pub max_members_lost_percent: Option<u8>,
    /// The longest life of an override, in milliseconds; `None`: any.
    pub max_override_ms: Option<u64>,
    /// What was left out, each as a sentence that names the policies.
    pub conflicts: Vec<String>,
}

/// Reads the root policies that are for all services. For each field the first policy by name that says anything wins.
#[must_use]
pub fn root(policies: &BTreeMap<PolicyKey, PolicySpec>) -> Root {
    let mut conflicts = Vec::new();
    let all: Vec<&PolicySpec> = policies
        .values()
        .filter(|policy| policy.root && policy.targets.is_empty())
        .collect();
    let detection = first(&all, "detection", |p| p.detection, &mut conflicts);
    let hold_down_ms = first(
        &all,
        "failback.holdDown",
        |p| p.hold_down_ms,
        &mut conflicts,
    );
    // Limits bind whoever says them: the tightest is in force.
    let limits = || all.iter().map(|policy| &policy.rules.limits);
    Root {
        max_regions_lost: limits().filter_map(|l| l.max_regions_lost).min(),
        max_members_lost_percent: limits().filter_map(|l| l.max_members_lost_percent).min(),
        max_override_ms: limits().filter_map(|l| l.max_override_ms).min(),
        rules: Rules {
            detection: detection.unwrap_or_default(),
            hold_down_ms: hold_down_ms.unwrap_or(defaults::HOLD_DOWN_MS),
        },
        conflicts,
    }
}

fn first<T: PartialEq>(
    policies: &[&PolicySpec],
    field: &str,
    of: impl Fn(&PolicySpec) -> Option<T>,
    conflicts: &mut Vec<String>,
) -> Option<T> {
    let mut said = policies
        .iter()
        .filter_map(|p| of(p).map(|value| (&p.key, value)));
    let (key, value) = said.next()?;
    for (other, _) in said.filter(|(_, other)| *other != value) {
        conflicts.push(format!(
            "policy {other}: its {field} is not in force, because {key} says another and comes first by name; say it in one \
             of them"
        ));
    }
    Some(value)
}
