//! Generated fleets.
#![allow(dead_code, clippy::unwrap_used, clippy::cast_possible_truncation)]

pub(crate) mod cases;
pub(crate) mod lp;
pub(crate) mod rich;
pub(crate) mod scenario;
pub(crate) mod tight;

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::ids::{NetworkName, Region, Zone};
use causeway_api::plan::{
    CapacitySource, DestinationInput, EffectivePolicy, PlanInputs, Rate, Source, SourceInput,
    Withdrawal,
};
use proptest::prelude::*;

pub(crate) fn region(name: &str) -> Region {
    name.parse().unwrap()
}

pub(crate) fn zone(name: &str) -> Zone {
    name.parse().unwrap()
}

pub(crate) fn network(name: &str) -> NetworkName {
    name.parse().unwrap()
}

/// One generated member: region, network, zones, whether it exports, why it is out.
#[derive(Debug, Clone)]
struct Member {
    region: Option<u8>,
    network: u8,
    zones: Vec<(Option<u64>, u32)>,
    exported: bool,
    withdrawn: Option<Withdrawal>,
}

fn withdrawal() -> impl Strategy<Value = Option<Withdrawal>> {
    prop_oneof![
        8 => Just(None),
        1 => Just(Some(Withdrawal::Lost)),
        1 => Just(Some(Withdrawal::Recovering)),
        1 => Just(Some(Withdrawal::NoGateway)),
    ]
}

/// Rates of every size: everyday ones, none, and the greatest there are.
fn rate(unknown: bool) -> BoxedStrategy<Option<u64>> {
    let known = prop_oneof![
        12 => (0_u64..3_000).prop_map(|rps| Some(rps * 1000)),
        2 => (0_u64..50).prop_map(Some),
        1 => Just(Some(u64::MAX)),
    ];
    if unknown {
        prop_oneof![9 => known, 1 => Just(None)].boxed()
    } else {
        known.boxed()
    }
}

fn member(unknown: bool) -> impl Strategy<Value = Member> {
    let region = prop_oneof![8 => (0_u8..4).prop_map(Some), 1 => Just(None)];
    let ready = prop_oneof![1 => Just(0_u32), 6 => 1_u32..40, 1 => Just(u32::MAX)];
    let zones = proptest::collection::vec((rate(unknown), ready), 1..4);
    (
        region,
        0_u8..5,
        zones,
        prop::bool::weighted(0.8),
        withdrawal(),
    )
        .prop_map(|(region, network, zones, exported, withdrawn)| Member {
            region,
            network,
            zones,
            exported,
            withdrawn,
        })
}

/// Capacity of a zone: so much for each ready endpoint.
fn capacity(ready: u32, each: u64) -> Rate {
    Rate(u64::from(ready).saturating_mul(each))
}

/// A fleet of up to six members. `unknown`: some numbers are not known.
pub(crate) fn fleets(unknown: bool) -> impl Strategy<Value = PlanInputs> {
    let each = if unknown {
        prop_oneof![5 => (0_u64..200_000).prop_map(Some), 1 => Just(None)].boxed()
    } else {
        (0_u64..200_000).prop_map(Some).boxed()
    };
    (
        proptest::collection::vec(member(unknown), 1..7),
        each,
        0_u8..=100,
        proptest::collection::vec(0_u8..4, 0..4),
        proptest::collection::btree_set(0_u8..4, 0..3),
        prop::bool::weighted(0.05),
        prop::bool::weighted(if unknown { 0.2 } else { 0.0 }),
    )
        .prop_map(
            |(members, each, utilization, order, allowed, nowhere, mixed)| {
                build(
                    &members,
                    each,
                    utilization,
                    &order,
                    &allowed,
                    nowhere,
                    mixed,
                )
            },
        )
}

fn build(
    members: &[Member],
    each: Option<u64>,
    utilization: u8,
    order: &[u8],
    allowed: &BTreeSet<u8>,
    nowhere: bool,
    mixed: bool,
) -> PlanInputs {
    let region_name = |at: u8| region(&format!("r{at}"));
    let allowed: BTreeSet<Region> = allowed.iter().map(|at| region_name(*at)).collect();
    let mut inputs = PlanInputs {
        gateways: Vec::new(),
        service: "shop/cart".parse().unwrap(),
        ports: Vec::new(),
        sources: Vec::new(),
        destinations: Vec::new(),
        policy: EffectivePolicy {
            failover: (0..4)
                .map(|from| {
                    (
                        region_name(from),
                        order.iter().map(|at| region_name(*at)).collect(),
                    )
                })
                .collect::<BTreeMap<_, _>>(),
            allowed_regions: if nowhere {
                BTreeSet::new()
            } else {
                allowed.clone()
            },
            nowhere,
            ..EffectivePolicy::default()
        },
    };
    for (at, member) in members.iter().enumerate() {
        let name: causeway_api::MemberName = format!("m{at}").parse().unwrap();
        let member_region = member.region.map(region_name);
        let refused = nowhere
            || (!allowed.is_empty()
                && !member_region.as_ref().is_some_and(|r| allowed.contains(r)));
        for (index, (demand, ready)) in member.zones.iter().enumerate() {
            let zone = Some(zone(&format!("z{index}")));
            inputs.sources.push(SourceInput {
                source: Source {
                    member: name.clone(),
                    zone: zone.clone(),
                },
                region: member_region.clone(),
                network: network(&format!("n{}", member.network)),
                demand: demand.map(Rate),
                demand_source: causeway_api::plan::DemandSource::default(),
                unreachable: std::collections::BTreeSet::new(),
                ejected: std::collections::BTreeSet::new(),
                together: std::collections::BTreeMap::new(),
            });
            let known = each.filter(|_| !mixed || (at + index) % 2 == 0);
            inputs.destinations.push(DestinationInput {
                member: name.clone(),
                zone,
                region: member_region.clone(),
                network: network(&format!("n{}", member.network)),
                exported: member.exported,
                ready: *ready,
                capacity: known.map(|each| capacity(*ready, each)),
                capacity_source: if known.is_some() {
                    CapacitySource::Declared
                } else {
                    CapacitySource::Unknown
                },
                max_utilization_percent: utilization,
                withdrawn: member
                    .withdrawn
                    .or(refused.then_some(Withdrawal::NotAllowed)),
                total: *ready,
                admitted_percent: 100,
                vacated: at % 2 == 1 && member.withdrawn == Some(Withdrawal::Lost),
                draining: false,
            });
        }
    }
    inputs
}

/// Everything that is assigned.
pub(crate) fn served(plan: &causeway_api::plan::ServicePlan) -> u128 {
    let shares = plan.sources.iter().flat_map(|source| &source.shares);
    shares.map(|share| u128::from(share.rate.0)).sum()
}
