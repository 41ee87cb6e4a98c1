//! What is prepared for a loss ties services together as the planner does when the loss has come.

use std::collections::BTreeMap;

use causeway_api::contingency::LossOutcome;
use causeway_api::domain::Domain;
use causeway_api::ids::ServiceKey;
use causeway_api::plan::{PlanInputs, Rate, ServicePlan};
use causeway_api::rules::{OnOverload, PolicyRules, Priority};
use causeway_core::contingencies::Contingencies;
use causeway_core::whatif::Committed;
use causeway_failover::checker::check;
use causeway_failover::plan::{Stability, plan_with_previous};
use causeway_state::State;

use crate::{THREE, World, class, key};

/// What is prepared for each loss, of what is committed.
fn follow(contingencies: &mut Contingencies, state: &State) -> usize {
    contingencies.place(state);
    let some = contingencies.take(usize::MAX);
    for service in &some {
        let row = state.plan(service).and_then(|row| row.value.as_ref());
        contingencies.update(service, row.map(|held| (&held.inputs, &held.plan)));
    }
    while contingencies.settle(&state.plans) {}
    assert!(contingencies.is_settled());
    some.len()
}

/// What is prepared for the loss of a member, and what the planner plans when it is lost, for each service.
fn prepared_and_planned(world: &mut World, lost: &str, services: &[&str]) {
    let before: BTreeMap<ServiceKey, (PlanInputs, ServicePlan)> = services
        .iter()
        .map(|name| {
            let (inputs, plan) = world.plan(name);
            (key(name), (inputs.clone(), plan.clone()))
        })
        .collect();
    let mut contingencies = Contingencies::default();
    follow(&mut contingencies, &world.state);
    let asked = Committed::of(&world.state);
    world.lose(lost);
    let all = services.iter().map(|name| key(name)).collect();
    let then = world.ties.inputs(&world.state, &world.facts, &all);
    let domain: Domain = format!("member/{lost}").parse().unwrap();
    let prepared = contingencies.of(&domain).unwrap();
    let loss = asked.lose(&domain, &|_| None).unwrap();
    for service in services {
        let inputs = then[&key(service)].as_ref().unwrap();
        let (was, plan) = &before[&key(service)];
        assert_eq!(prepared.inputs(was).gateways, inputs.gateways, "{service}");
        assert_eq!(prepared.inputs(was).sources, inputs.sources, "{service}");
        let planned = plan_with_previous(inputs, Some(plan), Stability::default());
        assert_eq!(
            prepared.plan(plan).unwrap_or(plan.clone()),
            planned,
            "{service}"
        );
        assert_eq!(check(inputs, &planned), []);
        let said = loss.services.iter().find(|row| row.service == key(service));
        let unserved = planned.sources.iter().map(|source| source.unserved);
        let unserved = unserved.fold(Rate(0), Rate::plus);
        let said = said.map_or(Rate(0), |row| row.demand.minus(row.served));
        assert_eq!(said, unserved, "{service}");
    }
}

#[test]
fn what_is_prepared_allots_the_gateways_that_are_left_as_the_planner_does() {
    let everywhere: &[(&str, u32)] = &[("b", 5), ("c", 5)];
    let services = THREE.map(|name| (name, everywhere));
    for carries in [None, Some(1_000), Some(210), Some(90), Some(0)] {
        for lost in ["b", "c"] {
            let mut world = World::new(&services);
            world.policy("first", 100, class(Priority::Critical, OnOverload::Refuse));
            world.policy("then", 100, class(Priority::Standard, OnOverload::Shed));
            world.policy("last", 100, class(Priority::Sheddable, OnOverload::Shed));
            world.member("b", carries);
            world.member("c", carries);
            world.round(&THREE);
            prepared_and_planned(&mut world, lost, &THREE);
        }
    }
}

#[test]
fn what_is_prepared_keeps_to_parts_where_plans_do() {
    for lost in ["a", "c"] {
        let mut world = World::new(&[
            ("cart", &[("a", 2), ("b", 4), ("c", 7)]),
            ("pay", &[("b", 4)]),
        ]);
        crate::overfilled(&mut world);
        world.round(&["pay"]);
        world.round(&["cart"]);
        prepared_and_planned(&mut world, lost, &["cart", "pay"]);
    }
}

#[test]
fn what_is_prepared_moves_services_together_as_the_planner_does() {
    for lost in ["a", "b", "c"] {
        let mut world = World::new(&[
            ("cart", &[("a", 10), ("b", 10), ("c", 10)]),
            ("pay", &[("a", 2), ("b", 10), ("c", 1)]),
        ]);
        let rules = PolicyRules {
            move_together: Some(true),
            ..PolicyRules::default()
        };
        world.put("unit", &["cart", "pay"], 400, rules);
        world.round(&["cart", "pay"]);
        prepared_and_planned(&mut world, lost, &["cart", "pay"]);
    }
}

#[test]
fn a_gateway_that_declares_less_is_prepared_for_anew() {
    let mut world = World::new(&[("cart", &[("b", 5), ("c", 5)])]);
    world.policy("cart", 100, PolicyRules::default());
    world.round(&["cart"]);
    let mut contingencies = Contingencies::default();
    let domain: Domain = "member/b".parse().unwrap();
    let outcome = |contingencies: &Contingencies| {
        let readiness = contingencies.of(&domain).unwrap().readiness();
        (readiness.outcome, readiness.score == 100)
    };
    assert_eq!(follow(&mut contingencies, &world.state), 1);
    assert_eq!(outcome(&contingencies), (LossOutcome::Unproven, true));
    world.member("c", Some(40));
    let seen = follow(&mut contingencies, &world.state);
    assert_eq!(outcome(&contingencies), (LossOutcome::Overloads, false));
    assert_eq!(
        seen, 0,
        "nothing falls otherwise: only what is shared is looked at"
    );
    world.member("c", None);
    follow(&mut contingencies, &world.state);
    assert_eq!(outcome(&contingencies), (LossOutcome::Unproven, true));
}

#[test]
fn what_is_prepared_is_proposed_by_class_and_what_is_tied_in_one_go() {
    let order = |carries: Option<u64>| {
        let everywhere: &[(&str, u32)] = &[("b", 5), ("c", 5)];
        let mut world = World::new(&THREE.map(|name| (name, everywhere)));
        world.policy("first", 100, class(Priority::Critical, OnOverload::Refuse));
        world.policy("then", 100, class(Priority::Standard, OnOverload::Shed));
        world.policy("last", 100, class(Priority::Sheddable, OnOverload::Shed));
        world.member("b", carries);
        world.member("c", carries);
        world.round(&THREE);
        let mut contingencies = Contingencies::default();
        follow(&mut contingencies, &world.state);
        let prepared = contingencies.of(&"member/b".parse().unwrap()).unwrap();
        let mut alone = Vec::new();
        while let Some(next) = prepared.next(alone.last(), 1).pop() {
            alone.push(next);
        }
        let all = prepared.next(None, usize::MAX);
        assert_eq!(all, alone, "one at a time as all at once");
        let name = |key: &ServiceKey| key.name.to_string();
        let alone: Vec<String> = alone.iter().map(|(_, key)| name(key)).collect();
        let tied: Vec<String> = prepared.together().iter().map(name).collect();
        (alone, tied)
    };
    let names = |list: &[&str]| {
        list.iter()
            .map(|name| (*name).to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(order(None), (names(&THREE), Vec::new()));
    assert_eq!(
        order(Some(150)),
        (Vec::new(), names(&["first", "last", "then"]))
    );
}
