//! What is prepared from the state alone is what the leader plans when the loss comes.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod world;

use causeway_api::domain::Domain;
use causeway_api::plan::Rate;
use causeway_api::registry::ObjectKey;
use causeway_api::spec::{MemberSpec, PolicySpec};
use causeway_core::contingencies::Contingencies;
use causeway_core::inputs;
use causeway_core::proposal::proposal;
use causeway_core::whatif::Committed;
use causeway_failover::plan::{Stability, plan_with_previous};
use causeway_index::FactStore;
use causeway_state::{Command, Outcome, PlanProposal, State, apply_next};
use world::{World, key, name};

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

fn policy(capacity: u64, demand: u64, percent: u8) -> Command {
    Command::PutPolicy(PolicySpec {
        key: "causeway-system/root".parse().unwrap(),
        root: true,
        targets: Default::default(),
        hosts: Default::default(),
        failover: Default::default(),
        allowed_regions: Default::default(),
        demand: [("r-a".parse().unwrap(), Rate::from_rps(demand))].into(),
        capacity_per_endpoint: Some(Rate::from_rps(capacity)),
        max_utilization_percent: Some(percent),
        detection: None,
        hold_down_ms: None,
        rules: Default::default(),
    })
}

/// What a leader proposes of the service now, where anything.
fn round(world: &mut World, facts: &FactStore) {
    let inputs = world.inputs(facts);
    if let Some(proposal) = proposal(&world.state, &key(), inputs) {
        commit(world, proposal);
    }
}

/// None of it is refused.
fn commit(world: &mut World, proposal: PlanProposal) {
    match apply_next(&mut world.state, Command::CommitPlans(vec![proposal])) {
        Outcome::Accepted { effect, .. } => assert_eq!(effect.refused, []),
        Outcome::Unchanged => {}
        other => panic!("{other:?}"),
    }
}

/// What people declare moves on under a plan that stays: the inputs that are held with it move on too, once, and what is
/// prepared from them is not refused when the loss comes.
#[test]
fn what_is_declared_anew_under_a_plan_that_stays_has_nothing_refused_when_a_loss_comes() {
    let draining = Command::ConfirmRemoval {
        object: ObjectKey::Member(name("c")),
    };
    let spec = MemberSpec {
        max_utilization_percent: Some(70),
        ..MemberSpec::minimal(name("a"))
    };
    for (what, change) in [
        ("capacity", policy(120, 30, 80)),
        ("demand", policy(100, 40, 80)),
        ("maxUtilizationPercent", policy(100, 30, 75)),
        ("a member's own", Command::PutMember(spec)),
        ("draining", draining),
    ] {
        let (mut world, facts) = World::planned();
        world.apply(policy(100, 30, 80));
        round(&mut world, &facts);
        let before = world.state.plan(&key()).unwrap().clone();
        world.apply(change);
        round(&mut world, &facts);
        let held = world.state.plan(&key()).unwrap().clone();
        let stays = held.value.as_ref().unwrap().plan == before.value.as_ref().unwrap().plan;
        assert_eq!(held.generation == before.generation, stays, "{what}");
        let moves = ["demand", "draining"].contains(&what);
        assert!(stays || moves, "{what}");
        round(&mut world, &facts);
        assert_eq!(world.state.plan(&key()), Some(&held), "{what}: once");
        let prepared = followed(&world.state);
        let prepared = prepared.of(&"member/b".parse().unwrap()).unwrap();
        world.lose("b");
        let held = held.value.as_ref().unwrap();
        let (inputs, plan) = prepared.proposed(&held.inputs, &held.plan).unwrap();
        let proposal = PlanProposal {
            service: key(),
            plan: Some((inputs, plan)),
            previous: None,
        };
        let outcome = apply_next(&mut world.state, Command::CommitPlans(vec![proposal]));
        let Outcome::Accepted { effect, .. } = outcome else {
            panic!("{what}: {outcome:?}");
        };
        assert_eq!(effect.refused, [], "{what}");
    }
}
