//! Nothing is assigned more than it may carry.
//!
//! Each zone: what its own network sends it by name. Each network: that and what others send through its gateways, which
//! choose the zone. Both together are exact, since a zone is of one network. Sources that cannot be planned by capacity
//! (because that of their nearest ways is unknown) are left out, and so are networks that have a zone of unknown capacity.

use causeway_api::ids::NetworkName;
use causeway_api::plan::{Destination, DestinationInput, PlanInputs, ServicePlan, SourcePlan};
use std::collections::BTreeMap;

use super::usable::permitted;
use super::{Report, behind, paired};

pub(super) fn check(inputs: &PlanInputs, plan: &ServicePlan, report: &mut Report) {
    let mut by_zone: BTreeMap<usize, u128> = BTreeMap::new();
    let mut by_network: BTreeMap<&NetworkName, u128> = BTreeMap::new();
    for (_, source_plan) in paired(inputs, plan).filter(|(_, p)| by_capacity(inputs, p)) {
        for share in &source_plan.shares {
            let rate = u128::from(share.rate.0);
            match &share.destination {
                Destination::Network(network) => *by_network.entry(network).or_default() += rate,
                Destination::Zone { member, zone } => {
                    let at = inputs
                        .destinations
                        .iter()
                        .position(|d| d.member == *member && d.zone == *zone);
                    if let Some(at) = at {
                        *by_zone.entry(at).or_default() += rate;
                    }
                }
            }
        }
    }
    for (at, rate) in &by_zone {
        let zone = inputs.destinations.get(*at);
        let limit = zone.and_then(limit);
        if let (Some(zone), Some(limit)) = (zone, limit)
            && *rate > limit
        {
            let zone_name = zone.zone.as_ref().map_or("-", |zone| zone.as_str());
            report.found(format!(
                "{}/{zone_name} is assigned {rate} thousandths a second and may carry {limit}",
                zone.member
            ));
        }
    }
    for (network, rate) in by_network.into_iter().filter(|(_, rate)| *rate > 0) {
        over(inputs, network, rate, &by_zone, report);
    }
}

fn over(
    inputs: &PlanInputs,
    network: &NetworkName,
    rate: u128,
    by_zone: &BTreeMap<usize, u128>,
    report: &mut Report,
) {
    let mut room: u128 = 0;
    for (at, zone) in inputs.destinations.iter().enumerate() {
        let open = zone.network == *network
            && zone.exported
            && zone.ready > 0
            && zone.withdrawn.is_none()
            && permitted(inputs, zone);
        if !open {
            continue;
        }
        let Some(limit) = limit(zone) else { return };
        room += limit.saturating_sub(by_zone.get(&at).copied().unwrap_or(0));
    }
    if rate > room {
        report.found(format!(
            "network {network} is assigned {rate} thousandths a second from elsewhere and has room for {room}"
        ));
    }
}

fn limit(zone: &DestinationInput) -> Option<u128> {
    let capacity = u128::from(zone.capacity?.0);
    Some(capacity * u128::from(zone.max_utilization_percent) / 100)
}

/// Whether a source was planned by capacity: all of its nearest destinations have a known one.
fn by_capacity(inputs: &PlanInputs, source: &SourcePlan) -> bool {
    let nearest = source.shares.iter().map(|share| share.tier).min();
    let near = source
        .shares
        .iter()
        .filter(|share| Some(share.tier) == nearest);
    near.flat_map(|share| behind(inputs, &share.destination))
        .all(|zone| {
            let counts = zone.ready > 0 && (zone.exported || zone.member == source.source.member);
            !counts || zone.capacity.is_some()
        })
}
