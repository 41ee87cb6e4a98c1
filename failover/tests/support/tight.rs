//! Fleets where demand is near to capacity and sources compete: each region prefers others in an order of its own,
//! some zones are open to their own member only, and some members share a network.
#![allow(dead_code, clippy::unwrap_used)]

use causeway_api::plan::{
    CapacitySource, DestinationInput, EffectivePolicy, PlanInputs, Rate, Source, SourceInput,
};
use proptest::prelude::*;

use super::{network, region, zone};

/// One zone: demand, ready endpoints.
type Zone = (u64, u32);
/// One member: region, network, whether it exports, its zones.
type Member = (u8, u8, bool, Vec<Zone>);

fn member() -> impl Strategy<Value = Member> {
    let zones = proptest::collection::vec((0_u64..1_500, 0_u32..12), 1..4);
    (0_u8..4, 0_u8..6, prop::bool::weighted(0.85), zones)
}

/// A fleet of two to eight members in four regions and six networks; an endpoint carries 80 a second.
pub(crate) fn tight() -> impl Strategy<Value = PlanInputs> {
    let orders = proptest::collection::vec(Just(vec![0_u8, 1, 2, 3]).prop_shuffle(), 4);
    let lengths = proptest::collection::vec(0_usize..=4, 4);
    (proptest::collection::vec(member(), 2..9), orders, lengths).prop_map(
        |(members, orders, lengths)| {
            let name = |at: u8| region(&format!("r{at}"));
            let order = |(from, (order, length)): (u8, (Vec<u8>, usize))| {
                (
                    name(from),
                    order.into_iter().take(length).map(name).collect(),
                )
            };
            let failover = (0_u8..).zip(orders.into_iter().zip(lengths)).map(order);
            let mut inputs = PlanInputs {
                gateways: Vec::new(),
                service: "shop/cart".parse().unwrap(),
                ports: Vec::new(),
                sources: Vec::new(),
                destinations: Vec::new(),
                policy: EffectivePolicy {
                    failover: failover.collect(),
                    ..EffectivePolicy::default()
                },
            };
            for (at, member) in members.iter().enumerate() {
                add(&mut inputs, at, member);
            }
            inputs
        },
    )
}

fn add(inputs: &mut PlanInputs, at: usize, (home, net, exported, zones): &Member) {
    let name: causeway_api::MemberName = format!("m{at}").parse().unwrap();
    for (index, (demand, ready)) in zones.iter().enumerate() {
        let zone = Some(zone(&format!("z{index}")));
        inputs.sources.push(SourceInput {
            source: Source {
                member: name.clone(),
                zone: Clone::clone(&zone),
            },
            region: Some(region(&format!("r{home}"))),
            network: network(&format!("n{net}")),
            demand: Some(Rate::from_rps(*demand)),
            demand_source: causeway_api::plan::DemandSource::default(),
            unreachable: std::collections::BTreeSet::new(),
            ejected: std::collections::BTreeSet::new(),
            together: std::collections::BTreeMap::new(),
        });
        inputs.destinations.push(DestinationInput {
            member: name.clone(),
            zone,
            region: Some(region(&format!("r{home}"))),
            network: network(&format!("n{net}")),
            exported: *exported,
            ready: *ready,
            capacity: Some(Rate::from_rps(u64::from(*ready) * 100)),
            capacity_source: CapacitySource::Declared,
            max_utilization_percent: 80,
            withdrawn: None,
            total: *ready,
            admitted_percent: 100,
            vacated: false,
            draining: false,
        });
    }
}
