//! What happens to a place that people are leaving in steps, when it is lost.

use causeway_api::plan::{DestinationInput, Withdrawal};
use causeway_api::rules::{FailbackMode, FailoverMode};
use causeway_api::shift::{Shift, Urgency};
use causeway_failover::safety::Rule;
use causeway_state::brain::{Approvable, RampStage};
use causeway_state::{Command, Outcome};

use super::world::{World, cart, evacuate, key};

/// Most of it now, the rest in an hour.
fn most(domain: &str) -> Shift {
    Shift {
        urgency: Urgency::Planned,
        step_percents: vec![80, 100],
        interval_ms: 3_600_000,
        expires_after_ms: 7_200_000,
        ..evacuate(domain)
    }
}

fn sh(world: &World) -> DestinationInput {
    world.inputs().destinations[0].clone()
}

/// Why it is out, how much it admits, and whether its own callers leave it.
fn stands(world: &World) -> (Option<Withdrawal>, u8, bool) {
    let zone = sh(world);
    (zone.withdrawn, zone.admitted_percent, zone.vacated)
}

#[test]
fn what_is_lost_is_left_whole_whatever_step_its_evacuation_is_at_and_until_it_ends() {
    let mut world = World::new(|_| {});
    world.put(most("member/sh"));
    world.plan();
    assert_eq!(stands(&world), (Some(Withdrawal::Evacuated), 20, false));
    world.machine.lose("sh");
    assert_eq!(stands(&world), (Some(Withdrawal::Lost), 0, true));
    assert_eq!(world.plan().planned, [cart()]);
    assert_eq!(world.share("sh"), 0);
    world.recover("sh");
    assert_eq!(stands(&world), (Some(Withdrawal::Recovering), 0, true));
    world.tick_s(11);
    assert_eq!(stands(&world), (Some(Withdrawal::Evacuated), 0, false));
    world.plan();
    assert_eq!(world.share("sh"), 0, "nobody comes back to leave again");
    world.end("member-sh");
    world.plan();
    assert_eq!(stands(&world), (None, 100, false));
    assert_eq!(world.share("sh"), 50);
}

#[test]
fn what_is_lost_already_is_left_whole_by_the_first_step() {
    let mut world = World::new(|_| {});
    world.machine.lose("sh");
    world.plan();
    world.put(most("region/sh"));
    assert_eq!(stands(&world), (Some(Withdrawal::Lost), 0, true));
    assert_eq!(world.plan().refused, []);
    world.put(most("region/sg"));
    let sg = &world.inputs().destinations[1];
    assert_eq!((sg.admitted_percent, sg.vacated), (20, false), "it is not");
}

#[test]
fn of_a_domain_only_what_was_lost_is_left_at_once_and_each_returns_as_it_stands() {
    let mut world = World::wider(|policy| {
        policy.rules.failback.mode = Some(FailbackMode::Approve);
        policy.rules.failback.step_percents = vec![10, 30, 100];
        policy.rules.failback.interval_ms = Some(20_000);
    });
    world.put(most("region/sh"));
    world.plan();
    world.machine.lose("s2");
    world.plan();
    world.recover("s2");
    world.tick_s(11);
    world.plan();
    let admits = |world: &World| {
        let zones = world.inputs().destinations;
        [zones[0].admitted_percent, zones[2].admitted_percent]
    };
    assert_eq!(admits(&world), [20, 0]);
    let stage = |world: &World, domain| world.ramp(domain).map(|ramp| ramp.stage);
    assert_eq!(stage(&world, "member/s2"), Some(RampStage::Approval));
    world.end("region-sh");
    assert_eq!(admits(&world), [20, 0], "a return from a loss is approved");
    assert_eq!(stage(&world, "region/sh"), Some(RampStage::Climbing));
    assert_eq!(stage(&world, "member/s2"), Some(RampStage::Approval));
}

#[test]
fn who_leaves_a_place_need_not_say_so_again_when_it_is_lost() {
    for mode in [FailoverMode::Approve, FailoverMode::Observe] {
        let mut world = World::mode(mode);
        world.demand_rps = 300;
        world.plan();
        world.put(most("member/sh"));
        assert_eq!(world.plan().planned, [cart()], "{mode:?}");
        assert!(world.share("sh") > 0);
        world.machine.lose("sh");
        let effect = world.plan();
        assert_eq!((effect.planned, effect.pending), (vec![cart()], vec![]));
        assert_eq!(world.share("sh"), 0, "{mode:?}");
    }
    // Of another place nobody said so.
    let mut world = World::wider(|policy| policy.rules.mode = Some(FailoverMode::Approve));
    world.put(most("member/sh"));
    world.plan();
    world.machine.lose("sh");
    world.machine.lose("sg");
    assert_eq!(world.plan().pending, [cart()]);
}

#[test]
fn what_keeps_state_leaves_what_is_lost_by_an_evacuation_that_was_approved() {
    let lost = |approvals_required| {
        let mut world = World::new(|policy| policy.rules.stateful = Some(true));
        world.demand_rps = 300;
        world.plan();
        world.put(Shift {
            approvals_required,
            ..most("member/sh")
        });
        if approvals_required > 0 {
            let outcome = world.approve(Approvable::Shift(key("member-sh")), "bob");
            assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome:?}");
        }
        world.plan();
        world.machine.lose("sh");
        world.plan().pending
    };
    assert_eq!(lost(1), []);
    assert_eq!(lost(0), [cart()]);
}

#[test]
fn an_evacuation_that_is_not_in_effect_leaves_nothing() {
    let mut world = World::new(|_| {});
    world.put(Shift {
        approvals_required: 1,
        ..most("member/sh")
    });
    world.machine.lose("sh");
    assert_eq!(stands(&world), (Some(Withdrawal::Lost), 100, false));
    world.recover("sh");
    world.tick_s(11);
    world.approve(Approvable::Shift(key("member-sh")), "bob");
    assert_eq!(stands(&world), (Some(Withdrawal::Evacuated), 20, false));
    let gone = Command::RemoveMember("sh".parse().unwrap());
    world.machine.accept(gone);
}

#[test]
fn what_is_lost_elsewhere_is_none_of_an_evacuations() {
    let mut world = World::new(|_| {});
    world.put(evacuate("member/sh"));
    world.plan();
    world.machine.lose("sg");
    let lost = |world: &World| {
        world.machine.state.brain.shifts[&key("member-sh")]
            .lost
            .clone()
    };
    assert!(lost(&world).is_empty());
    world.machine.lose("sh");
    assert_eq!(lost(&world), ["sh".parse().unwrap()].into());
}

#[test]
fn what_was_lost_and_back_before_any_plan_said_so_returns_as_what_people_left() {
    let mut world = World::failing_back(FailbackMode::Automatic, &[10, 50, 100]);
    world.put(most("member/sh"));
    world.plan();
    world.machine.lose("sh");
    world.recover("sh");
    world.tick_s(11);
    assert!(
        world.ramp("member/sh").is_none(),
        "no plan has left it as lost"
    );
    world.end("member-sh");
    let ramp = world.ramp("member/sh").unwrap();
    assert_eq!(
        (ramp.stage, ramp.admitted_percent()),
        (RampStage::Climbing, 20)
    );
    assert_eq!(stands(&world), (None, 20, false));
}

#[test]
fn with_what_is_refused_that_of_the_lost_is_held_back_which_leaves_anything_yet() {
    for (steps, refused) in [(&[][..], 1), (&[0, 100][..], 0), (&[1, 100][..], 1)] {
        let mut world = World::new(|_| {});
        world.machine.lose("sh");
        world.plan();
        world.put(Shift {
            step_percents: steps.to_vec(),
            ..most("member/sh")
        });
        world.put(evacuate("member/sg"));
        let refusal = world.refused();
        assert_eq!(refusal.rule(), Rule::NeverEmpty);
        let held = |name| world.machine.state.brain.shifts[&key(name)].refused.len();
        assert_eq!((held("member-sg"), held("member-sh")), (1, refused));
    }
}

#[test]
fn who_stands_behind_the_only_gateway_is_left_with_it() {
    let begun = || {
        let mut world = World::wider(|_| {});
        let Command::PlaceMember {
            member,
            mut placement,
        } = crate::support::place_in("s2", "sh", &[])
        else {
            unreachable!();
        };
        placement.network = "sh".parse().unwrap();
        world
            .machine
            .accept(Command::PlaceMember { member, placement });
        world
    };
    let lost = |world: &World| {
        let row = &world.machine.state.brain.shifts[&key("gateway-sh-eastwest")];
        row.lost.clone()
    };
    let both = ["s2", "sh"].map(|name| name.parse().unwrap());
    // Lost on the way, and lost before.
    let mut world = begun();
    world.put(most("gateway/sh/eastwest"));
    assert!(lost(&world).is_empty());
    world.machine.lose("sh");
    assert_eq!(lost(&world), both.clone().into());
    let mut world = begun();
    world.machine.lose("sh");
    world.put(most("gateway/sh/eastwest"));
    assert_eq!(lost(&world), both.into());
}

#[test]
fn what_is_refused_to_another_too_stays_refused() {
    let mut world = World::new(|_| {});
    world.machine.lose("sh");
    world.plan();
    world.put(most("member/sh"));
    world.put(Shift {
        step_percents: Vec::new(),
        ..evacuate("member/sg")
    });
    world.refused();
    let refused = |world: &World| world.machine.state.brain.refused.contains_key(&cart());
    let held = |world: &World, name| {
        let rows = &world.machine.state.brain.shifts;
        rows[&key(name)].refused.contains_key(&cart())
    };
    assert!(held(&world, "member-sg") && held(&world, "member-sh"));
    assert!(refused(&world));
    world.end("member-sg");
    assert!(refused(&world), "it is refused to the other still");
    world.end("member-sh");
    assert!(!refused(&world));
}
