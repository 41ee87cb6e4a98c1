//! What holds of what is prepared for a loss.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::contingency::LossOutcome;
use causeway_api::domain::Domain;
use causeway_api::plan::{
    CapacitySource, DemandSource, DestinationInput, EffectivePolicy, PlanInputs, Rate, Source,
    SourceInput,
};
use causeway_api::rules::WhenUnknown;
use causeway_failover::checker::check;
use causeway_failover::contingency::{Fall, Gateway, Place, Prepared};
use causeway_failover::plan::{Stability, plan, plan_with_previous};
use proptest::prelude::*;
use support::cases::cases;
use support::fleets;

/// The members of a fleet, each with a gateway.
fn places(inputs: &PlanInputs) -> BTreeMap<causeway_api::MemberName, Place> {
    let mut places: BTreeMap<_, Place> = BTreeMap::new();
    for zone in &inputs.destinations {
        let place = places.entry(zone.member.clone()).or_default();
        place.region.clone_from(&zone.region);
        place.network = Some(zone.network.clone());
        place.zones.extend(zone.zone.clone());
        let gateway = Gateway {
            carries: None,
            observed: true,
            usable: true,
        };
        place.gateways = [("eastwest".parse().unwrap(), gateway)].into();
        place.heard = true;
    }
    places
}

fn domains() -> impl Strategy<Value = Domain> {
    prop_oneof![
        (0..4).prop_map(|at| format!("region/r{at}")),
        (0..6).prop_map(|at| format!("member/m{at}")),
        (0..4, 0..3).prop_map(|(region, zone)| format!("zone/r{region}/z{zone}")),
        (0..6).prop_map(|at| format!("gateway/m{at}/eastwest")),
    ]
    .prop_map(|text| text.parse().unwrap())
}

fn prepared(domain: &Domain, inputs: &PlanInputs) -> Prepared {
    let mut prepared = Prepared::new(domain.clone(), Fall::of(domain, &places(inputs)));
    prepared.update(&inputs.service, Some((inputs, &plan(inputs))));
    prepared
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn what_is_prepared_is_what_would_be_planned_and_passes_the_checker(inputs in fleets(true), domain in domains()) {
        let prepared = prepared(&domain, &inputs);
        let before = plan(&inputs);
        match prepared.fall().without(&inputs) {
            None => prop_assert!(prepared.plan(&before).is_none()),
            Some(left) => {
                let then = plan_with_previous(&left, Some(&before), Stability::default());
                prop_assert_eq!(&prepared.plan(&before).unwrap_or(before), &then);
                let findings = check(&left, &then);
                prop_assert!(findings.is_empty(), "{findings:#?}");
            }
        }
    }

    #[test]
    fn readiness_says_what_the_plan_says(inputs in fleets(false), domain in domains()) {
        let prepared = prepared(&domain, &inputs);
        let readiness = prepared.readiness();
        let Some(plan) = prepared.plan(&plan(&inputs)) else {
            prop_assert_eq!((readiness.outcome, readiness.score, readiness.services), (LossOutcome::Survives, 100, 0));
            return Ok(());
        };
        let survivors = plan.sources.iter().filter(|s| !prepared.fall().members.contains(&s.source.member));
        let unserved: u128 = survivors.map(|s| u128::from(s.unserved.0)).sum();
        let suffers = matches!(readiness.outcome, LossOutcome::Overloads | LossOutcome::Orphans);
        prop_assert_eq!(suffers, unserved > 0 || readiness.orphans > 0, "{:?}\n{:#?}", readiness, plan);
        if readiness.score == 100 {
            // What rounds to all of it is all of it, but for orphans that ask for nothing.
            prop_assert_eq!(unserved, 0);
        }
    }

    #[test]
    fn one_service_at_a_time_gives_what_all_at_once_does(fleet in prop::collection::vec(fleets(true), 1..5), domain in domains(), turns in prop::collection::vec(any::<prop::sample::Index>(), 0..8)) {
        let mut now: BTreeMap<_, PlanInputs> = BTreeMap::new();
        let mut all = places(&fleet[0]);
        for inputs in &fleet[1..] {
            // One fleet has one set of places.
            all.extend(places(inputs));
        }
        let fall = Fall::of(&domain, &all);
        let mut step = Prepared::new(domain.clone(), fall.clone());
        let named = |at: usize, inputs: &PlanInputs| {
            let mut inputs = inputs.clone();
            inputs.service = format!("shop/s{at}").parse().unwrap();
            inputs
        };
        for (turn, index) in turns.iter().enumerate() {
            let at = index.index(fleet.len());
            let inputs = named(at, &fleet[(at + turn) % fleet.len()]);
            if turn % 3 == 2 {
                step.update(&inputs.service, None);
                now.remove(&inputs.service);
            } else {
                step.update(&inputs.service, Some((&inputs, &plan(&inputs))));
                now.insert(inputs.service.clone(), inputs);
            }
        }
        let mut whole = Prepared::new(domain, fall);
        for (service, inputs) in now.iter().rev() {
            whole.update(service, Some((inputs, &plan(inputs))));
        }
        prop_assert_eq!(whole.hash(), step.hash());
        prop_assert_eq!(whole.readiness(), step.readiness());
        let services: BTreeSet<_> = whole.services().collect();
        prop_assert_eq!(services, step.services().collect::<BTreeSet<_>>());
    }
}

/// Two regions of two members each.
fn even(demand: u64, capacity: Option<u64>) -> PlanInputs {
    let mut inputs = PlanInputs {
        service: "shop/cart".parse().unwrap(),
        ports: Vec::new(),
        sources: Vec::new(),
        destinations: Vec::new(),
        gateways: Vec::new(),
        policy: EffectivePolicy::default(),
    };
    for (member, region) in [("a1", "a"), ("a2", "a"), ("b1", "b"), ("b2", "b")] {
        inputs.sources.push(SourceInput {
            source: Source {
                member: member.parse().unwrap(),
                zone: None,
            },
            region: Some(region.parse().unwrap()),
            network: member.parse().unwrap(),
            demand: Some(Rate::from_rps(demand)),
            demand_source: DemandSource::Declared,
            unreachable: BTreeSet::new(),
            ejected: BTreeSet::new(),
            together: std::collections::BTreeMap::new(),
        });
        inputs.destinations.push(DestinationInput {
            member: member.parse().unwrap(),
            zone: None,
            region: Some(region.parse().unwrap()),
            network: member.parse().unwrap(),
            exported: true,
            ready: 1,
            total: 1,
            capacity: capacity.map(Rate::from_rps),
            capacity_source: CapacitySource::Declared,
            max_utilization_percent: 80,
            admitted_percent: 100,
            vacated: false,
            draining: false,
            withdrawn: None,
        });
    }
    inputs
}

fn readiness(domain: &str, inputs: &PlanInputs) -> causeway_api::contingency::Readiness {
    prepared(&domain.parse().unwrap(), inputs).readiness()
}

#[test]
fn each_outcome_is_reached() {
    // 100 of 120 are used; 20 more fit in each of three.
    let roomy = readiness("member/a1", &even(50, Some(150)));
    assert_eq!((roomy.outcome, roomy.score), (LossOutcome::Survives, 100));
    assert!(roomy.coarse_cut);
    // The callers of a1 go on, and are no demand of survivors: 400 asked for, 3 × 120 carried.
    let short = readiness("member/a1", &even(120, Some(150)));
    assert_eq!(short.outcome, LossOutcome::Saturates, "{short:?}");
    assert_eq!(short.peak.as_ref().unwrap().1, 80);
    let mut uneven = even(100, Some(150));
    uneven.destinations[2].ready = 0;
    uneven.destinations[2].capacity = Some(Rate(0));
    let over = readiness("region/a", &uneven);
    assert_eq!(over.outcome, LossOutcome::Overloads, "{over:?}");
    assert_eq!(over.worst_overloads.len(), 1);
    assert!(over.score < 100);
    let mut lonely = even(100, Some(500));
    for zone in &mut lonely.destinations[1..] {
        zone.ready = 0;
        zone.capacity = Some(Rate(0));
    }
    let orphaned = readiness("member/a1", &lonely);
    assert_eq!(
        (orphaned.outcome, orphaned.score),
        (LossOutcome::Orphans, 0)
    );
    assert_eq!(orphaned.first_orphans, ["shop/cart".parse().unwrap()]);
    let mut unknown = even(100, None);
    unknown.destinations[1].ready = 0;
    let unproven = readiness("member/a1", &unknown);
    assert_eq!(unproven.outcome, LossOutcome::Unproven, "{unproven:?}");
    // What runs in a serverless cluster is known, and that more would come is not.
    let serverless = |capacity| {
        let mut inputs = even(120, Some(capacity));
        inputs.policy.when_unknown = WhenUnknown::BestEffort;
        for zone in &mut inputs.destinations {
            zone.capacity_source = CapacitySource::Running;
        }
        readiness("member/a1", &inputs)
    };
    assert_eq!(serverless(100).outcome, LossOutcome::Unproven);
    assert_eq!(serverless(500).outcome, LossOutcome::Survives);
}
