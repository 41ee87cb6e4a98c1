//! What a service shares with others: what gateways let in of it, and what binds its sources because it moves as one with
//! others. Both are decided for all services that are tied together ([`crate::ties`]); between such decisions they stay.

use std::collections::BTreeMap;

use causeway_api::ServiceKey;
use causeway_api::ids::NetworkName;
use causeway_api::plan::{GatewayInput, Rate, SourceInput};
use causeway_api::verdict::Subject;
use causeway_state::State;

/// What the gateways of each network carry, all services together: the sum over those that are not out by verdict.
/// Networks with a gateway that declares no limit are left out.
#[must_use]
pub fn limits(state: &State) -> BTreeMap<NetworkName, Rate> {
    let mut limits: BTreeMap<NetworkName, Option<Rate>> = BTreeMap::new();
    for (name, member) in &state.members {
        let Some(placement) = &member.placement else {
            continue;
        };
        for gateway in placement.gateways.keys() {
            let lost = state.verdicts.gateways(name).any(|(subject, verdict)| {
                let this = matches!(subject, Subject::Gateway { gateway: of, .. } if of == gateway);
                this && !verdict.may_receive()
            });
            if lost {
                continue;
            }
            let declared = member.spec.gateways.get(gateway);
            let carries = declared.and_then(|gateway| gateway.max_rate);
            let sum = limits
                .entry(placement.network.clone())
                .or_insert(Some(Rate(0)));
            *sum = sum.and_then(|sum| Some(sum.plus(carries?)));
        }
    }
    let known = limits.into_iter();
    known
        .filter_map(|(network, limit)| Some((network, limit?)))
        .collect()
}

/// What gateways let in of a service, as it was committed.
pub(super) fn gateways_as_committed(state: &State, service: &ServiceKey) -> Vec<GatewayInput> {
    let held = state.plan(service).and_then(|row| row.value.as_ref());
    held.map_or_else(Vec::new, |held| held.inputs.gateways.clone())
}

/// What binds the sources of a service to others, as it was committed.
pub(super) fn as_committed(state: &State, service: &ServiceKey, sources: &mut [SourceInput]) {
    let Some(held) = state.plan(service).and_then(|row| row.value.as_ref()) else {
        return;
    };
    for source in sources {
        let mut before = held.inputs.sources.iter();
        if let Some(before) = before.find(|before| before.source == source.source) {
            source.together.clone_from(&before.together);
        }
    }
}
