//! How traffic returns, where more than one thing happens at a time.

use causeway_api::rules::{FailbackMode, TrafficLimit};
use causeway_api::shift::{OnExpiry, Shift, ShiftAction, Urgency};
use causeway_state::brain::{AfterHoldDown, RampStage};
use causeway_state::{Command, PlanProposal};

use super::world::{World, cart, evacuate, shift};
use crate::support::{place, root_policy};

const STEPS: &[u8] = &[10, 30, 60, 100];

/// sh was lost, is left, and is back; the plan has it at its first step.
fn returning(mode: FailbackMode, steps: &[u8]) -> World {
    let mut world = World::failing_back(mode, steps);
    world.machine.lose("sh");
    world.plan();
    world.recover("sh");
    world.plan();
    world.tick_s(11);
    world.plan();
    world
}

fn admitted(world: &World) -> u8 {
    world.inputs().destinations[0].admitted_percent
}

/// Its step, and how often it went back.
fn step(world: &World) -> (u32, u32) {
    let ramp = world.ramp("member/sh").unwrap();
    (ramp.step, ramp.backoffs)
}

/// A step is due, and what comes of it is planned.
fn climb(world: &mut World) {
    world.tick_s(20);
    world.plan();
}

/// The service waits so long after a recovery, longer than the verdict's ten seconds.
fn hold_down(world: &mut World, seconds: u64) {
    let mut longer = root_policy();
    longer.key = "shop/all".parse().unwrap();
    longer.root = false;
    longer.detection = None;
    longer.hold_down_ms = Some(seconds * 1_000);
    world.machine.accept(Command::PutPolicy(longer));
    world.plan();
}

#[test]
fn each_step_says_when_the_next_is_due_and_that_plans_are_to_be_looked_at() {
    let mut world = returning(FailbackMode::Automatic, STEPS);
    let due = |world: &World| {
        let now = world.machine.state.cluster_time;
        let deadline = world.machine.state.next_deadline().unwrap();
        deadline.since_ms(now) / 1_000
    };
    assert_eq!(due(&world), 19);
    for _ in 0..18 {
        assert!(world.tick().replan.is_empty());
    }
    assert_eq!(due(&world), 1);
    let effect = world.tick();
    assert!(effect.people && effect.replan == [cart()], "{effect:?}");
    assert_eq!(due(&world), 20);
}

#[test]
fn health_is_looked_at_when_a_step_is_due_and_whenever_it_is_heard() {
    let mut world = returning(FailbackMode::Automatic, STEPS);
    climb(&mut world);
    climb(&mut world);
    assert_eq!((admitted(&world), step(&world)), (60, (2, 0)));
    // Heard: at once, and once. Three of four are too few, though seven of eight would not be.
    world.ready = [3, 4];
    world.plan();
    assert_eq!((admitted(&world), step(&world)), (30, (1, 1)));
    world.plan();
    assert_eq!(step(&world), (1, 1));
    // Due, and no better.
    climb(&mut world);
    assert_eq!((admitted(&world), step(&world)), (10, (0, 2)));
    // Nor below the first.
    climb(&mut world);
    world.ready = [4, 4];
    world.plan();
    world.ready = [2, 4];
    assert!(world.plan().replan.is_empty());
    assert_eq!((admitted(&world), step(&world)), (10, (0, 2)));
    world.ready = [0, 4];
    world.plan();
    climb(&mut world);
    assert_eq!(step(&world), (0, 2), "none is ready");
    world.ready = [4, 4];
    world.plan();
    climb(&mut world);
    assert_eq!(step(&world), (1, 2));
}

#[test]
fn as_many_as_policy_asks_for_are_enough() {
    let mut world = World::new(|policy| {
        policy.rules.min_healthy_percent = Some(75);
        policy.rules.failback.step_percents = STEPS.to_vec();
        policy.rules.failback.interval_ms = Some(20_000);
    });
    world.ready = [3, 4];
    world.plan();
    world.machine.lose("sh");
    world.plan();
    world.recover("sh");
    world.tick_s(11);
    world.plan();
    climb(&mut world);
    climb(&mut world);
    assert_eq!(step(&world), (2, 0));
}

#[test]
fn a_member_that_is_back_begins_no_second_return() {
    let mut world = returning(FailbackMode::Automatic, STEPS);
    climb(&mut world);
    assert_eq!(step(&world), (1, 0));
    world.ready = [4, 4];
    world.machine.accept(place("sh", &["eastwest", "other"]));
    assert_eq!(step(&world), (1, 0));
    // Nor where the plan still has it out.
    let mut world = World::failing_back(FailbackMode::Automatic, STEPS);
    world.machine.lose("sh");
    world.plan();
    world.recover("sh");
    world.tick_s(11);
    world.tick_s(5);
    let began = world.ramp("member/sh").unwrap().since;
    world.machine.accept(place("sh", &["eastwest", "other"]));
    assert_eq!(world.ramp("member/sh").unwrap().since, began);
}

#[test]
fn a_member_that_is_removed_while_it_is_out_does_not_return() {
    let mut world = World::failing_back(FailbackMode::Automatic, STEPS);
    world.machine.lose("sh");
    world.plan();
    world
        .machine
        .accept(Command::RemoveMember("sh".parse().unwrap()));
    assert!(world.machine.state.brain.ramps.is_empty());
    assert!(world.machine.state.brain.out.is_empty());
}

#[test]
fn what_the_plan_never_left_does_not_return() {
    let mut world = World::failing_back(FailbackMode::Automatic, STEPS);
    world.machine.lose("sh");
    world.recover("sh");
    world.tick_s(11);
    assert!(world.machine.state.brain.ramps.is_empty());
    world.put(evacuate("member/sh"));
    world.end("member-sh");
    assert!(world.machine.state.brain.ramps.is_empty());
    // Nor what is not exported.
    let private = |world: &mut World| {
        let mut proposal = world.proposal();
        let (inputs, plan) = proposal.plan.as_mut().unwrap();
        inputs.destinations[0].exported = false;
        *plan = causeway_failover::plan::plan(inputs);
        world.propose(proposal);
    };
    world.machine.lose("sh");
    private(&mut world);
    world.recover("sh");
    world.tick_s(11);
    assert!(world.machine.state.brain.ramps.is_empty());
    world.put(evacuate("member/sh"));
    private(&mut world);
    world.end("member-sh");
    assert!(world.machine.state.brain.ramps.is_empty());
}

#[test]
fn one_that_is_back_returns_and_not_the_one_that_is_still_out() {
    let mut world = World::wider(|policy| {
        policy.rules.failback.step_percents = STEPS.to_vec();
    });
    world.machine.lose("sh");
    world.machine.lose("s2");
    world.plan();
    world.recover("sh");
    world.tick_s(11);
    assert!(world.ramp("member/sh").is_some());
    assert!(world.ramp("member/s2").is_none() && world.ramp("member/sg").is_none());
}

#[test]
fn a_restoration_is_of_what_it_names_and_all_that_is_in_it() {
    let restored = |action: &str, change: &dyn Fn(Shift) -> Shift| {
        let mut world = returning(FailbackMode::Automatic, STEPS);
        assert!(world.ramp("member/sh").is_some());
        let restore = shift("back", ShiftAction::Restore(action.parse().unwrap()));
        world.put(change(restore));
        world.ramp("member/sh").is_none()
    };
    let as_is = |shift| shift;
    assert!(restored("member/sh", &as_is));
    assert!(restored("region/sh", &as_is));
    assert!(!restored("member/sg", &as_is));
    assert!(!restored("zone/sh/sh", &as_is), "a part of it");
    assert!(!restored("gateway/sh/eastwest", &as_is));
    let of_another = |shift| Shift {
        targets: ["shop/pay".parse().unwrap()].into(),
        ..shift
    };
    assert!(!restored("member/sh", &of_another));
}

#[test]
fn what_ends_for_another_service_returns_nothing_of_this_one() {
    let mut world = World::failing_back(FailbackMode::Automatic, STEPS);
    world.put(evacuate("member/sh"));
    world.plan();
    let other = shift("other", ShiftAction::Evacuate("member/sh".parse().unwrap()));
    world.put(Shift {
        targets: ["shop/pay".parse().unwrap()].into(),
        ..other
    });
    world.end("other");
    assert!(world.machine.state.brain.ramps.is_empty());
    world.end("member-sh");
    assert_eq!(admitted(&world), 10);
}

#[test]
fn what_the_plan_knows_no_more_does_not_return_and_nor_does_a_service_that_is_gone() {
    let mut world = returning(FailbackMode::Automatic, STEPS);
    let mut proposal = world.proposal();
    let (inputs, plan) = proposal.plan.as_mut().unwrap();
    inputs.destinations.remove(0);
    *plan = causeway_failover::plan::plan(inputs);
    world.propose(proposal);
    assert!(world.ramp("member/sh").is_some());
    world.tick_s(21);
    assert!(world.machine.state.brain.ramps.is_empty());

    let mut world = returning(FailbackMode::Automatic, STEPS);
    let gone = PlanProposal {
        service: cart(),
        plan: None,
        previous: None,
    };
    world.propose(gone);
    assert!(world.machine.state.brain.ramps.is_empty());
}

#[test]
fn who_ends_an_override_need_not_wait_and_approves_by_that() {
    let hour = 3_600_000;
    let ended = |mode, steps: &[u8], expires_after_ms| {
        let mut world = World::failing_back(mode, steps);
        hold_down(&mut world, 60);
        world.put(Shift {
            expires_after_ms,
            on_expiry: OnExpiry::Restore,
            ..evacuate("member/sh")
        });
        world.plan();
        if expires_after_ms == hour {
            world.end("member-sh");
        } else {
            world.tick_s(5);
        }
        world.ramp("member/sh").map(|ramp| ramp.stage)
    };
    let climbing = Some(RampStage::Climbing);
    for mode in [
        FailbackMode::Automatic,
        FailbackMode::Approve,
        FailbackMode::Never,
    ] {
        assert_eq!(ended(mode, STEPS, hour), climbing, "{mode:?}");
        assert_eq!(ended(mode, &[], hour), None, "{mode:?}: at once");
    }
    // By its time, too: who wants a return to be approved asks for that by `onExpiry: Hold`.
    for mode in [
        FailbackMode::Automatic,
        FailbackMode::Approve,
        FailbackMode::Never,
    ] {
        assert_eq!(ended(mode, STEPS, 5_000), climbing, "{mode:?}");
        assert_eq!(ended(mode, &[], 5_000), None, "{mode:?}: at once");
    }
}

#[test]
fn an_evacuation_that_expires_half_way_leaves_no_more_and_returns_from_there() {
    let mut world = World::failing_back(FailbackMode::Approve, STEPS);
    world.demand_rps = 300;
    world.plan();
    let before = world.share("sh");
    world.put(Shift {
        urgency: Urgency::Planned,
        step_percents: vec![80, 100],
        interval_ms: 60_000,
        expires_after_ms: 30_000,
        ..evacuate("member/sh")
    });
    world.plan();
    let half = world.share("sh");
    assert!(0 < half && half < before, "{half} of {before}");
    world.tick_s(30);
    assert!(world.machine.state.brain.shifts.is_empty());
    assert_eq!(admitted(&world), 20, "as far as it had come");
    world.plan();
    assert_eq!(world.share("sh"), half);
    for percent in [30, 60, 100] {
        climb(&mut world);
        assert_eq!(admitted(&world), percent);
    }
    climb(&mut world);
    assert_eq!(world.share("sh"), before);
    assert!(world.machine.state.brain.ramps.is_empty());
}

/// So much may move from now on.
fn limited(percent: u8) -> World {
    let mut world = World::wider(|_| {});
    world.policy(|policy| {
        policy.rules.failback.step_percents = vec![10, 50, 100];
        policy.rules.failback.interval_ms = Some(20_000);
        policy.rules.limits.max_traffic_moved = Some(TrafficLimit {
            percent,
            window_ms: 3_600_000,
        });
    });
    world
}

#[test]
fn a_step_that_is_refused_goes_back_to_the_one_that_is_committed() {
    let mut world = limited(90);
    world.machine.lose("sh");
    world.plan();
    assert_eq!(world.share("sh"), 0);
    world.recover("sh");
    world.plan();
    world.tick_s(11);
    assert_eq!(world.plan().planned, [cart()]);
    assert_eq!(admitted(&world), 10);
    let share = world.share("sh");
    world.tick_s(20);
    assert_eq!(admitted(&world), 50);
    let now = world.machine.state.cluster_time;
    world.tick_s(3);
    world.refused();
    let ramp = world.ramp("member/sh").unwrap().clone();
    assert_eq!((ramp.stage, ramp.step), (RampStage::Climbing, 0));
    assert_eq!(ramp.since, now.plus_ms(3_000), "an interval from now");
    assert_eq!(ramp.step_percents, [10, 50, 100]);
    assert_eq!(
        world.machine.state.brain.ramps[&cart()].len(),
        1,
        "of sh alone"
    );
    // Due again, and refused by the same rule: that is to be held back again, though it is known.
    world.tick_s(20);
    assert_eq!(admitted(&world), 50);
    assert!(world.worth_proposing());
    world.refused();
    assert!(world.plan().refused.is_empty());
    assert_eq!((admitted(&world), world.share("sh")), (10, share));
}

#[test]
fn what_is_refused_whole_waits_until_there_is_room() {
    let mut world = World::wider(|_| {});
    world.policy(|policy| {
        policy.rules.limits.max_traffic_moved = Some(TrafficLimit {
            percent: 50,
            window_ms: 60_000,
        });
    });
    world.machine.lose("sh");
    world.plan();
    let until = world.machine.state.cluster_time.plus_ms(60_000);
    world.recover("sh");
    world.tick_s(11);
    world.refused();
    let waits = RampStage::HoldDown {
        until,
        then: AfterHoldDown::Climb,
    };
    let stage = |member: &str| world.ramp(member).map(|ramp| ramp.stage);
    assert_eq!(stage("member/sh"), Some(waits));
    assert_eq!((stage("member/s2"), stage("member/sg")), (None, None));
}

#[test]
fn a_return_that_waits_is_not_approved_by_an_evacuation_that_runs_out() {
    let waits = |mode, seconds| {
        let mut world = World::failing_back(mode, STEPS);
        hold_down(&mut world, seconds);
        world.machine.lose("sh");
        world.plan();
        world.recover("sh");
        world.tick_s(11);
        world.plan();
        let stage = |world: &World| world.ramp("member/sh").map(|ramp| ramp.stage);
        let before = stage(&world);
        world.put(Shift {
            expires_after_ms: 5_000,
            ..evacuate("member/sh")
        });
        world.plan();
        world.tick_s(5);
        assert!(world.machine.state.brain.shifts.is_empty());
        assert_eq!((admitted(&world), stage(&world)), (0, before));
        world.plan();
        world.tick_s(40);
        world.plan();
        assert_eq!((admitted(&world), stage(&world)), (0, before));
        before.unwrap()
    };
    assert_eq!(waits(FailbackMode::Approve, 10), RampStage::Approval);
    assert_eq!(waits(FailbackMode::Never, 10), RampStage::Never);
    let down = waits(FailbackMode::Automatic, 600);
    assert!(matches!(down, RampStage::HoldDown { .. }), "{down:?}");
    // What climbs was approved: it climbs again, from where the evacuation left it.
    let mut world = returning(FailbackMode::Automatic, STEPS);
    climb(&mut world);
    assert_eq!((admitted(&world), step(&world)), (30, (1, 0)));
    world.put(evacuate("member/sh"));
    world.plan();
    world.end("member-sh");
    assert_eq!((admitted(&world), step(&world)), (10, (0, 0)));
}
