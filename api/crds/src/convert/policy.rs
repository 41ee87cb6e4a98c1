//! FailoverPolicy → [`PolicySpec`].

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::ids::Region;
use causeway_api::plan::Rate;
use causeway_api::spec::{self, HostKind, PolicyKey, PolicySpec, defaults};

use super::{ConvertError, Object, rules};
use crate::failover_policy::{Demand, Destinations, Detection, FailoverPolicy, Host};

/// Bounds of `detection.holdFor`, in milliseconds.
const HOLD_FOR_MS: std::ops::RangeInclusive<u64> = 1_000..=3_600_000;
/// Bounds of `failback.holdDown`, in milliseconds.
const HOLD_DOWN_MS: std::ops::RangeInclusive<u64> = 0..=604_800_000;

impl TryFrom<&FailoverPolicy> for PolicySpec {
    type Error = ConvertError;

    fn try_from(policy: &FailoverPolicy) -> Result<Self, ConvertError> {
        policy_spec(policy, defaults::ROOT_NAMESPACE)
    }
}

/// Converts a policy where the root namespace has another name than the default.
///
/// # Errors
/// Object, field, finding and remedy, where the policy is no valid declaration.
pub fn policy_spec(
    policy: &FailoverPolicy,
    root_namespace: &str,
) -> Result<PolicySpec, ConvertError> {
    let name = policy.metadata.name.as_deref().unwrap_or_default();
    let namespace = policy.metadata.namespace.as_deref().unwrap_or_default();
    let object = Object(format!("FailoverPolicy {namespace}/{name}"));
    let key = PolicyKey {
        namespace: object.parse("metadata.namespace", namespace)?,
        name: object.parse("metadata.name", name)?,
    };
    let root = namespace == root_namespace;
    let declared = &policy.spec;

    if root && !declared.target_refs.is_empty() {
        return Err(object.error(
            "spec.targetRefs",
            "given",
            format!("a policy in {namespace} is about all services: move it to the namespace of the services, or leave targetRefs out"),
        ));
    }
    if !root && declared.detection.is_some() {
        return Err(object.error(
            "spec.detection",
            "given",
            format!(
                "losses are of places, not of services: move detection to a policy in {root_namespace}"
                ),
        ));
    }
    let targets = object.targets(&key.namespace, &declared.target_refs)?;
    let hosts = declared.hosts.iter().map(|host| match host {
        Host::ClusterLocal => HostKind::ClusterLocal,
        Host::ClusterSet => HostKind::ClusterSet,
    });
    let (failover, allowed_regions) = match &declared.destinations {
        Some(destinations) => destinations_of(&object, destinations)?,
        None => (BTreeMap::new(), BTreeSet::new()),
    };
    let capacity = declared.capacity.as_ref();
    let per_endpoint = capacity.and_then(|capacity| capacity.requests_per_second_per_endpoint);
    Ok(PolicySpec {
        root,
        targets,
        hosts: hosts.collect(),
        failover,
        allowed_regions,
        demand: demand(&object, &declared.demand)?,
        capacity_per_endpoint: per_endpoint
            .map(|rate| {
                rate_of(
                    &object,
                    "spec.capacity.requestsPerSecondPerEndpoint".to_owned(),
                    rate,
                    1,
                )
            })
            .transpose()?,
        max_utilization_percent: object.percent(
            "spec.capacity.maxUtilizationPercent",
            capacity.and_then(|capacity| capacity.max_utilization_percent),
        )?,
        detection: declared
            .detection
            .as_ref()
            .map(|detection| detection_of(&object, detection))
            .transpose()?,
        hold_down_ms: declared
            .failback
            .as_ref()
            .and_then(|failback| failback.hold_down.as_deref())
            .map(|text| object.duration_ms("spec.failback.holdDown", text, HOLD_DOWN_MS))
            .transpose()?,
        rules: rules::rules_of(&object, declared, root)?,
        key,
    })
}

type Regions = (BTreeMap<Region, Vec<Region>>, BTreeSet<Region>);

fn destinations_of(object: &Object, declared: &Destinations) -> Result<Regions, ConvertError> {
    let allowed = declared
        .allowed_regions
        .iter()
        .enumerate()
        .map(|(at, region)| object.parse(format!("spec.destinations.allowedRegions[{at}]"), region))
        .collect::<Result<BTreeSet<Region>, _>>()?;
    let mut failover = BTreeMap::new();
    for (at, rule) in declared.failover.iter().enumerate() {
        let field = format!("spec.destinations.failover[{at}]");
        let from: Region = object.parse(format!("{field}.from"), &rule.from)?;
        let mut to: Vec<Region> = Vec::new();
        for (at, region) in rule.to.iter().enumerate() {
            let field = format!("{field}.to[{at}]");
            let region: Region = object.parse(field.clone(), region)?;
            if region == from {
                return Err(object.error(field, region, "a region does not fail over to itself"));
            }
            if to.contains(&region) {
                return Err(object.error(field, region, "it is in the list already"));
            }
            if !allowed.is_empty() && !allowed.contains(&region) {
                let remedy =
                    "add it to allowedRegions, or take it out: a failover there would be refused";
                return Err(object.error(field, region, remedy));
            }
            to.push(region);
        }
        if failover.insert(from.clone(), to).is_some() {
            let remedy = "another entry has it too, so keep one of them";
            return Err(object.error(format!("{field}.from"), from, remedy));
        }
    }
    Ok((failover, allowed))
}

fn demand(object: &Object, declared: &[Demand]) -> Result<BTreeMap<Region, Rate>, ConvertError> {
    let mut demand = BTreeMap::new();
    for (at, entry) in declared.iter().enumerate() {
        let field = format!("spec.demand[{at}]");
        let from: Region = object.parse(format!("{field}.from"), &entry.from)?;
        let rate = rate_of(
            object,
            format!("{field}.requestsPerSecond"),
            entry.requests_per_second,
            0,
        )?;
        if demand.insert(from.clone(), rate).is_some() {
            let remedy = "another entry has it too, so keep one of them";
            return Err(object.error(format!("{field}.from"), from, remedy));
        }
    }
    Ok(demand)
}

/// A rate in whole requests per second, as schemas bound it.
fn rate_of(object: &Object, field: String, rps: i64, least: u64) -> Result<Rate, ConvertError> {
    object
        .bounded(field, rps, least..=1_000_000_000)
        .map(Rate::from_rps)
}

fn detection_of(object: &Object, declared: &Detection) -> Result<spec::Detection, ConvertError> {
    let mut detection = spec::Detection::default();
    if let Some(text) = &declared.hold_for {
        detection.hold_for_ms = object.duration_ms("spec.detection.holdFor", text, HOLD_FOR_MS)?;
    }
    if let Some(observers) = declared.min_observers {
        detection.min_observers =
            object.bounded("spec.detection.minObservers", observers, 1..=99)?;
        // Where only the observers are declared, the default of the domains gives way.
        detection.min_failure_domains = detection.min_failure_domains.min(detection.min_observers);
    }
    if let Some(domains) = declared.min_failure_domains {
        detection.min_failure_domains =
            object.bounded("spec.detection.minFailureDomains", domains, 1..=99)?;
    }
    if detection.min_failure_domains > detection.min_observers {
        return Err(object.error(
            "spec.detection.minFailureDomains",
            detection.min_failure_domains,
            format!(
                "so many observers stand in at most so many domains: give at most minObservers, {}",
                detection.min_observers
            ),
        ));
    }
    Ok(detection)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use serde_json::json;

    use super::*;
    use causeway_api::ids::ServiceKey;

    fn convert(namespace: &str, spec: &serde_json::Value) -> Result<PolicySpec, ConvertError> {
        let policy: FailoverPolicy = serde_json::from_value(json!({
            "apiVersion": "causeway.dev/v1alpha1",
            "kind": "FailoverPolicy",
            "metadata": { "name": "p", "namespace": namespace },
            "spec": spec,
        }))
        .unwrap();
        PolicySpec::try_from(&policy)
    }

    #[test]
    fn everything_that_is_declared_arrives() {
        let policy = convert(
            "shop",
            &json!({
                "targetRefs": [{ "name": "cart" }],
                "hosts": ["ClusterLocal"],
                "destinations": {
                    "failover": [{ "from": "r1", "to": ["r3", "r2"] }],
                    "allowedRegions": ["r1", "r2", "r3"],
                },
                "demand": [{ "from": "r1", "requestsPerSecond": 40 }],
                "capacity": { "requestsPerSecondPerEndpoint": 120, "maxUtilizationPercent": 75 },
                "failback": { "holdDown": "15m" },
            }),
        )
        .unwrap();
        assert!(!policy.root);
        let cart = ServiceKey::new("shop", "cart").unwrap();
        assert_eq!(policy.targets, BTreeSet::from([cart]));
        assert_eq!(policy.hosts, BTreeSet::from([HostKind::ClusterLocal]));
        assert_eq!(policy.failover["r1"][0].as_str(), "r3");
        assert_eq!(policy.allowed_regions.len(), 3);
        assert_eq!(policy.demand["r1"], Rate::from_rps(40));
        assert_eq!(policy.capacity_per_endpoint, Some(Rate::from_rps(120)));
        assert_eq!(policy.max_utilization_percent, Some(75));
        assert_eq!(policy.hold_down_ms, Some(900_000));
    }

    #[test]
    fn detection_has_defaults_of_its_own() {
        let root = |detection| {
            convert("causeway-system", &json!({ "detection": detection }))
                .unwrap()
                .detection
                .unwrap()
        };
        assert_eq!(root(json!({})), spec::Detection::default());
        let single = root(json!({ "minObservers": 1, "holdFor": "3s" }));
        assert_eq!((single.min_observers, single.min_failure_domains), (1, 1));
        assert_eq!(single.hold_for_ms, 3_000);
    }

    #[test]
    fn errors_name_object_field_finding_and_remedy() {
        for (namespace, spec, part) in [
            (
                "shop",
                json!({ "detection": {} }),
                "FailoverPolicy shop/p: spec.detection is given: losses are of places, not of services: move detection to a policy in causeway-system",
            ),
            (
                "causeway-system",
                json!({ "targetRefs": [{ "name": "cart" }] }),
                "spec.targetRefs is given",
            ),
            (
                "causeway-system",
                json!({ "detection": { "minFailureDomains": 4 } }),
                "spec.detection.minFailureDomains is 4: so many observers",
            ),
            (
                "causeway-system",
                json!({ "detection": { "holdFor": "2h" } }),
                "spec.detection.holdFor is \"2h\": give 1s to 3600s",
            ),
            (
                "shop",
                json!({ "destinations": { "failover": [{ "from": "r1", "to": ["r2"] }], "allowedRegions": ["r1"] } }),
                "spec.destinations.failover[0].to[0] is r2: add it to allowedRegions",
            ),
            (
                "shop",
                json!({ "demand": [{ "from": "r1", "requestsPerSecond": -1 }] }),
                "spec.demand[0].requestsPerSecond is -1",
            ),
            (
                "shop",
                json!({ "failback": { "holdDown": "soon" } }),
                "spec.failback.holdDown is \"soon\": give a duration such as",
            ),
        ] {
            let text = convert(namespace, &spec).unwrap_err().to_string();
            assert!(text.contains(part), "{text}");
        }
    }
}
