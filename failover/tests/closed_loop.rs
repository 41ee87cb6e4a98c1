//! The loop is closed: a plan loads endpoints, what they serve is seen, and the next plan counts on it. It must come to
//! rest, and it must not hold anybody to what it happened to see.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use std::collections::BTreeMap;

use causeway_api::plan::{Destination, PlanInputs, Rate, ServicePlan, WHOLE, Withdrawal};
use causeway_api::rules::MemberClass;
use causeway_failover::checker::check;
use causeway_failover::learn::{Seen, capacity, demand, floor};
use causeway_failover::plan::next;
use proptest::prelude::*;
use support::cases::cases;
use support::tight;

/// A fleet as it is, what is known of it, and the plan in force.
struct Loop {
    /// With what endpoints can truly serve.
    truth: PlanInputs,
    floors: Vec<Option<Rate>>,
    held: Option<(PlanInputs, ServicePlan)>,
    round: u64,
}

impl Loop {
    fn new(truth: PlanInputs) -> Self {
        Self {
            floors: vec![None; truth.destinations.len()],
            truth,
            held: None,
            round: 0,
        }
    }

    /// What is known: no capacity is declared, and demand is measured, now a little high and now a little low.
    fn known(&self) -> PlanInputs {
        let mut inputs = self.truth.clone();
        for (at, source) in inputs.sources.iter_mut().enumerate() {
            let wobble = (self.round * 7 + at as u64 * 3) % 5;
            let measured = source.demand.map(|d| Rate(d.0 * (998 + wobble) / 1_000));
            (source.demand, source.demand_source) = demand(None, measured);
        }
        for (zone, floor) in inputs.destinations.iter_mut().zip(&self.floors) {
            (zone.capacity, zone.capacity_source) =
                capacity(MemberClass::Standard, None, *floor, zone.ready);
        }
        inputs
    }

    /// Plans, sends, and sees what is served; says where each source's callers go.
    fn turn(&mut self) -> Vec<Vec<(Destination, u32)>> {
        let inputs = self.known();
        let plan = next(
            &inputs,
            self.held.as_ref().map(|(inputs, plan)| (inputs, plan)),
        )
        .plan;
        let findings = check(&inputs, &plan);
        assert!(findings.is_empty(), "{findings:#?}\n{plan:#?}");
        for (at, load) in self.loads(&plan) {
            let zone = &self.truth.destinations[at];
            let served = load.min(u128::from(zone.capacity.unwrap().0));
            let seen = Seen {
                rate: Rate(u64::try_from(served).unwrap()),
                ready: zone.ready,
            };
            let before = self.floors[at];
            self.floors[at] = floor(before, seen);
            assert!(self.floors[at] >= before);
        }
        self.round += 1;
        let shares = plan.sources.iter().map(|source| {
            let shares = source.shares.iter();
            shares.map(|s| (s.destination.clone(), s.parts)).collect()
        });
        let shares = shares.collect();
        self.held = Some((inputs, plan));
        shares
    }

    /// What reaches each zone: of a network, in proportion to ready endpoints.
    fn loads(&self, plan: &ServicePlan) -> BTreeMap<usize, u128> {
        let mut loads = BTreeMap::new();
        for source in &plan.sources {
            let mut sources = self.truth.sources.iter();
            let input = sources.find(|s| s.source == source.source).unwrap();
            for share in &source.shares {
                let rate = u128::from(input.demand.unwrap().0) * u128::from(share.parts)
                    / u128::from(WHOLE);
                let zones = self.truth.destinations.iter().enumerate();
                let behind: Vec<(usize, u128)> = zones
                    .filter(|(_, zone)| match &share.destination {
                        Destination::Zone { member, zone: name } => {
                            zone.member == *member && zone.zone == *name
                        }
                        Destination::Network(network) => {
                            zone.network == *network && zone.exported && zone.withdrawn.is_none()
                        }
                    })
                    .map(|(at, zone)| (at, u128::from(zone.ready)))
                    .collect();
                let all: u128 = behind.iter().map(|(_, ready)| ready).sum();
                for (at, ready) in behind {
                    *loads.entry(at).or_default() += rate * ready / all.max(1);
                }
            }
        }
        loads
    }
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn it_comes_to_rest(truth in tight::tight()) {
        let mut fleet = Loop::new(truth);
        let rounds: Vec<_> = (0..40).map(|_| fleet.turn()).collect();
        // What is learned in one round may open a way in the next; then nothing moves any more.
        prop_assert!(rounds[30..].windows(2).all(|pair| pair[0] == pair[1]), "{:#?}", &rounds[30..]);
    }

    #[test]
    fn nobody_is_sent_away_from_home_for_what_was_seen_there(truth in tight::tight()) {
        let mut fleet = Loop::new(truth);
        for _ in 0..5 {
            fleet.turn();
        }
        let (_, plan) = fleet.held.as_ref().unwrap();
        for source in &plan.sources {
            let home = fleet.truth.destinations.iter().any(|zone| {
                zone.member == source.source.member && zone.zone == source.source.zone && zone.ready > 0
            });
            if home {
                prop_assert_eq!(source.shares.len(), 1, "{:#?}", source);
                prop_assert_eq!(source.shares[0].tier, 0);
            }
        }
    }

    #[test]
    fn after_a_loss_it_comes_to_rest_again(truth in tight::tight(), lost in any::<prop::sample::Index>()) {
        let mut fleet = Loop::new(truth);
        for _ in 0..5 {
            fleet.turn();
        }
        let lost = fleet.truth.destinations[lost.index(fleet.truth.destinations.len())].region.clone();
        for zone in fleet.truth.destinations.iter_mut().filter(|zone| zone.region == lost) {
            zone.withdrawn = Some(Withdrawal::Lost);
            zone.ready = 0;
            zone.capacity = Some(Rate(0));
        }
        let rounds: Vec<_> = (0..60).map(|_| fleet.turn()).collect();
        prop_assert!(rounds[50..].windows(2).all(|pair| pair[0] == pair[1]), "{:#?}", &rounds[50..]);
    }
}
