//! TrafficShift → [`Shift`].

use std::collections::BTreeMap;

use causeway_api::domain::Domain;
use causeway_api::shift::{self, Shift, ShiftAction, ShiftKey};
use causeway_api::spec::defaults;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{ConvertError, Object};
use crate::traffic_shift::{Action, AwayFrom, OnExpiry, TrafficShift, Urgency};

/// Bounds of `expiresAfter`, in milliseconds.
const EXPIRES_MS: std::ops::RangeInclusive<u64> = 10_000..=2_592_000_000;
/// Bounds of `ramp.interval`, in milliseconds.
const INTERVAL_MS: std::ops::RangeInclusive<u64> = 1_000..=86_400_000;

impl TryFrom<&TrafficShift> for Shift {
    type Error = ConvertError;

    fn try_from(declared: &TrafficShift) -> Result<Self, ConvertError> {
        shift(declared, defaults::ROOT_NAMESPACE)
    }
}

/// Converts a TrafficShift where the root namespace has another name than the default.
///
/// # Errors
/// Object, field, finding and remedy, where it is no valid declaration.
pub fn shift(declared: &TrafficShift, root_namespace: &str) -> Result<Shift, ConvertError> {
    let name = declared.metadata.name.as_deref().unwrap_or_default();
    let namespace = declared.metadata.namespace.as_deref().unwrap_or_default();
    let object = Object(format!("TrafficShift {namespace}/{name}"));
    let key = ShiftKey {
        namespace: object.parse("metadata.namespace", namespace)?,
        name: object.parse("metadata.name", name)?,
    };
    let root = namespace == root_namespace;
    let spec = &declared.spec;
    if !root && spec.target_refs.is_empty() {
        let remedy = format!(
            "name the services that it is about; only in {root_namespace} may it be about all"
        );
        return Err(object.error("spec.targetRefs", "missing", remedy));
    }
    if root && !spec.target_refs.is_empty() {
        let remedy = format!(
            "a TrafficShift in {root_namespace} is about all services: create it in the namespace of the services, or leave targetRefs out"
        );
        return Err(object.error("spec.targetRefs", "given", remedy));
    }
    let targets = object.targets(&key.namespace, &spec.target_refs)?;
    let (step_percents, interval_ms) = match &spec.ramp {
        Some(ramp) => (
            object.steps("spec.ramp.stepWeights", &ramp.step_weights)?,
            object.duration_ms("spec.ramp.interval", &ramp.interval, INTERVAL_MS)?,
        ),
        None => (Vec::new(), 0),
    };
    if spec.reason.trim().is_empty() {
        let remedy = "say why: whoever is woken by it will ask";
        return Err(object.error("spec.reason", "empty", remedy));
    }
    Ok(Shift {
        root,
        action: action(&object, declared)?,
        targets,
        urgency: match spec.urgency {
            Urgency::Planned => shift::Urgency::Planned,
            Urgency::Emergency => shift::Urgency::Emergency,
        },
        step_percents,
        interval_ms,
        expires_after_ms: object.duration_ms(
            "spec.expiresAfter",
            &spec.expires_after,
            EXPIRES_MS,
        )?,
        on_expiry: match spec.on_expiry {
            OnExpiry::Restore => shift::OnExpiry::Restore,
            OnExpiry::Hold => shift::OnExpiry::Hold,
        },
        override_rules: spec.override_rules.iter().cloned().collect(),
        approvals_required: object.bounded(
            "spec.approvalsRequired",
            spec.approvals_required,
            0..=9,
        )?,
        dry_run: spec.dry_run,
        requested_by: spec
            .requested_by
            .clone()
            .unwrap_or_else(|| format!("whoever created TrafficShift {key}")),
        reason: spec.reason.clone(),
        ticket: spec.ticket.clone(),
        starts_at_ms: spec.start_time.as_ref().map(wall_ms),
        ends_at_ms: end_time(&object, declared)?,
        key,
    })
}

/// Milliseconds since 1970; what is before is 0.
fn wall_ms(time: &Time) -> u64 {
    u64::try_from(time.0.as_millisecond()).unwrap_or(0)
}

fn end_time(object: &Object, declared: &TrafficShift) -> Result<Option<u64>, ConvertError> {
    let spec = &declared.spec;
    match (&spec.start_time, &spec.end_time) {
        (Some(start), Some(end)) if end <= start => {
            let remedy = "give a time after startTime";
            Err(object.error("spec.endTime", format!("{:?}", end.0.to_string()), remedy))
        }
        (_, end) => Ok(end.as_ref().map(wall_ms)),
    }
}

fn action(object: &Object, declared: &TrafficShift) -> Result<ShiftAction, ConvertError> {
    let spec = &declared.spec;
    let domain = || match &spec.away_from {
        Some(away_from) => domain(object, away_from),
        None => {
            let remedy = "name what traffic leaves or returns to, such as {member: ack}";
            Err(object.error("spec.awayFrom", "missing", remedy))
        }
    };
    let without_domain = || match &spec.away_from {
        None => Ok(()),
        Some(_) => {
            let remedy = "it belongs to the actions Evacuate and Restore: leave it out";
            Err(object.error("spec.awayFrom", "given", remedy))
        }
    };
    if spec.weights.is_empty() == (spec.action == Action::Weigh) {
        let found = if spec.weights.is_empty() {
            "missing"
        } else {
            "given"
        };
        let remedy = "weights and action Weigh belong together: give both or neither";
        return Err(object.error("spec.weights", found, remedy));
    }
    Ok(match spec.action {
        Action::Evacuate => ShiftAction::Evacuate(domain()?),
        Action::Restore => ShiftAction::Restore(domain()?),
        Action::Weigh => {
            without_domain()?;
            let mut weights = BTreeMap::new();
            for (at, entry) in spec.weights.iter().enumerate() {
                let field = format!("spec.weights[{at}]");
                let region = object.parse(format!("{field}.region"), &entry.region)?;
                let weight =
                    object.bounded(format!("{field}.weight"), entry.weight, 1..=1_000_000)?;
                weights.insert(region, weight);
            }
            ShiftAction::Weigh(weights)
        }
        Action::Pin => {
            without_domain()?;
            ShiftAction::Pin
        }
        Action::Freeze => {
            without_domain()?;
            ShiftAction::Freeze
        }
    })
}

fn domain(object: &Object, declared: &AwayFrom) -> Result<Domain, ConvertError> {
    let fields = [
        ("region", "region", &declared.region),
        ("zone", "zone", &declared.zone),
        ("member", "member", &declared.member),
        ("gateway", "gateway", &declared.gateway),
        ("failureDomain", "domain", &declared.failure_domain),
    ];
    let mut given = fields
        .iter()
        .filter_map(|(field, kind, value)| Some((field, kind, value.as_ref()?)));
    match (given.next(), given.next()) {
        (Some((field, kind, value)), None) => {
            object.parse(format!("spec.awayFrom.{field}"), &format!("{kind}/{value}"))
        }
        (None, _) => {
            let remedy = "name one of region, zone, member, gateway and failureDomain";
            Err(object.error("spec.awayFrom", "empty", remedy))
        }
        (Some((one, ..)), Some((other, ..))) => {
            let remedy = "name exactly one";
            Err(object.error("spec.awayFrom", format!("{one} and {other}"), remedy))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use serde_json::json;

    use super::*;

    fn convert(namespace: &str, spec: &serde_json::Value) -> Result<Shift, ConvertError> {
        let mut spec = spec.clone();
        for (field, value) in [("reason", "maintenance"), ("expiresAfter", "4h")] {
            if spec[field].is_null() {
                spec[field] = json!(value);
            }
        }
        let declared: TrafficShift = serde_json::from_value(json!({
            "apiVersion": "causeway.dev/v1alpha1",
            "kind": "TrafficShift",
            "metadata": { "name": "s", "namespace": namespace },
            "spec": spec,
        }))
        .unwrap();
        Shift::try_from(&declared)
    }

    #[test]
    fn everything_that_is_declared_arrives() {
        let minimal = json!({ "action": "Evacuate", "awayFrom": { "member": "ack" } });
        let minimal = convert("causeway-system", &minimal).unwrap();
        assert!(minimal.root && minimal.targets.is_empty());
        assert_eq!(
            minimal.action,
            ShiftAction::Evacuate("member/ack".parse().unwrap())
        );
        assert_eq!(minimal.expires_after_ms, 14_400_000);
        assert_eq!(minimal.urgency, shift::Urgency::Planned);
        let whole = convert(
            "shop",
            &json!({
                "action": "Weigh",
                "weights": [{ "region": "r1", "weight": 80 }],
                "targetRefs": [{ "name": "cart" }],
                "onExpiry": "Hold",
                "overrideRules": ["HoldDown"],
                "approvalsRequired": 2,
                "dryRun": true,
                "requestedBy": "ada",
                "ticket": "CHG-1",
                "startTime": "2026-11-24T02:00:00Z",
                "endTime": "2026-11-24T05:30:00+01:00",
            }),
        )
        .unwrap();
        assert_eq!(
            whole.action,
            ShiftAction::Weigh([("r1".parse().unwrap(), 80)].into())
        );
        assert_eq!(whole.targets, ["shop/cart".parse().unwrap()].into());
        let ramp = json!({ "stepWeights": [25, 100], "interval": "1m" });
        let steps = convert(
            "causeway-system",
            &json!({ "action": "Evacuate", "awayFrom": { "member": "ack" }, "ramp": ramp }),
        );
        let steps = steps.unwrap();
        assert_eq!(
            (steps.step_percents, steps.interval_ms),
            (vec![25, 100], 60_000)
        );
        assert_eq!((whole.approvals_required, whole.dry_run), (2, true));
        assert_eq!(whole.on_expiry, shift::OnExpiry::Hold);
        assert_eq!(whole.requested_by, "ada");
        assert_eq!(whole.starts_at_ms, Some(1_795_485_600_000));
        assert_eq!(whole.ends_at_ms, Some(1_795_494_600_000));
        for (field, value, domain) in [
            ("region", "r1", "region/r1"),
            ("zone", "r1/z1", "zone/r1/z1"),
            ("gateway", "ack/eastwest", "gateway/ack/eastwest"),
            ("failureDomain", "power-b", "domain/power-b"),
        ] {
            let spec = json!({ "action": "Restore", "awayFrom": { field: value } });
            let found = convert("causeway-system", &spec).unwrap();
            assert_eq!(found.action, ShiftAction::Restore(domain.parse().unwrap()));
        }
    }

    #[test]
    fn errors_name_the_field_and_the_remedy() {
        let root = "causeway-system";
        for (namespace, spec, part) in [
            (
                "shop",
                json!({ "action": "Freeze" }),
                "TrafficShift shop/s: spec.targetRefs is missing: name the services",
            ),
            (
                root,
                json!({ "action": "Freeze", "targetRefs": [{ "name": "cart" }] }),
                "spec.targetRefs is given",
            ),
            (
                root,
                json!({ "action": "Evacuate" }),
                "spec.awayFrom is missing",
            ),
            (
                root,
                json!({ "action": "Evacuate", "awayFrom": {} }),
                "spec.awayFrom is empty",
            ),
            (
                root,
                json!({ "action": "Evacuate", "awayFrom": { "region": "r", "member": "m" } }),
                "spec.awayFrom is region and member: name exactly one",
            ),
            (
                root,
                json!({ "action": "Pin", "awayFrom": { "region": "r" } }),
                "spec.awayFrom is given",
            ),
            (
                root,
                json!({ "action": "Weigh" }),
                "spec.weights is missing",
            ),
            (
                root,
                json!({ "action": "Freeze", "expiresAfter": "1s" }),
                "spec.expiresAfter is \"1s\": give 10s to 2592000s",
            ),
            (
                root,
                json!({ "action": "Freeze", "startTime": "2026-11-24T02:00:00Z", "endTime": "2026-11-24T02:00:00Z" }),
                "spec.endTime is \"2026-11-24T02:00:00Z\": give a time after startTime",
            ),
            (
                root,
                json!({ "action": "Freeze", "reason": "  " }),
                "spec.reason is empty",
            ),
        ] {
            let text = convert(namespace, &spec).unwrap_err().to_string();
            assert!(text.contains(part), "{text}");
        }
    }
}
