//! Who or what moves traffic: automation, a return, or a person; and what each of them may.

use causeway_api::plan::Withdrawal;
use causeway_api::rules::{FailbackMode, FailoverMode, OnOverload, TrafficLimit};
use causeway_api::shift::{Shift, ShiftAction, ShiftKey, Urgency};
use causeway_failover::safety::{Rule, SafetyRefusal, Waits};
use causeway_state::brain::{Approvable, RampStage};
use causeway_state::{Command, Outcome, PlanProposal, Refusal};

use super::world::{World, cart, evacuate, key, overriding, shift};

fn restore(domain: &str) -> Shift {
    shift("back", ShiftAction::Restore(domain.parse().unwrap()))
}

/// In steps, each of a minute.
fn in_steps(domain: &str, steps: &[u8]) -> Shift {
    Shift {
        urgency: Urgency::Planned,
        step_percents: steps.to_vec(),
        interval_ms: 60_000,
        ..evacuate(domain)
    }
}

fn limit(percent: u8) -> Option<TrafficLimit> {
    Some(TrafficLimit {
        percent,
        window_ms: 3_600_000,
    })
}

fn refused(world: &World, shift: &ShiftKey) -> usize {
    world.machine.state.brain.shifts[shift].refused.len()
}

/// A person approves the plan that waits.
fn approved(world: &mut World) {
    let outcome = world.approve(Approvable::Plan(cart()), "ann");
    assert!(
        matches!(&outcome, Outcome::Accepted { effect, .. } if effect.planned == [cart()]),
        "{outcome:?}"
    );
}

#[test]
fn who_restored_a_place_did_not_approve_its_loss() {
    let mut world = World::mode(FailoverMode::Approve);
    world.put(restore("member/sh"));
    world.machine.lose("sh");
    assert_eq!(world.plan().pending, [cart()]);
    assert_eq!(world.shares(), [50, 50]);
}

#[test]
fn that_an_evacuated_place_is_lost_approves_no_other_loss() {
    let mut world = World::wider(|policy| policy.rules.mode = Some(FailoverMode::Approve));
    world.put(evacuate("member/sh"));
    assert_eq!(world.plan().planned, [cart()], "a person's word is enough");
    world.machine.lose("sh");
    world.machine.lose("sg");
    assert_eq!(world.plan().pending, [cart()]);
    assert_eq!((world.share("s2"), world.share("sg")), (50, 50));
    // Nor does that it is back.
    approved(&mut world);
    world.recover("sh");
    world.tick_s(11);
    world.beside = Some(0);
    assert_eq!(world.plan().pending, [cart()]);
}

#[test]
fn what_changes_by_itself_waits_for_approval_and_what_returns_does_not() {
    let mut world = World::failing_back(FailbackMode::Automatic, &[10, 50, 100]);
    world.policy(|policy| {
        policy.rules.mode = Some(FailoverMode::Approve);
        policy.rules.failback.step_percents = vec![10, 50, 100];
        policy.rules.failback.interval_ms = Some(20_000);
    });
    world.plan();
    world.ready = [4, 2];
    assert_eq!(world.plan().pending, [cart()], "fewer are ready");
    let waits = |world: &World| world.machine.state.brain.pending[&cart()].waits;
    assert_eq!(waits(&world), Waits::Approve);
    approved(&mut world);
    world.ready = [4, 4];
    assert_eq!(world.plan().pending, [cart()], "by choice");
    approved(&mut world);
    world.machine.lose("sh");
    assert_eq!(world.plan().pending, [cart()]);
    approved(&mut world);
    world.recover("sh");
    world.tick_s(11);
    assert_eq!(world.plan().planned, [cart()], "its first step");
    world.tick_s(20);
    assert_eq!(world.plan().planned, [cart()], "its second");
    // It goes a step further while something else is lost.
    world.tick_s(20);
    world.ready = [4, 1];
    assert_eq!(world.plan().pending, [cart()]);
}

#[test]
fn what_was_out_and_is_back_returns_without_steps_too() {
    let mut world = World::mode(FailoverMode::Approve);
    world.machine.lose("sh");
    world.plan();
    approved(&mut world);
    world.recover("sh");
    world.tick_s(11);
    assert_eq!(world.plan().planned, [cart()]);
    assert_eq!(world.shares(), [50, 50]);
}

#[test]
fn a_loss_elsewhere_is_no_persons_move() {
    let mut world = World::wider(|policy| policy.rules.mode = Some(FailoverMode::Approve));
    world.put(evacuate("member/sh"));
    world.plan();
    world.machine.lose("sg");
    assert_eq!(world.plan().pending, [cart()]);
}

#[test]
fn weights_of_a_policy_are_no_persons_move_and_a_persons_are() {
    let mut world = World::mode(FailoverMode::Approve);
    world.policy(|policy| {
        policy.rules.mode = Some(FailoverMode::Approve);
        policy.rules.strategy = Some(causeway_api::rules::Strategy::Weighted);
        policy.rules.weights = [("sg".parse().unwrap(), 1)].into();
    });
    assert_eq!(world.plan().pending, [cart()]);
    let weights = [("sh".parse().unwrap(), 1), ("sg".parse().unwrap(), 3)];
    world.put(shift("weigh", ShiftAction::Weigh(weights.into())));
    assert_eq!(world.plan().planned, [cart()]);
    assert_eq!(world.shares(), [25, 75]);
    // Nothing else is a person's while that stays.
    world.ready = [4, 1];
    assert_eq!(world.plan().pending, [cart()]);
}

#[test]
fn what_a_person_gave_back_and_may_not_return_yet_is_not_in_the_way_of_a_loss() {
    let mut world = World::wider(|_| {});
    assert_eq!((world.share("sh"), world.share("sg")), (50, 25));
    world.put(evacuate("member/sh"));
    world.plan();
    world.policy(|policy| policy.rules.limits.max_traffic_moved = limit(10));
    world.end("member-sh");
    let refusal = world.refused();
    assert!(
        matches!(
            refusal,
            SafetyRefusal::MaxTrafficMoved { retry_at: None, .. }
        ),
        "{refusal}"
    );
    assert!(matches!(
        world.ramp("member/sh").map(|ramp| ramp.stage),
        Some(RampStage::HoldDown { .. })
    ));
    world.plan();
    assert!(!world.worth_proposing(), "it is known, and waits");
    world.machine.lose("sg");
    assert_eq!(world.plan().planned, [cart()]);
    assert_eq!((world.share("s2"), world.share("sg")), (100, 0));
    // It is tried again by itself.
    world.tick_s(60);
    let refusal = world.refused();
    assert!(
        matches!(refusal, SafetyRefusal::MaxTrafficMoved { .. }),
        "{refusal}"
    );
}

#[test]
fn what_was_left_in_part_stays_so_far_while_the_rest_may_not_return() {
    let mut world = World::new(|_| {});
    world.demand_rps = 300;
    world.plan();
    world.put(in_steps("member/sh", &[80, 100]));
    assert_eq!(world.plan().planned, [cart()]);
    let left = world.share("sh");
    assert!(0 < left && left < 50, "{left}");
    world.policy(|policy| {
        policy.rules.limits.max_traffic_moved = limit(5);
        policy.rules.failback.step_percents = vec![10, 50, 100];
    });
    world.plan();
    // It goes on from there, and not from the first step of a return.
    world.end("member-sh");
    let at = |world: &World| {
        let ramp = world.ramp("member/sh").unwrap();
        assert_eq!(ramp.step_percents, [10, 20, 50, 100]);
        ramp.admitted_percent()
    };
    assert_eq!(at(&world), 20);
    assert!(world.plan().refused.is_empty());
    assert_eq!(world.share("sh"), left);
    world.tick_s(60);
    assert_eq!(at(&world), 50);
    world.refused();
    assert_eq!(at(&world), 20);
    assert!(world.plan().refused.is_empty());
    assert_eq!(world.share("sh"), left);
}

#[test]
fn what_a_person_restores_and_may_not_return_yet_is_not_in_the_way_of_a_loss() {
    let mut world = World::wider(|_| {});
    world.policy(|policy| {
        policy.rules.failback.step_percents = vec![10, 100];
        policy.rules.limits.max_traffic_moved = limit(90);
    });
    world.machine.lose("sh");
    world.plan();
    world.recover("sh");
    world.tick_s(11);
    world.plan();
    let admitted = |world: &World| world.inputs().destinations[0].admitted_percent;
    assert_eq!(admitted(&world), 10);
    world.put(restore("member/sh"));
    assert_eq!(admitted(&world), 100);
    world.refused();
    assert_eq!(refused(&world, &key("back")), 1);
    assert_eq!(admitted(&world), 10, "where it was");
    world.machine.lose("sg");
    assert_eq!(world.plan().planned, [cart()]);
    assert_eq!(world.share("sg"), 0);
}

#[test]
fn an_evacuation_in_effect_is_not_undone_because_another_is_refused() {
    let mut world = World::wider(|_| {});
    world.put(evacuate("region/sh"));
    world.plan();
    world.machine.lose("s2");
    world.plan();
    world.put(restore("member/hz"));
    world.put(evacuate("member/sg"));
    let refusal = world.refused();
    assert!(
        matches!(refusal, SafetyRefusal::NeverEmpty { .. }),
        "{refusal}"
    );
    assert_eq!(refused(&world, &key("member-sg")), 1);
    assert_eq!(refused(&world, &key("region-sh")), 0, "it is in effect");
    assert_eq!(refused(&world, &key("back")), 0, "nothing returns by it");
    let sh = &world.inputs().destinations[0];
    assert_eq!(sh.withdrawn, Some(Withdrawal::Evacuated));
    let notes = world.machine.state.brain.audit.len();
    world
        .machine
        .accept(Command::PutShift(evacuate("member/sg")));
    assert!(world.worth_proposing(), "so that it is held back again");
    world.refused();
    assert_eq!(world.machine.state.brain.audit.len(), notes + 1);
}

#[test]
fn weights_are_held_back_until_they_are_in_effect_and_not_after() {
    let mut world = World::new(|_| {});
    let weights = [("sh".parse().unwrap(), 3), ("sg".parse().unwrap(), 1)];
    world.put(shift("weigh", ShiftAction::Weigh(weights.into())));
    world.plan();
    world.ready = [4, 1];
    world.plan();
    world.put(evacuate("member/sh"));
    world.refused();
    assert_eq!(refused(&world, &key("weigh")), 0);
    let mut world = World::limited(10, 60_000);
    let weights = [("sh".parse().unwrap(), 3), ("sg".parse().unwrap(), 1)];
    world.put(shift("weigh", ShiftAction::Weigh(weights.into())));
    assert!(world.worth_proposing());
    world.refused();
    assert_eq!(refused(&world, &key("weigh")), 1);
    assert!(world.plan().refused.is_empty());
}

#[test]
fn who_gives_something_back_leaves_nothing_by_that() {
    let roomy = |policy: &mut causeway_api::spec::PolicySpec| {
        policy.rules.limits.on_overload = Some(OnOverload::BestEffort);
    };
    let mut world = World::new(roomy);
    world.demand_rps = 300;
    world.plan();
    world.put(evacuate("member/sh"));
    world.plan();
    world.put(in_steps("member/sg", &[40, 100]));
    assert_eq!(world.plan().planned, [cart()]);
    world.policy(|policy| {
        roomy(policy);
        policy.rules.limits.min_serving_regions = Some(2);
    });
    world.end("member-sg");
    assert_eq!(world.plan().planned, [cart()]);
}

#[test]
fn more_may_move_in_a_window_by_name() {
    let mut world = World::limited(10, 60_000);
    world.put(overriding(evacuate("member/sh"), Rule::MaxTrafficMoved));
    world.approve(Approvable::Shift(key("member-sh")), "bob");
    assert_eq!(world.plan().planned, [cart()]);
    // For what they move themselves, and no further.
    world.end("member-sh");
    let refusal = world.refused();
    assert!(
        matches!(refusal, SafetyRefusal::MaxTrafficMoved { .. }),
        "{refusal}"
    );
}

#[test]
fn a_stateful_service_moves_by_an_evacuation_that_was_approved() {
    let approve = |world: &mut World, name: &str| {
        let outcome = world.approve(Approvable::Shift(key(name)), "bob");
        assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome:?}");
    };
    let asks = |shift: Shift| Shift {
        approvals_required: 1,
        ..shift
    };
    let mut world = World::wider(|policy| policy.rules.stateful = Some(true));
    world.put(asks(shift("stop", ShiftAction::Freeze)));
    approve(&mut world, "stop");
    world.put(evacuate("member/sh"));
    assert_eq!(world.plan().pending, [cart()], "nobody approved this one");
    world.end("member-sh");
    world.end("stop");
    world.plan();
    world.put(asks(evacuate("member/sh")));
    approve(&mut world, "member-sh");
    assert_eq!(world.plan().planned, [cart()]);
    world.machine.lose("sg");
    assert_eq!(world.plan().pending, [cart()], "nor did they approve this");
}

#[test]
fn a_service_that_is_no_longer_federated_stays_while_a_person_holds_it_or_the_brake_is_on() {
    let gone = || {
        Command::CommitPlans(vec![PlanProposal {
            service: cart(),
            plan: None,
            previous: None,
        }])
    };
    let rule = |world: &mut World| match world.machine.accept(gone()).refused.pop() {
        Some((_, Refusal::Safety(refusal))) => refusal.rule(),
        other => panic!("{other:?}"),
    };
    let mut world = World::new(|policy| policy.rules.limits.max_regions_lost = Some(0));
    world.put(shift("stop", ShiftAction::Freeze));
    assert_eq!(rule(&mut world), Rule::InForce);
    world.machine.lose("sh");
    world.end("stop");
    assert_eq!(rule(&mut world), Rule::MaxLostAtOnce);
    world.machine.accept(Command::ReleaseBrake {
        seen: world.machine.pulled(),
        by: "ann".to_owned(),
        reason: "it is so".to_owned(),
    });
    assert_eq!(world.machine.accept(gone()).planned, [cart()]);
}

#[test]
fn what_stands_still_is_not_held_back_by_itself() {
    let mut world = World::new(|policy| policy.rules.limits.max_regions_lost = Some(0));
    world.put(in_steps("member/sg", &[40, 100]));
    world.demand_rps = 400;
    assert_eq!(world.plan().planned, [cart()]);
    world.machine.lose("sh");
    assert!(world.machine.state.brain.brake.is_some());
    world.tick_s(60);
    let refusal = world.refused();
    assert!(
        matches!(refusal, SafetyRefusal::MaxLostAtOnce { .. }),
        "older than the brake"
    );
    assert_eq!(refused(&world, &key("member-sg")), 0);
    assert!(!world.worth_proposing(), "it is known");
    world.machine.accept(Command::ReleaseBrake {
        seen: world.machine.pulled(),
        by: "ann".to_owned(),
        reason: "it is so".to_owned(),
    });
    assert!(world.worth_proposing());
}

#[test]
fn what_automation_may_not_move_is_not_proposed_again_and_again() {
    let mut world = World::limited(10, 60_000);
    world.demand_rps = 400;
    world.plan();
    world.ready = [4, 8];
    let refusal = world.refused();
    assert!(
        matches!(refusal, SafetyRefusal::MaxTrafficMoved { .. }),
        "{refusal}"
    );
    assert!(!world.worth_proposing());
    assert!(world.machine.state.brain.ramps.is_empty());
}

#[test]
fn what_moves_soon_after_another_is_counted_with_it() {
    // A stretch is ten seconds.
    let mut world = World::limited(100, 640_000);
    let counted = |world: &World| -> Vec<(u64, u64)> {
        let moves = &world.machine.state.brain.moves;
        let rows = moves.values().flatten();
        rows.map(|row| (row.until.0 - row.from.0, row.rate.0))
            .collect()
    };
    world.demand_rps = 400;
    world.plan();
    assert_eq!(counted(&world), [], "nothing has moved");
    for (seconds, ready) in [(0, [4, 2]), (10, [4, 4]), (1, [4, 2])] {
        world.tick_s(seconds);
        world.ready = ready;
        assert_eq!(world.plan().planned, [cart()]);
    }
    let rows = counted(&world);
    assert_eq!(rows.len(), 2, "{rows:?}");
    assert_eq!((rows[0].0, rows[1].0), (10_000, 0));
    assert!(rows[0].1 > rows[1].1, "{rows:?}");
    // What has left the window is forgotten.
    world.tick_s(640);
    world.ready = [4, 4];
    world.plan();
    assert_eq!(counted(&world).len(), 1);
}
