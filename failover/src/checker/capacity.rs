//! Nothing is assigned more than it may carry.
//!
//! Each zone: what its own network sends it by name, and of that no more from other members than it admits while it ramps
//! up. Each network: what others send through its gateways, which choose the zone, fits into what its open zones have left,
//! and into what its gateways let in. All together are exact, since a zone is of one network. Sources that cannot be planned
//! by capacity (because that of their nearest ways is unknown, or a mere rate that was seen) are left out, and so are
//! networks that have a zone of unknown capacity.

use std::collections::BTreeMap;

use causeway_api::ids::{NetworkName, Region};
use causeway_api::plan::{
    CapacitySource, Destination, DestinationInput, PlanInputs, ServicePlan, SourceInput, SourcePlan,
};
use causeway_api::rules::{Strategy, WhenUnknown};

use super::usable::{in_steps, permitted, reason, usable};
use super::{Report, behind, paired};

/// What a zone is sent by name: by all, and by other members.
#[derive(Default, Clone, Copy)]
struct Sent {
    all: u128,
    others: u128,
}

pub(super) fn check(inputs: &PlanInputs, plan: &ServicePlan, report: &mut Report) {
    let mut by_zone: BTreeMap<usize, Sent> = BTreeMap::new();
    let mut by_network: BTreeMap<&NetworkName, u128> = BTreeMap::new();
    for (source, source_plan) in paired(inputs, plan).filter(|(s, p)| by_capacity(inputs, s, p)) {
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
                        let sent = by_zone.entry(at).or_default();
                        sent.all += rate;
                        if *member != source.source.member {
                            sent.others += rate;
                        }
                    }
                }
            }
        }
    }
    for (at, sent) in &by_zone {
        let Some(zone) = inputs.destinations.get(*at) else {
            continue;
        };
        let zone_name = zone.zone.as_ref().map_or("-", |zone| zone.as_str());
        let limits = [
            (sent.all, limit(inputs, zone), ""),
            (
                sent.others,
                limit_elsewhere(inputs, zone),
                " from other members while it ramps up",
            ),
        ];
        for (rate, limit, from) in limits {
            if let Some(limit) = limit.filter(|limit| rate > *limit) {
                report.found(format!(
                    "{}/{zone_name} is assigned {rate} thousandths a second and may carry {limit}{from}",
                    zone.member
                ));
            }
        }
    }
    for (network, rate) in by_network {
        let gateways = inputs.gateways.iter().filter(|row| row.network == *network);
        for gateway in gateways.filter(|row| rate > u128::from(row.limit.0)) {
            report.found(format!(
                "network {network} is assigned {rate} thousandths a second from elsewhere, and its gateways let in {} of this \
                 service",
                gateway.limit.0
            ));
        }
        over(inputs, network, rate, &by_zone, report);
    }
}

fn over(
    inputs: &PlanInputs,
    network: &NetworkName,
    rate: u128,
    by_zone: &BTreeMap<usize, Sent>,
    report: &mut Report,
) {
    let mut room: u128 = 0;
    for (at, zone) in inputs.destinations.iter().enumerate() {
        let open = zone.network == *network
            && zone.exported
            && zone.ready > 0
            && reason(inputs, zone).is_none()
            && permitted(inputs, zone);
        if !open {
            continue;
        }
        let (Some(all), Some(others)) = (limit(inputs, zone), limit_elsewhere(inputs, zone)) else {
            return;
        };
        let sent = by_zone.get(&at).copied().unwrap_or_default();
        room += all
            .saturating_sub(sent.all)
            .min(others.saturating_sub(sent.others));
    }
    if rate > room {
        report.found(format!(
            "network {network} is assigned {rate} thousandths a second from elsewhere and has room for {room}"
        ));
    }
}

/// What a zone may carry; `None`: nobody knows. Where policy sends to the unknown, a floor is no limit.
fn limit(inputs: &PlanInputs, zone: &DestinationInput) -> Option<u128> {
    if zone.capacity_source.is_floor() && inputs.policy.when_unknown == WhenUnknown::BestEffort {
        return None;
    }
    let capacity = u128::from(zone.capacity?.0);
    let limit = capacity * u128::from(zone.max_utilization_percent.min(100)) / 100;
    Some(if in_steps(zone) {
        limit * u128::from(zone.admitted_percent) / 100
    } else {
        limit
    })
}

/// What a zone may carry of other members' callers.
fn limit_elsewhere(inputs: &PlanInputs, zone: &DestinationInput) -> Option<u128> {
    let limit = limit(inputs, zone)?;
    Some(if in_steps(zone) {
        limit
    } else {
        limit * u128::from(zone.admitted_percent.min(100)) / 100
    })
}

/// Whether a source was planned by capacity: all of its nearest destinations have a known one that is a limit; where
/// weights bind it, all that it goes to.
fn by_capacity(inputs: &PlanInputs, source: &SourceInput, plan: &SourcePlan) -> bool {
    let policy = &inputs.policy;
    let any = |weights: &BTreeMap<Region, u32>| weights.values().any(|weight| *weight > 0);
    let weighted =
        any(&source.together) || (policy.strategy == Strategy::Weighted && any(&policy.weights));
    let known = |zone: &DestinationInput| {
        zone.capacity.is_some() && zone.capacity_source != CapacitySource::Learned
    };
    let nearest = plan.shares.iter().map(|share| share.tier).min();
    let near = plan
        .shares
        .iter()
        .filter(|share| weighted || Some(share.tier) == nearest);
    let all_known = near
        .flat_map(|share| behind(inputs, &share.destination))
        .all(|zone| {
            let counts = zone.ready > 0 && (zone.exported || zone.member == source.source.member);
            !counts || known(zone)
        });
    // What takes only a part of its part may be left with one so small that no share names it.
    let unnamed = inputs
        .destinations
        .iter()
        .any(|zone| zone.admitted_percent < 100 && !known(zone) && usable(inputs, source, zone));
    all_known && !unnamed
}
