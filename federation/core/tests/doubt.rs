//! A leader that lies about what it sees passes every check, and is found out by the replicas that see something else.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod world;

use causeway_api::facts::{Change, EndpointCounts};
use causeway_core::doubt::doubt;
use causeway_core::inputs;
use causeway_failover::plan;
use causeway_state::command::{Command, PlanProposal};
use world::{World, key, snapshot, version};

fn commit(world: &mut World, inputs: causeway_api::plan::PlanInputs) {
    let plan = plan::plan(&inputs);
    world.apply(Command::CommitPlans(vec![PlanProposal {
        service: key(),
        plan: Some((inputs, plan)),
        previous: None,
    }]));
}

#[test]
fn whoever_sees_what_the_plan_says_has_no_doubt() {
    let (world, facts) = World::planned();
    assert_eq!(doubt(&world.state, &facts, &key()), None);
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
