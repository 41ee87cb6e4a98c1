//! What gateways that several services share are worth: how much is served of what an exact solver serves with all services
//! before it, at what cost, and that a gateway which carries more never serves less.
//!
//! Fleets are drawn from fixed seeds, so that what is measured here is the same in every run.
#![allow(clippy::unwrap_used, clippy::cast_precision_loss)]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::ids::{NetworkName, ServiceKey};
use causeway_api::plan::{Destination, PlanInputs, Rate, ServicePlan};
use causeway_api::rules::{OnOverload, Priority};
use causeway_failover::allot::Shared;
use causeway_failover::plan::{cost, plan};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use support::{lp, network, served, tight};

/// Services that enter networks by the same gateways.
#[derive(Debug, Clone)]
struct Tied {
    services: Vec<PlanInputs>,
    limits: BTreeMap<NetworkName, Rate>,
}

impl Tied {
    /// What is planned for each, within what it is allotted.
    fn plans(&self) -> Vec<ServicePlan> {
        let of = |key: &ServiceKey| self.services.iter().find(|inputs| inputs.service == *key);
        let mut shared = Shared::default();
        for inputs in &self.services {
            shared.note(&inputs.service, Some(inputs));
        }
        shared.settle(&self.limits, &BTreeSet::new(), &mut |key| of(key).cloned());
        let each = self.services.iter().map(|inputs| {
            let mut inputs = inputs.clone();
            inputs.gateways = shared.of(&inputs.service);
            plan(&inputs)
        });
        let plans: Vec<ServicePlan> = each.collect();
        self.fits(&plans);
        plans
    }

    /// Nobody sends more through gateways than they carry.
    fn fits(&self, plans: &[ServicePlan]) {
        for (network, limit) in &self.limits {
            let shares = plans.iter().flat_map(|plan| &plan.sources);
            let shares = shares.flat_map(|source| &source.shares);
            let into = shares.filter(
                |share| matches!(&share.destination, Destination::Network(to) if to == network),
            );
            let sent: u64 = into.map(|share| share.rate.0).sum();
            assert!(sent <= limit.0, "{sent} enter {network}: {self:#?}");
        }
    }

    /// What is served, in requests a second, and what that costs.
    fn ours(&self) -> (f64, f64) {
        let plans = self.plans();
        let rate: u128 = plans.iter().map(served).sum();
        let paid: u128 = plans.iter().map(cost::of_plan).sum();
        (rate as f64 / 1e3, paid as f64 / 1e3)
    }
}

fn tied() -> impl Strategy<Value = Tied> {
    let classes = prop::sample::select(vec![
        (Priority::Standard, OnOverload::Refuse),
        (Priority::Standard, OnOverload::Refuse),
        (Priority::Critical, OnOverload::Refuse),
        (Priority::Sheddable, OnOverload::Shed),
    ]);
    let services = prop::collection::vec((tight::tight(), classes), 2..6);
    let limits = prop::collection::vec(prop::option::weighted(0.6, 0_u64..2_500), 6);
    (services, limits).prop_map(|(services, limits)| Tied {
        services: services
            .into_iter()
            .enumerate()
            .map(|(at, (mut inputs, (priority, on_overload)))| {
                inputs.service = format!("shop/s{at}").parse().unwrap();
                inputs.policy.priority = priority;
                inputs.policy.on_overload = on_overload;
                inputs
            })
            .collect(),
        limits: limits
            .into_iter()
            .enumerate()
            .filter_map(|(at, limit)| Some((network(&format!("n{at}")), Rate::from_rps(limit?))))
            .collect(),
    })
}

fn fleets(count: usize) -> impl Iterator<Item = Tied> {
    let mut runner = TestRunner::deterministic();
    (0..count).map(move |_| tied().new_tree(&mut runner).unwrap().current())
}

#[test]
fn a_shared_gateway_that_carries_more_hardly_ever_serves_less() {
    let (mut less, mut worst, mut tried) = (0, 0.0_f64, 0);
    for tied in fleets(300) {
        let (before, _) = tied.ours();
        for network in tied.limits.keys() {
            let mut richer = tied.clone();
            let limit = richer.limits.get_mut(network).unwrap();
            *limit = limit.plus(Rate::from_rps(100));
            let (now, _) = richer.ours();
            tried += 1;
            // Each part is rounded down to a thousandth.
            if now < before - 0.1 {
                less += 1;
                worst = worst.max((before - now) / before.max(1.0));
            }
        }
    }
    println!("{less} of {tried} serve less, by {worst:.4} at worst");
    assert!(less * 100 <= tried, "{less} of {tried}");
    assert!(worst < 0.05, "{worst}");
}

#[test]
fn what_is_served_through_shared_gateways_is_nearly_all_that_an_exact_solver_serves() {
    let (mut ours, mut best, mut short, mut worst) = (0.0, 0.0, 0, 0.0_f64);
    let (mut paid, mut least) = (0.0, 0.0);
    let count = 400;
    for tied in fleets(count) {
        let (served, cost) = tied.ours();
        let optimum = lp::solve_all(&tied.services, &tied.limits);
        assert!(served <= optimum.served + 1e-3, "{tied:#?}");
        ours += served;
        best += optimum.served;
        let gap = (optimum.served - served) / optimum.served.max(1.0);
        if gap > 1e-4 {
            short += 1;
        } else {
            // Who serves as much is compared by what it costs.
            paid += cost;
            least += optimum.cost;
        }
        worst = worst.max(gap);
    }
    let (left, dearer) = (1.0 - ours / best, paid / least - 1.0);
    println!(
        "{short} of {count} serve less; {left:.5} of all, {worst:.4} at worst; {dearer:.5} dearer where as much is served"
    );
    assert!(left < 0.01, "{left}");
    assert!(dearer < 0.01, "{dearer}");
}
