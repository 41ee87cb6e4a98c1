//! Fleets with all that policies, people and verdicts may say of them: orders and weights, shares of health, ramps,
//! evacuations in steps, gateways that let in only so much, places that reach less, rates that were merely seen.
#![allow(dead_code, clippy::unwrap_used)]

use std::collections::BTreeMap;

use causeway_api::plan::{CapacitySource, GatewayInput, PlanInputs, Rate, Withdrawal};
use causeway_api::rules::{OnOverload, Strategy as Choice, WhenUnknown};
use proptest::prelude::*;

use super::{fleets, network, region};

/// What is drawn for each zone: what it admits, how many endpoints are not ready, why it is out, whether its rate was
/// merely seen.
type Zone = (u8, u32, Option<Withdrawal>, bool);

fn zone() -> impl Strategy<Value = Zone> {
    let admitted = prop_oneof![6 => Just(100_u8), 3 => 0_u8..=100];
    let out = prop_oneof![
        8 => Just(None),
        2 => Just(Some(Withdrawal::Evacuated)),
        1 => Just(Some(Withdrawal::Away)),
    ];
    (admitted, 0_u32..20, out, prop::bool::weighted(0.15))
}

fn weights() -> impl Strategy<Value = BTreeMap<u8, u32>> {
    prop::collection::btree_map(0_u8..5, 0_u32..4, 0..4)
}

/// What is drawn for the whole: zones, gateways, who reaches what, the policy.
#[derive(Debug, Clone)]
struct Draw {
    zones: Vec<Zone>,
    gateways: BTreeMap<u8, u64>,
    unreachable: Vec<Vec<u8>>,
    strategy: u8,
    weights: BTreeMap<u8, u32>,
    together: Option<BTreeMap<u8, u32>>,
    healthy: u8,
    flags: (bool, bool),
}

fn draw() -> impl Strategy<Value = Draw> {
    let zones = prop::collection::vec(zone(), 18);
    let gateways = prop::collection::btree_map(0_u8..5, 0_u64..4_000_000, 0..4);
    let unreachable = prop::collection::vec(prop::collection::vec(0_u8..5, 0..2), 18);
    let healthy = prop_oneof![3 => Just(0_u8), 2 => 30_u8..100];
    let together = prop_oneof![5 => Just(None), 1 => weights().prop_map(Some)];
    (
        (zones, gateways, unreachable),
        (0_u8..6, weights(), together, healthy),
        any::<(bool, bool)>(),
    )
        .prop_map(|(a, b, flags)| Draw {
            zones: a.0,
            gateways: a.1,
            unreachable: a.2,
            strategy: b.0,
            weights: b.1,
            together: b.2,
            healthy: b.3,
            flags,
        })
}

/// A fleet; `plain`: all numbers are known and no weights bind, so that the cheapest plan is well defined.
pub(crate) fn rich(plain: bool) -> impl Strategy<Value = PlanInputs> {
    (fleets(!plain), draw()).prop_map(move |(inputs, draw)| build(inputs, &draw, plain))
}

fn regions(weights: &BTreeMap<u8, u32>) -> BTreeMap<causeway_api::ids::Region, u32> {
    let rows = weights.iter();
    rows.map(|(at, weight)| (region(&format!("r{at}")), *weight))
        .collect()
}

fn build(mut inputs: PlanInputs, draw: &Draw, plain: bool) -> PlanInputs {
    inputs.policy.strategy = match draw.strategy {
        0 | 1 => Choice::Ordered,
        2 if !plain => Choice::Weighted,
        _ => Choice::Waterfall,
    };
    inputs.policy.min_healthy_percent = draw.healthy;
    if draw.flags.0 {
        inputs.policy.on_overload = OnOverload::Shed;
    }
    if !plain {
        inputs.policy.weights = regions(&draw.weights);
        if draw.flags.1 {
            inputs.policy.when_unknown = WhenUnknown::BestEffort;
        }
    }
    for (zone, (admitted, down, out, seen)) in inputs.destinations.iter_mut().zip(&draw.zones) {
        zone.admitted_percent = *admitted;
        zone.total = zone.ready.saturating_add(*down);
        zone.withdrawn = zone.withdrawn.or(*out);
        if *seen && !plain && zone.capacity.is_some() {
            zone.capacity_source = CapacitySource::Learned;
        }
    }
    for (source, networks) in inputs.sources.iter_mut().zip(&draw.unreachable) {
        let names = networks.iter().map(|at| network(&format!("n{at}")));
        source.unreachable = names.collect();
        if let (Some(weights), false) = (&draw.together, plain) {
            source.together = regions(weights);
        }
    }
    let rows = draw.gateways.iter().map(|(at, limit)| GatewayInput {
        network: network(&format!("n{at}")),
        limit: Rate(*limit),
    });
    inputs.gateways = rows.collect();
    inputs
}
