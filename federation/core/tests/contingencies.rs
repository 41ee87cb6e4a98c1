//! What is prepared from the state alone is what the leader plans when the loss comes.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod world;

use causeway_api::domain::Domain;
use causeway_core::contingencies::Contingencies;
use causeway_core::inputs;
use causeway_core::whatif::Committed;
use causeway_failover::plan::{Stability, plan_with_previous};
use causeway_state::State;
use world::{World, key};

fn followed(state: &State) -> Contingencies {
    let mut contingencies = Contingencies::default();
    contingencies.place(state);
    while !contingencies.is_settled() {
        for service in contingencies.take(2) {
            let row = state.plan(&service).and_then(|row| row.value.as_ref());
            contingencies.update(&service, row.map(|held| (&held.inputs, &held.plan)));
        }
        while contingencies.settle(&state.plans) {}
    }
    contingencies
}

#[test]
fn what_was_prepared_is_what_is_planned_when_the_loss_comes() {
    for lost in ["a", "b", "c"] {
        let (mut world, facts) = World::planned();
        let contingencies = followed(&world.state);
        let before = world
            .state
            .plan(&key())
            .unwrap()
            .value
            .clone()
            .unwrap()
            .plan;
        world.lose(lost);
        let inputs = inputs::plan_inputs(&world.state, &facts, &key()).unwrap();
        let planned = plan_with_previous(&inputs, Some(&before), Stability::default());
        for domain in [format!("member/{lost}"), format!("region/r-{lost}")] {
            let domain: Domain = domain.parse().unwrap();
            let prepared = contingencies.of(&domain).unwrap();
            assert_eq!(prepared.plan(&before).unwrap(), planned, "{domain}");
        }
    }
}

#[test]
fn every_domain_is_prepared_for() {
    let (world, _) = World::planned();
    let contingencies = followed(&world.state);
    let domains: Vec<String> = contingencies.iter().map(|(d, _)| d.to_string()).collect();
    let expected = [
        "region/r-a",
        "region/r-b",
        "region/r-c",
        "zone/r-a/z1",
        "zone/r-b/z1",
        "zone/r-c/z1",
        "member/a",
        "member/b",
        "member/c",
    ];
    assert_eq!(domains, expected);
    assert_eq!(contingencies.left_out(), 0);
}

#[test]
fn inputs_that_change_nothing_in_any_loss_are_worth_no_decision() {
    let (world, _) = World::planned();
    let contingencies = followed(&world.state);
    let held = world.state.plan(&key()).unwrap().value.clone().unwrap();
    assert!(!contingencies.would_differ(&held.inputs, &held.plan));
    let mut more = held.inputs.clone();
    more.destinations[0].total += 1;
    assert!(!contingencies.would_differ(&more, &held.plan));
    let mut none = held.inputs;
    none.destinations[1].ready = 0;
    assert!(contingencies.would_differ(&none, &held.plan));
}

#[test]
fn what_is_prepared_says_the_same_as_computing_it_when_asked() {
    let (world, _) = World::planned();
    let asked = Committed::of(&world.state).readiness();
    assert_eq!(followed(&world.state).readiness(), asked);
    assert_eq!(asked.len(), 9);
}
