//! Rules of a FailoverPolicy → [`PolicyRules`].

use std::collections::BTreeMap;

use causeway_api::ids::Region;
use causeway_api::rules::{self, PolicyRules};

use super::{ConvertError, Object};
use crate::failover_policy::{
    Destinations, FailbackMode, FailoverMode, FailoverPolicySpec, Limits, OnOverload, Priority,
    StatefulApproval, Strategy, WhenUnknown,
};

/// Bounds of `limits.maxTrafficMoved.window`, in milliseconds.
const WINDOW_MS: std::ops::RangeInclusive<u64> = 1_000..=86_400_000;
/// Bounds of `failback.interval`, in milliseconds.
const INTERVAL_MS: std::ops::RangeInclusive<u64> = 1_000..=86_400_000;
/// Bounds of `limits.maxShiftDuration`, in milliseconds.
const SHIFT_MS: std::ops::RangeInclusive<u64> = 60_000..=2_592_000_000;

/// The rules that a policy declares; `root`: it stands in the root namespace.
pub(super) fn rules_of(
    object: &Object,
    declared: &FailoverPolicySpec,
    root: bool,
) -> Result<PolicyRules, ConvertError> {
    if root && declared.move_together == Some(true) {
        let remedy = "a policy of the root namespace is about all services: say it in the namespace of those that call each other";
        return Err(object.error("spec.moveTogether", "true", remedy));
    }
    let destinations = declared.destinations.as_ref();
    let failback = declared.failback.as_ref();
    Ok(PolicyRules {
        mode: declared.mode.map(|mode| match mode {
            FailoverMode::Observe => rules::FailoverMode::Observe,
            FailoverMode::Approve => rules::FailoverMode::Approve,
            FailoverMode::Automatic => rules::FailoverMode::Automatic,
        }),
        priority: declared.priority.map(|priority| match priority {
            Priority::Critical => rules::Priority::Critical,
            Priority::Standard => rules::Priority::Standard,
            Priority::Sheddable => rules::Priority::Sheddable,
        }),
        move_together: declared.move_together,
        strategy: destinations
            .and_then(|destinations| destinations.strategy)
            .map(strategy),
        weights: match destinations {
            Some(destinations) => weights(object, destinations)?,
            None => BTreeMap::new(),
        },
        min_healthy_percent: object.percent(
            "spec.destinations.minHealthyPercent",
            destinations.and_then(|destinations| destinations.min_healthy_percent),
        )?,
        when_unknown: declared
            .capacity
            .as_ref()
            .and_then(|capacity| capacity.when_unknown)
            .map(|when| match when {
                WhenUnknown::Hold => rules::WhenUnknown::Hold,
                WhenUnknown::BestEffort => rules::WhenUnknown::BestEffort,
            }),
        limits: match &declared.limits {
            Some(limits) => limits_of(object, limits, root)?,
            None => rules::Limits::default(),
        },
        stateful: declared
            .stateful
            .as_ref()
            .map(|stateful| stateful.approval == StatefulApproval::Required),
        failback: rules::Failback {
            mode: failback
                .and_then(|failback| failback.mode)
                .map(|mode| match mode {
                    FailbackMode::Never => rules::FailbackMode::Never,
                    FailbackMode::Approve => rules::FailbackMode::Approve,
                    FailbackMode::Automatic => rules::FailbackMode::Automatic,
                }),
            step_percents: match failback {
                Some(failback) => {
                    object.steps("spec.failback.stepWeights", &failback.step_weights)?
                }
                None => Vec::new(),
            },
            interval_ms: failback
                .and_then(|failback| failback.interval.as_deref())
                .map(|text| object.duration_ms("spec.failback.interval", text, INTERVAL_MS))
                .transpose()?,
        },
    })
}

fn strategy(declared: Strategy) -> rules::Strategy {
    match declared {
        Strategy::Waterfall => rules::Strategy::Waterfall,
        Strategy::Ordered => rules::Strategy::Ordered,
        Strategy::Weighted => rules::Strategy::Weighted,
    }
}

fn weights(
    object: &Object,
    destinations: &Destinations,
) -> Result<BTreeMap<Region, u32>, ConvertError> {
    let weighted = destinations.strategy == Some(Strategy::Weighted);
    if weighted == destinations.weights.is_empty() {
        let found = if weighted { "missing" } else { "given" };
        let remedy = "weights and strategy Weighted belong together: give both or neither";
        return Err(object.error("spec.destinations.weights", found, remedy));
    }
    let mut weights = BTreeMap::new();
    for (at, entry) in destinations.weights.iter().enumerate() {
        let field = format!("spec.destinations.weights[{at}]");
        let region: Region = object.parse(format!("{field}.region"), &entry.region)?;
        let allowed = &destinations.allowed_regions;
        if !allowed.is_empty() && !allowed.contains(&entry.region) {
            let remedy = "allowedRegions leaves it out: add it there, or take it out here";
            return Err(object.error(format!("{field}.region"), region, remedy));
        }
        let weight = object.bounded(format!("{field}.weight"), entry.weight, 1..=1_000_000)?;
        if weights.insert(region.clone(), weight).is_some() {
            let remedy = "another entry has it too, so keep one of them";
            return Err(object.error(format!("{field}.region"), region, remedy));
        }
    }
    Ok(weights)
}

fn limits_of(
    object: &Object,
    declared: &Limits,
    root: bool,
) -> Result<rules::Limits, ConvertError> {
    let of_all = [
        ("maxRegionsLost", declared.max_regions_lost.is_some()),
        (
            "maxMembersLostPercent",
            declared.max_members_lost_percent.is_some(),
        ),
        ("maxShiftDuration", declared.max_shift_duration.is_some()),
    ];
    for (field, given) in of_all {
        if given && !root {
            let remedy = format!(
                "it is for the whole clusterset: move it to a policy in {}",
                causeway_api::spec::defaults::ROOT_NAMESPACE
            );
            return Err(object.error(format!("spec.limits.{field}"), "given", remedy));
        }
    }
    let count = |field: &str, number: Option<i32>| {
        number
            .map(|number| object.bounded(format!("spec.limits.{field}"), number, 1..=64))
            .transpose()
    };
    let moved = |limit: &crate::failover_policy::TrafficLimit| {
        let field = "spec.limits.maxTrafficMoved";
        Ok(rules::TrafficLimit {
            percent: object.bounded(format!("{field}.percent"), limit.percent, 1..=100)?,
            window_ms: object.duration_ms(&format!("{field}.window"), &limit.window, WINDOW_MS)?,
        })
    };
    Ok(rules::Limits {
        min_serving_regions: count("minServingRegions", declared.min_serving_regions)?,
        max_traffic_moved: declared.max_traffic_moved.as_ref().map(moved).transpose()?,
        on_overload: declared.on_overload.map(|what| match what {
            OnOverload::Refuse => rules::OnOverload::Refuse,
            OnOverload::Shed => rules::OnOverload::Shed,
            OnOverload::BestEffort => rules::OnOverload::BestEffort,
        }),
        max_regions_lost: count("maxRegionsLost", declared.max_regions_lost)?,
        max_members_lost_percent: object.percent(
            "spec.limits.maxMembersLostPercent",
            declared.max_members_lost_percent,
        )?,
        max_override_ms: declared
            .max_shift_duration
            .as_deref()
            .map(|text| object.duration_ms("spec.limits.maxShiftDuration", text, SHIFT_MS))
            .transpose()?,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use causeway_api::spec::PolicySpec;
    use serde_json::json;

    use super::*;
    use crate::FailoverPolicy;

    fn convert(namespace: &str, spec: &serde_json::Value) -> Result<PolicyRules, ConvertError> {
        let policy: FailoverPolicy = serde_json::from_value(json!({
            "apiVersion": "causeway.dev/v1alpha1",
            "kind": "FailoverPolicy",
            "metadata": { "name": "p", "namespace": namespace },
            "spec": spec,
        }))
        .unwrap();
        PolicySpec::try_from(&policy).map(|policy| policy.rules)
    }

    #[test]
    fn every_rule_arrives_and_an_empty_spec_says_none() {
        assert_eq!(convert("shop", &json!({})).unwrap(), PolicyRules::default());
        let rules = convert(
            "causeway-system",
            &json!({
                "mode": "Approve",
                "priority": "Critical",
                "destinations": {
                    "strategy": "Weighted",
                    "weights": [{ "region": "r1", "weight": 70 }, { "region": "r2", "weight": 30 }],
                    "minHealthyPercent": 60,
                },
                "capacity": { "whenUnknown": "BestEffort" },
                "limits": {
                    "minServingRegions": 2,
                    "maxTrafficMoved": { "percent": 40, "window": "10m" },
                    "onOverload": "Shed",
                    "maxRegionsLost": 1,
                    "maxMembersLostPercent": 50,
                    "maxShiftDuration": "48h",
                },
                "stateful": {},
                "failback": { "mode": "Approve", "holdDown": "15m", "stepWeights": [5, 25, 100], "interval": "2m" },
            }),
        )
        .unwrap();
        let expected = PolicyRules {
            mode: Some(rules::FailoverMode::Approve),
            priority: Some(rules::Priority::Critical),
            move_together: None,
            strategy: Some(rules::Strategy::Weighted),
            weights: [("r1", 70), ("r2", 30)]
                .map(|(region, weight)| (region.parse().unwrap(), weight))
                .into(),
            min_healthy_percent: Some(60),
            when_unknown: Some(rules::WhenUnknown::BestEffort),
            limits: rules::Limits {
                min_serving_regions: Some(2),
                max_traffic_moved: Some(rules::TrafficLimit {
                    percent: 40,
                    window_ms: 600_000,
                }),
                on_overload: Some(rules::OnOverload::Shed),
                max_regions_lost: Some(1),
                max_members_lost_percent: Some(50),
                max_override_ms: Some(172_800_000),
            },
            stateful: Some(true),
            failback: rules::Failback {
                mode: Some(rules::FailbackMode::Approve),
                step_percents: vec![5, 25, 100],
                interval_ms: Some(120_000),
            },
        };
        assert_eq!(rules, expected);
        let loose = json!({ "moveTogether": true, "stateful": { "approval": "NotRequired" } });
        let loose = convert("shop", &loose).unwrap();
        assert_eq!(
            (loose.move_together, loose.stateful),
            (Some(true), Some(false))
        );
    }

    #[test]
    fn errors_name_the_field_and_the_remedy() {
        for (namespace, spec, part) in [
            (
                "shop",
                json!({ "limits": { "maxRegionsLost": 1 } }),
                "spec.limits.maxRegionsLost is given: it is for the whole clusterset",
            ),
            (
                "shop",
                json!({ "limits": { "maxShiftDuration": "1h" } }),
                "spec.limits.maxShiftDuration is given",
            ),
            (
                "causeway-system",
                json!({ "moveTogether": true }),
                "spec.moveTogether is true",
            ),
            (
                "shop",
                json!({ "failback": { "stepWeights": [50, 25, 100] } }),
                "spec.failback.stepWeights[1] is 25: each step is greater",
            ),
            (
                "shop",
                json!({ "failback": { "stepWeights": [5, 50] } }),
                "spec.failback.stepWeights is ending with 50: end with 100",
            ),
            (
                "shop",
                json!({ "destinations": { "strategy": "Weighted" } }),
                "spec.destinations.weights is missing: weights and strategy",
            ),
            (
                "shop",
                json!({ "destinations": { "strategy": "Weighted", "weights": [{ "region": "r2", "weight": 1 }], "allowedRegions": ["r1"] } }),
                "spec.destinations.weights[0].region is r2: allowedRegions leaves it out",
            ),
            (
                "shop",
                json!({ "limits": { "maxTrafficMoved": { "percent": 0, "window": "10m" } } }),
                "spec.limits.maxTrafficMoved.percent is 0: give 1 to 100",
            ),
            (
                "shop",
                json!({ "limits": { "maxTrafficMoved": { "percent": 10, "window": "48h" } } }),
                "spec.limits.maxTrafficMoved.window is \"48h\": give 1s to 86400s",
            ),
        ] {
            let text = convert(namespace, &spec).unwrap_err().to_string();
            assert!(text.contains(part), "{text}");
        }
    }
}
