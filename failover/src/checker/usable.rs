//! What a source may use, said a second time: from the words of the inputs, without the planner's stages.

use causeway_api::plan::{DestinationInput, PlanInputs, SourceInput, Withdrawal};

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

/// Whether a source may be sent to a zone while all is as the inputs say.
pub(super) fn usable(inputs: &PlanInputs, source: &SourceInput, zone: &DestinationInput) -> bool {
    if zone.ready == 0 {
        return false;
    }
    if zone.member == source.source.member && zone.network == source.network {
        return true;
    }
    if !zone.exported || !permitted(inputs, zone) {
        return false;
    }
    match zone.withdrawn {
        None => zone.network == source.network || !closed(inputs, zone),
        Some(Withdrawal::NoGateway | Withdrawal::ConflictingGateways) => {
            zone.network == source.network
        }
        Some(_) => false,
    }
}

/// Whether a network has a live zone that policy forbids: its gateway might choose that one.
fn closed(inputs: &PlanInputs, zone: &DestinationInput) -> bool {
    inputs.destinations.iter().any(|other| {
        let live = other.network == zone.network && other.exported && other.ready > 0;
        let up = matches!(other.withdrawn, None | Some(Withdrawal::NotAllowed));
        live && up && !permitted(inputs, other)
    })
}

/// Whether a source has any zone to go to.
pub(super) fn has_any(inputs: &PlanInputs, source: &SourceInput) -> bool {
    inputs
        .destinations
        .iter()
        .any(|zone| usable(inputs, source, zone))
}
