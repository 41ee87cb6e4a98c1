//! A leader that lies about what it sees passes every check, and is found out by the replicas that see something else.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod world;

use causeway_api::facts::{Change, EndpointCounts};
use causeway_api::plan::{CapacitySource, DemandSource, PlanInputs, Rate};
use causeway_api::rules::PolicyRules;
use causeway_api::spec::PolicySpec;
use causeway_core::doubt::{differences, doubt};
use causeway_core::inputs;
use causeway_failover::plan;
use causeway_state::command::{Command, PlanProposal};
use world::{World, key, snapshot, version};

fn commit(world: &mut World, inputs: PlanInputs) {
    let plan = plan::plan(&inputs);
    world.apply(Command::CommitPlans(vec![PlanProposal {
        service: key(),
        plan: Some((inputs, plan)),
        previous: None,
    }]));
}

fn half_must_be_healthy() -> Command {
    Command::PutPolicy(PolicySpec {
        key: "causeway-system/root".parse().unwrap(),
        root: true,
        targets: Default::default(),
        hosts: Default::default(),
        failover: Default::default(),
        allowed_regions: Default::default(),
        demand: Default::default(),
        capacity_per_endpoint: None,
        max_utilization_percent: None,
        detection: None,
        hold_down_ms: None,
        rules: PolicyRules {
            min_healthy_percent: Some(50),
            ..PolicyRules::default()
        },
    })
}

#[test]
fn whoever_sees_what_the_plan_says_has_no_doubt() {
    let (world, facts) = World::planned();
    assert_eq!(doubt(&world.state, &facts, &key()), None);
}

#[test]
fn what_callers_eject_is_their_own_fact_and_nobody_elses() {
    let (world, mut facts) = World::planned();
    let before = inputs::plan_inputs(&world.state, &facts, &key()).unwrap();
    assert!(
        before
            .sources
            .iter()
            .all(|source| source.ejected.is_empty())
    );
    let mut delta = snapshot("b");
    delta.version = version(9);
    let networks = ["net-a".parse().unwrap()].into();
    delta.member.as_mut().unwrap().ejected = [(key(), networks)].into();
    let touched = facts.apply(delta).unwrap();
    assert!(touched.services.contains(&key()), "{touched:?}");
    let now = inputs::plan_inputs(&world.state, &facts, &key()).unwrap();
    for source in &now.sources {
        let theirs = source.source.member.as_str() == "b";
        assert_eq!(!source.ejected.is_empty(), theirs, "{source:?}");
    }
}

#[test]
fn inputs_that_nobody_else_sees_are_named() {
    let (mut world, facts) = World::planned();
    let mut lie = inputs::plan_inputs(&world.state, &facts, &key()).unwrap();
    for zone in lie
        .destinations
        .iter_mut()
        .filter(|zone| zone.member.as_str() == "a")
    {
        zone.ready = 0;
    }
    commit(&mut world, lie.clone());
    let held = world.state.plan(&key()).unwrap().value.as_ref().unwrap();
    assert_eq!(held.inputs, lie, "by itself it looks like any other plan");
    let found = doubt(&world.state, &facts, &key()).unwrap().to_string();
    assert!(
        found.contains("a/z1 has 2 ready, and the plan counts on 0"),
        "{found}"
    );
}

/// Whatever only members tell: what is said of it that they do not say is found by whoever hears them.
#[test]
fn each_fact_that_a_leader_makes_up_is_found() {
    type Lie = fn(&mut PlanInputs);
    let lies: &[(&str, Lie, &str)] = &[
        (
            "endpoints that are not ready",
            |inputs| inputs.destinations[0].total = 100,
            "a/z1 has 2 endpoints, ready or not, and the plan says 100",
        ),
        (
            "nothing exported",
            |inputs| inputs.destinations[1].exported = false,
            "b/z1 is exported, and the plan says otherwise",
        ),
        (
            "a zone left out",
            |inputs| drop(inputs.destinations.remove(1)),
            "b/z1 has 2 ready, and the plan does not know it",
        ),
        (
            "a zone that there is not",
            |inputs| {
                let mut zone = inputs.destinations[1].clone();
                zone.zone = Some("z9".parse().unwrap());
                inputs.destinations.push(zone);
            },
            "b/z9 is unknown here, and the plan counts on 2 ready",
        ),
        (
            "callers left out",
            |inputs| drop(inputs.sources.remove(0)),
            "a calls it, and the plan does not know that",
        ),
        (
            "callers that there are not",
            |inputs| {
                let mut source = inputs.sources[0].clone();
                source.source.zone = Some("z9".parse().unwrap());
                inputs.sources.push(source);
            },
            "a does not call it, and the plan says it does",
        ),
        (
            "a demand that nobody measured",
            |inputs| {
                inputs.sources[0].demand = Some(Rate::from_rps(500));
                inputs.sources[0].demand_source = DemandSource::Measured;
            },
            "a asks for an unknown rate, and the plan counts on 500/s",
        ),
        (
            "a rate that nobody saw",
            |inputs| {
                inputs.destinations[0].capacity = Some(Rate::from_rps(1));
                inputs.destinations[0].capacity_source = CapacitySource::Learned;
            },
            "a/z1 was seen to serve an unknown rate, and the plan says 1/s",
        ),
        (
            "a network that nobody ejects",
            |inputs| inputs.sources[0].ejected = ["b".parse().unwrap()].into(),
            "callers in a eject none, and the plan says b",
        ),
    ];
    for (why, lie, expected) in lies {
        let (mut world, facts) = World::planned();
        world.apply(half_must_be_healthy());
        let honest = inputs::plan_inputs(&world.state, &facts, &key()).unwrap();
        let mut told = honest.clone();
        lie(&mut told);
        assert_eq!(differences(&told, &honest), [*expected], "{why}");
        assert_eq!(differences(&honest, &honest), Vec::<String>::new());
        commit(&mut world, told.clone());
        let held = world.state.plan(&key()).unwrap().value.as_ref().unwrap();
        assert_eq!(held.inputs, told, "{why}: the state cannot tell");
        let of_consequence = held.plan != plan::plan(&honest);
        let found = doubt(&world.state, &facts, &key());
        assert_eq!(found.is_some(), of_consequence, "{why}");
    }
}

/// It was no fact that anybody compared: a zone with few ready of many is left.
#[test]
fn endpoints_made_up_to_have_a_zone_left_are_an_alarm() {
    let (mut world, facts) = World::planned();
    world.apply(half_must_be_healthy());
    let mut lie = inputs::plan_inputs(&world.state, &facts, &key()).unwrap();
    lie.destinations[1].total = 100;
    commit(&mut world, lie);
    let found = doubt(&world.state, &facts, &key()).unwrap().to_string();
    assert!(
        found.contains("b/z1 has 2 endpoints, ready or not, and the plan says 100"),
        "{found}"
    );
}

#[test]
fn a_difference_of_no_consequence_is_no_doubt() {
    let (world, mut facts) = World::planned();
    let mut delta = snapshot("a");
    delta.version = version(2);
    for row in &mut delta.endpoints {
        *row = Change::set(
            row.key.clone(),
            EndpointCounts {
                ready: 9,
                serving: 9,
                total: 9,
            },
        );
    }
    facts.apply(delta).unwrap();
    assert_eq!(doubt(&world.state, &facts, &key()), None);
}

#[test]
fn nobody_is_doubted_while_plans_may_not_change() {
    let (mut world, facts) = World::planned();
    let mut lie = inputs::plan_inputs(&world.state, &facts, &key()).unwrap();
    lie.destinations[0].ready = 0;
    commit(&mut world, lie);
    assert!(doubt(&world.state, &facts, &key()).is_some());
    world.apply(Command::RaiseLevel { level: 2 });
    world.apply(Command::PutShift(causeway_api::shift::Shift {
        key: "causeway-system/stop".parse().unwrap(),
        root: true,
        action: causeway_api::shift::ShiftAction::Freeze,
        targets: [].into(),
        urgency: Default::default(),
        step_percents: Vec::new(),
        interval_ms: 0,
        expires_after_ms: 60_000,
        on_expiry: Default::default(),
        override_rules: [].into(),
        approvals_required: 0,
        dry_run: false,
        requested_by: "ann".to_owned(),
        reason: "look first".to_owned(),
        starts_at_ms: None,
        ends_at_ms: None,
        ticket: None,
    }));
    assert_eq!(doubt(&world.state, &facts, &key()), None);
}

/// What is measured stands for what is declared, and nobody's measurements are in the state.
#[test]
fn a_declared_demand_passed_off_as_measured_is_an_alarm() {
    let (mut world, facts) = World::planned();
    let Command::PutPolicy(mut policy) = half_must_be_healthy() else {
        unreachable!();
    };
    policy.demand = [("r-a".parse().unwrap(), Rate::from_rps(100))].into();
    policy.capacity_per_endpoint = Some(Rate::from_rps(100));
    world.apply(Command::PutPolicy(policy));
    let mut lie = inputs::plan_inputs(&world.state, &facts, &key()).unwrap();
    commit(&mut world, lie.clone());
    assert_eq!(doubt(&world.state, &facts, &key()), None);
    lie.sources[0].demand = Some(Rate::from_rps(900));
    lie.sources[0].demand_source = DemandSource::Measured;
    commit(&mut world, lie.clone());
    let held = world.state.plan(&key()).unwrap().value.as_ref().unwrap();
    assert_eq!(held.inputs, lie, "the state cannot tell");
    let found = doubt(&world.state, &facts, &key()).unwrap().to_string();
    assert_eq!(found, "a asks for 100/s, and the plan counts on 900/s");
}

#[test]
fn a_plan_of_what_nobody_exports_is_an_alarm() {
    let (world, _) = World::planned();
    let mut facts = causeway_index::FactStore::new();
    for member in world::MEMBERS {
        facts.apply(world::told(member, [])).unwrap();
    }
    assert_eq!(
        inputs::plan_inputs(&world.state, &facts, &key()),
        None,
        "an honest leader would plan nothing"
    );
    let found = doubt(&world.state, &facts, &key()).unwrap().to_string();
    assert_eq!(found, "no member exports it, and there is a plan of it");
}
