//! Each rule refuses what it must, by name, and lets pass what it must not refuse.

use causeway_api::plan::Withdrawal;
use causeway_api::rules::{FailoverMode, OnOverload};
use causeway_api::shift::{Shift, ShiftAction, Urgency};
use causeway_failover::safety::{Rule, SafetyRefusal, Waits};
use causeway_state::brain::{Act, Approvable};
use causeway_state::{Command, Outcome, Refusal};

use super::world::{World, cart, evacuate, key, overriding, shift};

#[test]
fn an_evacuation_moves_and_whoever_ignores_or_invents_one_is_refused() {
    let mut world = World::new(|_| {});
    assert_eq!(world.shares(), [50, 50]);
    let before = world.proposal();
    let effect = world.put(evacuate("member/sh"));
    assert!(effect.replan_all && effect.people);
    let effect = world.propose(before);
    assert!(
        matches!(&effect.refused[0].1, Refusal::ShiftIgnored { member, .. } if member.as_str() == "sh"),
        "{effect:?}"
    );
    world.plan();
    assert_eq!(world.shares(), [0, 100]);

    let mut invented = world.proposal();
    let (inputs, plan) = invented.plan.as_mut().unwrap();
    inputs.destinations[1].withdrawn = Some(Withdrawal::Evacuated);
    *plan = causeway_failover::plan::plan(inputs);
    let effect = world.propose(invented);
    let refusal = effect.refused[0].1.to_string();
    assert!(refusal.contains("sg as evacuated"), "{refusal}");

    world.end("member-sh");
    world.plan();
    assert_eq!(world.shares(), [50, 50]);
    let acts: Vec<Act> = world
        .machine
        .state
        .brain
        .audit
        .iter()
        .map(|row| row.act)
        .collect();
    assert_eq!(acts, [Act::Shifted, Act::Ended]);
}

#[test]
fn survivors_must_be_able_to_carry_a_move_and_the_dead_are_left_all_the_same() {
    let mut world = World::new(|_| {});
    world.ready = [4, 1];
    world.plan();
    world.put(evacuate("member/sh"));
    let refusal = world.refused();
    assert!(
        matches!(refusal, SafetyRefusal::Headroom { .. }),
        "{refusal}"
    );
    assert!(refusal.to_string().contains("120/s"), "{refusal}");
    let row = &world.machine.state.brain.shifts[&key("member-sh")];
    assert_eq!(row.refused[&cart()].refusal.rule(), Rule::Headroom);
    assert_eq!(
        world.machine.state.brain.refused[&cart()].refusal.rule(),
        Rule::Headroom
    );

    // It has no effect, so that what is lost can still be left: over capacity, and said.
    assert_eq!(world.inputs().destinations[0].withdrawn, None);
    world.machine.lose("sh");
    let effect = world.plan();
    assert_eq!(effect.planned, [cart()]);
    assert_eq!(world.shares(), [0, 100]);
    assert!(world.machine.state.brain.refused.is_empty());
}

#[test]
fn a_rule_is_overridden_by_name_and_by_two_people() {
    let mut world = World::new(|_| {});
    world.ready = [4, 1];
    world.plan();
    world.put(overriding(evacuate("member/sh"), Rule::Headroom));
    assert_eq!(
        world.inputs().destinations[0].withdrawn,
        None,
        "not approved yet"
    );
    let what = || Approvable::Shift(key("member-sh"));
    assert!(matches!(
        world.approve(what(), "ann"),
        Outcome::Refused(Refusal::OwnApproval { .. })
    ));
    assert!(matches!(
        world.approve(what(), "bob"),
        Outcome::Accepted { .. }
    ));
    assert!(matches!(
        world.approve(what(), "eve"),
        Outcome::Refused(Refusal::NothingToApprove(_))
    ));
    assert_eq!(world.plan().planned, [cart()]);
    assert_eq!(world.shares(), [0, 100]);
    let overrides = &world.machine.state.brain.audit[0].overrides;
    assert!(overrides.contains(&Rule::Headroom));
}

#[test]
fn best_effort_needs_no_headroom() {
    let mut world = World::new(|policy| {
        policy.rules.limits.on_overload = Some(OnOverload::BestEffort);
    });
    world.ready = [4, 1];
    world.plan();
    world.put(evacuate("member/sh"));
    assert_eq!(world.plan().planned, [cart()]);
}

#[test]
fn a_refused_override_is_tried_again_when_it_is_asked_for_again() {
    let mut world = World::new(|_| {});
    world.ready = [4, 1];
    world.plan();
    world.put(evacuate("member/sh"));
    world.refused();
    world.ready = [4, 4];
    world.plan();
    assert_eq!(world.shares()[0], 50, "by itself it is not");
    let effect = world.put(evacuate("member/sh"));
    assert!(effect.replan_all);
    world.plan();
    assert_eq!(world.shares(), [0, 100]);
}

#[test]
fn so_many_regions_serve_after_a_move() {
    let mut world = World::new(|policy| policy.rules.limits.min_serving_regions = Some(2));
    world.put(evacuate("region/sh"));
    let refusal = world.refused();
    assert!(
        matches!(
            refusal,
            SafetyRefusal::MinServingRegions {
                limit: 2,
                found: 1,
                ..
            }
        ),
        "{refusal}"
    );
    world.machine.lose("sh");
    assert_eq!(world.plan().planned, [cart()], "what is lost is lost");
}

#[test]
fn nobody_is_left_with_nothing() {
    let mut world = World::new(|policy| {
        policy.rules.limits.on_overload = Some(OnOverload::BestEffort);
    });
    world.ready = [4, 0];
    world.plan();
    world.put(evacuate("member/sh"));
    let refusal = world.refused();
    assert!(
        matches!(refusal, SafetyRefusal::NeverEmpty { .. }),
        "{refusal}"
    );
    assert_eq!(world.shares(), [100, 0]);
    let shift = overriding(shift("x", ShiftAction::Freeze), Rule::NeverEmpty);
    let refusal = world.machine.refused(Command::PutShift(shift)).to_string();
    assert!(refusal.contains("overrideRules"), "{refusal}");
}

#[test]
fn only_so_much_moves_in_a_window_over_all_causes() {
    let mut world = World::limited(60, 60_000);
    world.machine.lose("sg");
    world.plan();
    assert_eq!(
        world.shares(),
        [100, 0],
        "half of it moved, since it had to"
    );
    world.recover("sg");
    world.tick_s(11);
    let refusal = world.refused();
    let SafetyRefusal::MaxTrafficMoved {
        retry_at: Some(at), ..
    } = &refusal
    else {
        panic!("{refusal}")
    };
    let left_s = at.since_ms(world.machine.state.cluster_time) / 1_000;
    assert!((40..=60).contains(&left_s), "{left_s}");
    // It waits by itself, so that a loss meanwhile is answered.
    let retry = world.machine.state.next_deadline();
    assert!(retry.is_some_and(|deadline| deadline <= *at));
    assert_eq!(world.inputs().destinations[1].admitted_percent, 0);
    assert!(world.plan().refused.is_empty());
    assert_eq!(world.shares(), [100, 0]);
    world.tick_s(left_s + 1);
    assert_eq!(world.plan().planned, [cart()]);
    assert_eq!(world.shares(), [50, 50]);
}

#[test]
fn an_evacuation_goes_by_steps_as_far_as_the_window_has_room() {
    let mut world = World::limited(30, 3_600_000);
    let steps = Shift {
        urgency: Urgency::Planned,
        step_percents: vec![60, 100],
        interval_ms: 10_000,
        ..evacuate("member/sh")
    };
    world.demand_rps = 300;
    world.plan();
    world.put(steps);
    assert_eq!(world.inputs().destinations[0].admitted_percent, 40);
    assert_eq!(world.plan().planned, [cart()]);
    let halfway = world.shares();
    assert!(halfway[0] > 0 && halfway[0] < 50, "{halfway:?}");
    world.tick_s(11);
    assert_eq!(world.inputs().destinations[0].admitted_percent, 0);
    let refusal = world.refused();
    assert!(
        matches!(refusal, SafetyRefusal::MaxTrafficMoved { .. }),
        "{refusal}"
    );
    // It stays where it is, and does not go back.
    assert_eq!(world.inputs().destinations[0].admitted_percent, 40);
    assert!(!world.worth_proposing());
    assert_eq!(world.shares(), halfway);
}

#[test]
fn more_lost_at_once_than_the_root_policy_allows_stops_automation() {
    let mut world = World::new(|policy| policy.rules.limits.max_regions_lost = Some(0));
    world.machine.lose("sh");
    assert!(world.machine.state.brain.brake.is_some());
    let sh = world.machine.state.networks["sh"].value.as_ref().unwrap();
    assert!(!sh.gateways.is_empty(), "nor is a network cut");
    let refusal = world.refused();
    assert!(
        matches!(
            refusal,
            SafetyRefusal::MaxLostAtOnce {
                limit: 0,
                found: 1,
                ..
            }
        ),
        "{refusal}"
    );
    assert_eq!(world.shares(), [50, 50]);
    assert!(!world.worth_proposing(), "it is known");

    let seen = world.machine.pulled();
    let release = || Command::ReleaseBrake {
        seen,
        by: "ann".to_owned(),
        reason: "it is truly lost".to_owned(),
    };
    let effect = world.machine.accept(release());
    assert!(
        effect.replan_all && effect.networks.len() == 1,
        "{effect:?}"
    );
    assert_eq!(world.plan().planned, [cart()]);
    assert_eq!(world.shares(), [0, 100]);
    assert!(world.machine.state.brain.brake.is_none());
    assert!(matches!(
        world.machine.refused(release()),
        Refusal::NotBraked
    ));
    world.machine.lose("sg");
    assert!(
        world.machine.state.brain.brake.is_some(),
        "what is lost since counts"
    );
}

#[test]
fn a_person_moves_what_the_brake_holds() {
    let mut world = World::new(|policy| policy.rules.limits.max_regions_lost = Some(0));
    world.machine.lose("sh");
    world.refused();
    world.put(evacuate("region/sh"));
    // It is lost already, so that the evacuation adds nothing by itself: the plan is a person's only by another word.
    world.put(shift(
        "weigh",
        ShiftAction::Weigh([("sg".parse().unwrap(), 1)].into()),
    ));
    assert_eq!(world.plan().planned, [cart()]);
    assert_eq!(world.shares(), [0, 100]);
}

#[test]
fn what_has_just_recovered_waits_unless_a_person_says_otherwise_by_name() {
    let mut world = World::new(|_| {});
    world.machine.lose("sh");
    world.plan();
    world.recover("sh");
    let restore = shift("back", ShiftAction::Restore("member/sh".parse().unwrap()));
    let refusal = world.machine.refused(Command::PutShift(restore.clone()));
    assert!(
        matches!(
            &refusal,
            Refusal::Safety(SafetyRefusal::HoldDown {
                remaining_ms: 10_000,
                ..
            })
        ),
        "{refusal}"
    );
    world.put(overriding(restore, Rule::HoldDown));
    world.approve(Approvable::Shift(key("back")), "bob");
    assert_eq!(world.inputs().destinations[0].withdrawn, None);
    assert_eq!(world.plan().planned, [cart()]);
    assert_eq!(world.shares(), [50, 50]);
    let sh = world.machine.state.networks["sh"].value.as_ref().unwrap();
    assert!(!sh.gateways.is_empty(), "its gateway is used again");
}

#[test]
fn a_stateful_service_waits_for_a_person() {
    let mut world = World::new(|policy| policy.rules.stateful = Some(true));
    world.machine.lose("sh");
    let effect = world.plan();
    assert_eq!(
        (effect.pending.as_slice(), effect.planned.len()),
        (&[cart()][..], 0)
    );
    assert_eq!(
        world.machine.state.brain.pending[&cart()].waits,
        Waits::Stateful
    );
    assert_eq!(world.shares(), [50, 50]);
    assert!(!world.worth_proposing(), "it waits already");
    let outcome = world.approve(Approvable::Plan(cart()), "ann");
    assert!(
        matches!(&outcome, Outcome::Accepted { effect, .. } if effect.planned == [cart()]),
        "{outcome:?}"
    );
    assert_eq!(world.shares(), [0, 100]);
    assert!(world.machine.state.brain.pending.is_empty());
}

#[test]
fn observe_shows_what_it_would_do_and_people_move_it() {
    let mut world = World::mode(FailoverMode::Observe);
    world.machine.lose("sh");
    assert_eq!(world.plan().pending, [cart()]);
    let pending = &world.machine.state.brain.pending[&cart()];
    assert_eq!(
        (pending.waits, pending.moved.to_string()),
        (Waits::Observe, "100/s".to_owned())
    );
    let outcome = world.approve(Approvable::Plan(cart()), "ann");
    assert!(
        matches!(outcome, Outcome::Refused(Refusal::Malformed { .. })),
        "{outcome:?}"
    );
    let sh = world.machine.state.networks["sh"].value.as_ref().unwrap();
    assert!(!sh.gateways.is_empty(), "nothing is cut either");

    let mut world = World::mode(FailoverMode::Observe);
    world.put(evacuate("member/sh"));
    assert_eq!(world.plan().planned, [cart()], "a person's word is enough");
    assert_eq!(world.shares(), [0, 100]);
}

#[test]
fn what_is_frozen_stays_but_for_a_newer_word() {
    let mut world = World::new(|_| {});
    world.put(shift("stop", ShiftAction::Freeze));
    world.machine.lose("sh");
    let refusal = world.refused();
    assert!(
        matches!(&refusal, SafetyRefusal::InForce { shift, .. } if *shift == key("stop")),
        "{refusal}"
    );
    assert_eq!(world.shares(), [50, 50]);
    world.recover("sh");
    world.tick_s(11);
    world.put(evacuate("member/sh"));
    assert_eq!(world.plan().planned, [cart()]);
    assert_eq!(world.shares(), [0, 100]);
    world.end("stop");
    world.machine.lose("sg");
    world.end("member-sh");
    world.plan();
    assert_eq!(world.shares(), [100, 0]);
}

#[test]
fn a_pin_gives_way_where_nothing_answers() {
    let mut world = World::new(|_| {});
    world.put(shift("pin", ShiftAction::Pin));
    world.ready = [4, 3];
    world.demand_rps = 600;
    let changed = world.plan();
    assert!(
        changed.refused.is_empty() || matches!(changed.refused[0].1, Refusal::Safety(_)),
        "{changed:?}"
    );
    world.demand_rps = 200;
    world.machine.lose("sh");
    assert_eq!(world.plan().planned, [cart()]);
    assert_eq!(world.shares(), [0, 100]);
}
