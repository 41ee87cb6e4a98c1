//! How overrides begin and end at their edges: times, limits of what they carry, and which of them a restoration ends.

use causeway_api::ServiceKey;
use causeway_api::shift::{OnExpiry, Shift, ShiftAction, ShiftDue};
use causeway_state::apply::shifts::SHIFTS;
use causeway_state::{Command, Outcome, Refusal};

use super::world::{World, cart, evacuate, key, shift};

const START: u64 = 1_795_485_600_000;

fn stands(world: &World, name: &str) -> bool {
    world.machine.state.brain.shifts.contains_key(&key(name))
}

fn end_due(world: &mut World, at: u64) -> Outcome {
    world.machine.apply(Command::ShiftDue {
        shift: key("member-sh"),
        due: ShiftDue::End(at),
    })
}

/// The field that a shift is refused by; `None`: it is not.
fn field(shift: Shift) -> Option<String> {
    match World::new(|_| {}).machine.apply(Command::PutShift(shift)) {
        Outcome::Accepted { .. } => None,
        Outcome::Refused(Refusal::Malformed { field, .. }) => Some(field),
        other => panic!("{other:?}"),
    }
}

#[test]
fn it_ends_at_the_time_of_day_that_it_says_and_at_no_other() {
    let mut world = World::new(|_| {});
    let ending = Shift {
        ends_at_ms: Some(START),
        ..evacuate("member/sh")
    };
    world.put(ending);
    assert_eq!(end_due(&mut world, START - 1), Outcome::Unchanged);
    assert!(stands(&world, "member-sh"));
    assert!(matches!(
        end_due(&mut world, START),
        Outcome::Accepted { .. }
    ));
    assert!(!stands(&world, "member-sh"));
    // What has expired and holds does not expire once more.
    let mut world = World::new(|_| {});
    let held = Shift {
        ends_at_ms: Some(START),
        on_expiry: OnExpiry::Hold,
        ..evacuate("member/sh")
    };
    world.put(held);
    assert!(matches!(
        end_due(&mut world, START),
        Outcome::Accepted { .. }
    ));
    let notes = world.machine.state.brain.audit.len();
    assert_eq!(end_due(&mut world, START), Outcome::Unchanged);
    assert_eq!(world.machine.state.brain.audit.len(), notes);
    assert!(stands(&world, "member-sh"));
}

#[test]
fn what_never_took_effect_has_nothing_to_hold_and_what_did_is_said_to_people() {
    let mut world = World::new(|_| {});
    let held = |approvals_required| Shift {
        expires_after_ms: 2_000,
        on_expiry: OnExpiry::Hold,
        approvals_required,
        ..evacuate("member/sh")
    };
    world.put(held(1));
    world.tick_s(2);
    assert!(!stands(&world, "member-sh"));
    world.put(held(0));
    world.plan();
    assert!(!world.tick().people, "its time is not over");
    let effect = world.tick();
    assert!(world.machine.state.brain.shifts[&key("member-sh")].expired);
    assert!(effect.people && !effect.replan_all, "{effect:?}");
}

#[test]
fn plans_are_looked_at_again_when_a_step_is_due_and_not_before() {
    let mut world = World::new(|_| {});
    let steps = |targets: &[ServiceKey]| Shift {
        urgency: causeway_api::shift::Urgency::Planned,
        step_percents: vec![50, 100],
        interval_ms: 3_000,
        targets: targets.iter().cloned().collect(),
        ..evacuate("member/sh")
    };
    let effect = world.put(steps(&[cart()]));
    let all = effect.replan.iter().all(|service| *service == cart());
    assert!(!effect.replan.is_empty() && all && !effect.replan_all);
    for due in [false, false, true, false] {
        let effect = world.tick();
        assert_eq!((!effect.replan.is_empty(), effect.people), (due, due));
    }
    world.end("member-sh");
    let effect = world.put(steps(&[]));
    assert_eq!((effect.replan, effect.replan_all), (vec![], true));
}

#[test]
fn so_many_overrides_may_be_and_no_more() {
    let mut world = World::new(|_| {});
    for at in 0..SHIFTS {
        let dry = Shift {
            dry_run: true,
            ..shift(&format!("s{at}"), ShiftAction::Pin)
        };
        world.put(dry);
    }
    let more = Command::PutShift(shift("more", ShiftAction::Pin));
    assert!(matches!(
        world.machine.refused(more.clone()),
        Refusal::TooLarge { .. }
    ));
    world.end("s0");
    world.machine.accept(more);
}

#[test]
fn all_that_an_override_names_counts_together() {
    let mut world = World::new(|_| {});
    let named = |count: usize| (0..count).map(|at| format!("n{at}"));
    let weights = named(40).map(|name| (name.parse().unwrap(), 1)).collect();
    let many = Shift {
        targets: named(4_000)
            .map(|name| format!("shop/{name}").parse().unwrap())
            .collect(),
        step_percents: vec![1; 50],
        override_rules: named(60).collect(),
        ..shift("many", ShiftAction::Weigh(weights))
    };
    let refusal = world.machine.refused(Command::PutShift(many));
    assert!(
        matches!(
            refusal,
            Refusal::TooLarge {
                found: 4_150,
                limit: 4_096,
                ..
            }
        ),
        "{refusal}"
    );
}

#[test]
fn texts_may_be_as_long_as_said_and_steps_must_rise() {
    let long = |bytes: usize| "x".repeat(bytes);
    let said = |reason, ticket| Shift {
        reason,
        ticket: Some(ticket),
        ..evacuate("member/sh")
    };
    assert_eq!(field(said(long(1_024), long(1_024))), None);
    assert_eq!(field(said(long(1_025), long(1))), Some("reason".to_owned()));
    assert_eq!(field(said(long(1), long(1_025))), Some("ticket".to_owned()));
    let steps = |steps: &[u8]| Shift {
        step_percents: steps.to_vec(),
        interval_ms: 1_000,
        ..evacuate("member/sh")
    };
    assert_eq!(field(steps(&[50, 51, 100])), None);
    assert_eq!(field(steps(&[50, 50, 100])), Some("ramp".to_owned()));
}

#[test]
fn a_restoration_ends_the_evacuations_that_it_is_about_whole() {
    const ALL: &[&str] = &[];
    let cart_and = &["shop/cart", "shop/desk"][..];
    let cart = &["shop/cart"][..];
    // Where the restoration stands and of what it is; the same of the evacuation; and whether it is over.
    let cases = [
        ("causeway-system", ALL, "pay", ALL, true),
        ("causeway-system", ALL, "causeway-system", cart, true),
        ("shop", ALL, "shop", ALL, true),
        ("shop", ALL, "pay", ALL, false),
        ("shop", ALL, "causeway-system", ALL, false),
        ("shop", ALL, "shop", cart, true),
        ("shop", ALL, "causeway-system", cart, true),
        ("pay", ALL, "causeway-system", cart, false),
        ("shop", cart, "shop", cart, true),
        ("shop", cart_and, "shop", cart, true),
        ("shop", cart, "shop", cart_and, false),
        ("shop", cart, "shop", ALL, false),
    ];
    for (at, of, left_at, left_of, over) in cases {
        let mut world = World::new(|_| {});
        let standing = |namespace: &str, name: &str, of: &[&str], action| {
            let key = format!("{namespace}/{name}").parse().unwrap();
            let targets = of.iter().map(|name| name.parse().unwrap()).collect();
            Shift {
                targets,
                requested_by: "ann".to_owned(),
                ..Shift::new(key, action, 3_600_000, "a test")
            }
        };
        let domain = || "member/sh".parse().unwrap();
        let left = standing(left_at, "leave", left_of, ShiftAction::Evacuate(domain()));
        world.put(left.clone());
        world.put(standing(at, "back", of, ShiftAction::Restore(domain())));
        let stands = world.machine.state.brain.shifts.contains_key(&left.key);
        assert_eq!(!stands, over, "{at} {of:?}, {left_at} {left_of:?}");
    }
}
