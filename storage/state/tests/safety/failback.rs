//! Traffic returns in steps, by health, and by a person's word where policy says so.

use causeway_api::plan::Withdrawal;
use causeway_api::rules::FailbackMode;
use causeway_api::shift::ShiftAction;
use causeway_state::Outcome;
use causeway_state::brain::{Approvable, RampStage};

use super::world::{World, cart, evacuate, shift};

/// sh was lost, is left, and is back.
fn returning(mode: FailbackMode, steps: &[u8]) -> World {
    let mut world = World::failing_back(mode, steps);
    world.machine.lose("sh");
    world.plan();
    assert_eq!(world.shares(), [0, 100]);
    world.recover("sh");
    assert_eq!(
        world.plan().planned.len(),
        1,
        "recovering is another reason"
    );
    world.tick_s(11);
    world
}

fn admitted(world: &World) -> u8 {
    let zone = &world.inputs().destinations[0];
    assert_eq!(zone.withdrawn, None);
    zone.admitted_percent
}

#[test]
fn it_climbs_by_steps_while_it_is_healthy() {
    let mut world = returning(FailbackMode::Automatic, &[10, 50, 100]);
    let mut seen = vec![admitted(&world)];
    let mut shares = Vec::new();
    for _ in 0..4 {
        world.plan();
        shares.push(world.shares()[0]);
        world.tick_s(20);
        seen.push(admitted(&world));
    }
    assert_eq!(seen, [10, 50, 100, 100, 100]);
    assert!(
        shares.windows(2).all(|pair| pair[0] <= pair[1]),
        "{shares:?}"
    );
    assert!(shares[0] > 0 && shares[0] < 20, "{shares:?}");
    assert!(world.machine.state.brain.ramps.is_empty());
}

#[test]
fn whoever_sends_everything_back_at_once_is_refused() {
    let mut world = returning(FailbackMode::Automatic, &[10, 100]);
    let mut proposal = world.proposal();
    let (inputs, plan) = proposal.plan.as_mut().unwrap();
    inputs.destinations[0].admitted_percent = 100;
    *plan = causeway_failover::plan::plan(inputs);
    let refusal = world.propose(proposal).refused[0].1.to_string();
    assert!(refusal.contains("admitted to 10 %"), "{refusal}");
}

#[test]
fn it_goes_back_a_step_when_health_falls_and_waits() {
    let mut world = returning(FailbackMode::Automatic, &[10, 50, 100]);
    world.plan();
    world.tick_s(20);
    world.plan();
    assert_eq!(admitted(&world), 50);
    world.ready = [2, 4];
    let effect = world.plan();
    assert_eq!(effect.replan, [cart()]);
    assert_eq!(admitted(&world), 10);
    world.plan();
    world.tick_s(41);
    assert_eq!(
        admitted(&world),
        10,
        "no step while half of it is not ready"
    );
    world.ready = [4, 4];
    world.plan();
    world.tick_s(21);
    assert_eq!(admitted(&world), 50);
    let ramp = world.machine.state.brain.ramps[&cart()]
        .values()
        .next()
        .unwrap();
    assert_eq!(ramp.backoffs, 1);
}

#[test]
fn a_step_counts_from_when_it_is_planned() {
    let mut world = returning(FailbackMode::Automatic, &[10, 50, 100]);
    world.tick_s(100);
    assert_eq!(admitted(&world), 10, "nobody planned the first step yet");
    world.plan();
    world.tick_s(20);
    world.tick_s(20);
    assert_eq!(admitted(&world), 50);
}

#[test]
fn a_person_approves_the_return_where_policy_asks() {
    let mut world = returning(FailbackMode::Approve, &[50, 100]);
    assert_eq!(admitted(&world), 0);
    world.plan();
    world.tick_s(60);
    assert_eq!(admitted(&world), 0);
    let what = || Approvable::Failback {
        domain: "member/sh".parse().unwrap(),
        service: None,
    };
    assert!(matches!(
        world.approve(what(), "ann"),
        Outcome::Accepted { .. }
    ));
    assert!(matches!(world.approve(what(), "ann"), Outcome::Refused(_)));
    assert_eq!(admitted(&world), 50);
}

#[test]
fn where_policy_says_never_a_person_restores() {
    let mut world = returning(FailbackMode::Never, &[]);
    world.plan();
    world.tick_s(60);
    assert_eq!(admitted(&world), 0);
    assert_eq!(world.shares(), [0, 100]);
    world.put(shift(
        "back",
        ShiftAction::Restore("region/sh".parse().unwrap()),
    ));
    assert_eq!(admitted(&world), 100);
    world.plan();
    assert_eq!(world.shares(), [50, 50]);
}

#[test]
fn what_is_lost_again_begins_anew() {
    let mut world = returning(FailbackMode::Automatic, &[10, 50, 100]);
    world.plan();
    world.tick_s(20);
    world.plan();
    world.machine.lose("sh");
    assert_eq!(
        world.inputs().destinations[0].withdrawn,
        Some(Withdrawal::Lost)
    );
    assert!(world.machine.state.brain.ramps.is_empty());
    world.plan();
    world.recover("sh");
    world.plan();
    world.tick_s(60);
    assert_eq!(admitted(&world), 10);
}

#[test]
fn what_people_left_returns_by_the_same_steps() {
    let mut world = World::failing_back(FailbackMode::Automatic, &[50, 100]);
    world.put(evacuate("region/sh"));
    world.plan();
    assert_eq!(world.shares(), [0, 100]);
    world.end("region-sh");
    assert_eq!(admitted(&world), 50);
    assert!(matches!(
        world.machine.state.brain.ramps[&cart()]
            .values()
            .next()
            .unwrap()
            .stage,
        RampStage::Climbing
    ));
    world.plan();
    world.tick_s(20);
    world.plan();
    assert_eq!(world.shares(), [50, 50]);
}

#[test]
fn a_service_may_wait_longer_than_the_verdict() {
    let world = returning(FailbackMode::Automatic, &[]);
    assert_eq!(admitted(&world), 100);
    let mut world = World::new(|policy| policy.hold_down_ms = Some(10_000));
    let mut longer = crate::support::root_policy();
    longer.key = "shop/all".parse().unwrap();
    longer.root = false;
    longer.detection = None;
    longer.hold_down_ms = Some(60_000);
    world
        .machine
        .accept(causeway_state::Command::PutPolicy(longer));
    world.plan();
    world.machine.lose("sh");
    world.plan();
    world.recover("sh");
    world.plan();
    world.tick_s(11);
    assert_eq!(admitted(&world), 0);
    world.tick_s(50);
    assert_eq!(admitted(&world), 100);
}
