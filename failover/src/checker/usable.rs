//! What a source may use, said a second time: from the words of the inputs, without the planner's stages.

use causeway_api::plan::{DestinationInput, PlanInputs, SourceInput, Withdrawal};
use causeway_api::rules::Strategy;

/// Whether policy lets callers elsewhere go to a zone.
pub(super) fn permitted(inputs: &PlanInputs, zone: &DestinationInput) -> bool {
    if inputs.policy.nowhere || zone.withdrawn == Some(Withdrawal::NotAllowed) {
        return false;
    }
    let regions = &inputs.policy.allowed_regions;
    match &zone.region {
        _ if regions.is_empty() => true,
        Some(region) => regions.contains(region),
        None => false,
    }
}

/// Whether a person's evacuation of a zone goes in steps, and is under way.
pub(super) fn in_steps(zone: &DestinationInput) -> bool {
    zone.withdrawn == Some(Withdrawal::Evacuated)
        && zone.admitted_percent > 0
        && zone.admitted_percent < 100
}

/// Why a zone with ready endpoints is out for callers elsewhere: said, or because too little of it is ready, or because it
/// admits nothing.
pub(super) fn reason(inputs: &PlanInputs, zone: &DestinationInput) -> Option<Withdrawal> {
    if zone.withdrawn.is_some() && !in_steps(zone) {
        return zone.withdrawn;
    }
    let healthy_percent = u128::from(zone.ready) * 100;
    let wanted = u128::from(inputs.policy.min_healthy_percent) * u128::from(zone.total);
    if healthy_percent < wanted {
        Some(Withdrawal::Unhealthy)
    } else if zone.admitted_percent == 0 {
        Some(Withdrawal::Recovering)
    } else {
        None
    }
}

/// Whether a source may be sent to a zone while all is as the inputs say.
pub(super) fn usable(inputs: &PlanInputs, source: &SourceInput, zone: &DestinationInput) -> bool {
    if zone.ready == 0 {
        return false;
    }
    let out = reason(inputs, zone);
    let near = zone.network == source.network;
    if zone.member == source.source.member && near {
        return out != Some(Withdrawal::Evacuated) && !zone.vacated;
    }
    if !zone.exported || !permitted(inputs, zone) || !named(inputs, source, zone) {
        return false;
    }
    match out {
        None if near => true,
        None => !source.unreachable.contains(&zone.network) && !closed(inputs, zone),
        Some(Withdrawal::NoGateway | Withdrawal::ConflictingGateways) => near,
        Some(_) => false,
    }
}

/// Whether a policy that names all there is names where this zone stands: for another network, where every zone of it
/// stands that would answer.
pub(super) fn named(inputs: &PlanInputs, source: &SourceInput, zone: &DestinationInput) -> bool {
    if inputs.policy.strategy != Strategy::Ordered {
        return true;
    }
    let one = |zone: &DestinationInput| {
        let (Some(from), Some(to)) = (&source.region, &zone.region) else {
            return false;
        };
        let order = inputs.policy.failover.get(from);
        from == to || order.is_some_and(|order| order.contains(to))
    };
    if zone.network == source.network {
        return one(zone);
    }
    let answers = |other: &&DestinationInput| {
        other.network == zone.network
            && other.exported
            && other.ready > 0
            && reason(inputs, other) == reason(inputs, zone)
    };
    inputs.destinations.iter().filter(answers).all(one)
}

/// Whether a network has a live zone that policy forbids: its gateway might choose that one.
fn closed(inputs: &PlanInputs, zone: &DestinationInput) -> bool {
    inputs.destinations.iter().any(|other| {
        let live = other.network == zone.network && other.exported && other.ready > 0;
        live && answers(inputs, other) && !permitted(inputs, other)
    })
}

/// Whether the endpoints of a zone answer whoever comes, as far as anybody knows.
pub(super) fn answers(inputs: &PlanInputs, zone: &DestinationInput) -> bool {
    match reason(inputs, zone) {
        None => true,
        Some(reason) => matches!(
            reason,
            Withdrawal::NotAllowed | Withdrawal::Evacuated | Withdrawal::Unhealthy
        ),
    }
}

/// Whether a source has any zone to go to.
pub(super) fn has_any(inputs: &PlanInputs, source: &SourceInput) -> bool {
    inputs
        .destinations
        .iter()
        .any(|zone| usable(inputs, source, zone))
}
