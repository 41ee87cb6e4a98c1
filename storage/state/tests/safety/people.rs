//! Overrides have a time to live, and what they ask for makes sense.

use causeway_api::shift::{OnExpiry, Shift, ShiftAction, ShiftDue};
use causeway_api::verdict::VerdictState;
use causeway_failover::safety::Rule;
use causeway_state::brain::{Act, Approvable};
use causeway_state::{Command, Outcome, Refusal};

use super::world::{World, cart, evacuate, key, overriding, shift};

#[test]
fn an_override_ends_with_its_time() {
    let mut world = World::new(|_| {});
    let short = Shift {
        expires_after_ms: 5_000,
        ..evacuate("member/sh")
    };
    world.put(short);
    world.plan();
    assert!(world.machine.state.next_deadline().is_some());
    world.tick_s(4);
    assert!(
        world
            .machine
            .state
            .brain
            .shifts
            .contains_key(&key("member-sh"))
    );
    world.tick_s(1);
    assert!(world.machine.state.brain.shifts.is_empty());
    assert_eq!(world.plan().planned, [cart()]);
    assert_eq!(world.shares(), [50, 50]);
    assert_eq!(
        world.machine.state.brain.audit.back().unwrap().act,
        Act::Expired
    );
    assert_eq!(
        world.machine.state.next_deadline(),
        None,
        "nothing is due any more"
    );
}

#[test]
fn what_was_refused_to_an_override_ends_with_it() {
    let mut world = World::new(|_| {});
    world.ready = [4, 1];
    world.plan();
    world.put(evacuate("member/sh"));
    world.refused();
    assert!(!world.machine.state.brain.refused.is_empty());
    world.end("member-sh");
    assert!(world.machine.state.brain.refused.is_empty());
}

#[test]
fn one_that_holds_stays_until_a_person_ends_it() {
    let mut world = World::new(|_| {});
    let held = Shift {
        expires_after_ms: 5_000,
        on_expiry: OnExpiry::Hold,
        ..evacuate("member/sh")
    };
    world.put(held);
    world.plan();
    world.tick_s(6);
    assert!(world.machine.state.brain.shifts[&key("member-sh")].expired);
    assert_eq!(world.machine.state.next_deadline(), None);
    assert_eq!(world.plan(), Default::default());
    world.end("member-sh");
    world.plan();
    assert_eq!(world.shares(), [50, 50]);
    let gone = Command::EndShift {
        shift: key("member-sh"),
        by: "ann".to_owned(),
        reason: "again".to_owned(),
    };
    assert!(matches!(
        world.machine.refused(gone),
        Refusal::UnknownShift(_)
    ));
}

#[test]
fn a_dry_run_changes_nothing() {
    let mut world = World::new(|_| {});
    let dry = Shift {
        dry_run: true,
        ..evacuate("member/sh")
    };
    world.put(dry);
    assert_eq!(world.plan(), Default::default());
    let outcome = world.approve(Approvable::Shift(key("member-sh")), "bob");
    assert!(matches!(
        outcome,
        Outcome::Refused(Refusal::NothingToApprove(_))
    ));
}

#[test]
fn an_override_of_a_namespace_is_about_nothing_else() {
    let mut world = World::new(|_| {});
    let other = Shift {
        key: "pay/leave".parse().unwrap(),
        root: false,
        ..evacuate("member/sh")
    };
    world.put(other.clone());
    assert_eq!(world.plan(), Default::default());
    let foreign = Shift {
        key: "pay/other".parse().unwrap(),
        targets: [cart()].into(),
        ..other
    };
    let refusal = world
        .machine
        .refused(Command::PutShift(foreign))
        .to_string();
    assert!(
        refusal.contains("targetRefs") && refusal.contains("shop/cart"),
        "{refusal}"
    );
}

#[test]
fn what_makes_no_sense_is_refused_by_its_field() {
    let mut world = World::new(|policy| {
        policy.rules.limits.max_override_ms = Some(3_600_000);
    });
    let good = || evacuate("member/sh");
    let steps = |steps: &[u8], interval_ms| Shift {
        step_percents: steps.to_vec(),
        interval_ms,
        ..good()
    };
    let cases = [
        (
            "expiresAfter",
            Shift {
                expires_after_ms: 3_600_001,
                ..good()
            },
        ),
        (
            "expiresAfter",
            Shift {
                expires_after_ms: 0,
                ..good()
            },
        ),
        (
            "reason",
            Shift {
                reason: "  ".to_owned(),
                ..good()
            },
        ),
        (
            "reason",
            Shift {
                reason: "x".repeat(2_000),
                ..good()
            },
        ),
        (
            "requestedBy",
            Shift {
                requested_by: String::new(),
                ..good()
            },
        ),
        ("awayFrom", evacuate("region/atlantis")),
        ("awayFrom", evacuate("gateway/sh/other")),
        ("ramp", steps(&[50, 25, 100], 1_000)),
        ("ramp", steps(&[50], 1_000)),
        ("ramp", steps(&[50, 100], 0)),
        (
            "ramp",
            Shift {
                action: ShiftAction::Weigh([("sh".parse().unwrap(), 1)].into()),
                ..steps(&[50, 100], 1_000)
            },
        ),
        (
            "weights",
            shift("w", ShiftAction::Weigh([("sh".parse().unwrap(), 0)].into())),
        ),
        ("overrideRules", {
            let mut shift = good();
            shift.override_rules.insert("Luck".to_owned());
            shift
        }),
        ("overrideRules", overriding(good(), Rule::InForce)),
    ];
    for (field, shift) in cases {
        let refusal = world.machine.refused(Command::PutShift(shift));
        assert!(
            matches!(&refusal, Refusal::Malformed { field: found, .. } if found == field),
            "{field}: {refusal}"
        );
    }
    world.put(good());
    let another = Shift {
        action: ShiftAction::Evacuate("member/sg".parse().unwrap()),
        ..good()
    };
    assert!(matches!(
        world.machine.refused(Command::PutShift(another)),
        Refusal::Malformed { field, .. } if field == "spec"
    ));
    let shorter = Shift {
        expires_after_ms: 60_000,
        ..good()
    };
    world.put(shorter.clone());
    assert_eq!(
        world.machine.apply(Command::PutShift(shorter)),
        Outcome::Unchanged
    );
}

#[test]
fn a_restoration_ends_what_left_the_same_place() {
    let mut world = World::new(|_| {});
    world.put(evacuate("member/sh"));
    world.plan();
    world.put(shift(
        "back",
        ShiftAction::Restore("member/sh".parse().unwrap()),
    ));
    assert!(
        !world
            .machine
            .state
            .brain
            .shifts
            .contains_key(&key("member-sh"))
    );
    world.plan();
    assert_eq!(world.shares(), [50, 50]);
}

#[test]
fn people_weigh_regions_by_hand() {
    let mut world = World::new(|_| {});
    let weights = [("sh".parse().unwrap(), 3), ("sg".parse().unwrap(), 1)];
    world.put(shift("weigh", ShiftAction::Weigh(weights.into())));
    world.plan();
    assert_eq!(world.shares(), [75, 25]);
}

#[test]
fn a_time_of_day_begins_an_override_and_ends_it() {
    const START: u64 = 1_795_485_600_000;
    let mut world = World::new(|_| {});
    let planned = Shift {
        starts_at_ms: Some(START),
        ends_at_ms: Some(START + 60_000),
        approvals_required: 1,
        ..evacuate("member/sh")
    };
    let key = key("member-sh");
    world.put(planned);
    assert_eq!(
        world.machine.state.next_deadline(),
        None,
        "its time to live has not begun"
    );
    world.approve(Approvable::Shift(key.clone()), "bob");
    assert_eq!(world.plan(), Default::default(), "approved, and not begun");
    assert_eq!(world.machine.state.next_shift_due_ms(), Some(START));
    assert_eq!(world.machine.state.shifts_due(START - 1).next(), None);
    let due = |world: &World, at| {
        let (key, due) = world.machine.state.shifts_due(at).next().unwrap();
        Command::ShiftDue {
            shift: key.clone(),
            due,
        }
    };
    // Another time than what it says is nothing.
    let other = Command::ShiftDue {
        shift: key.clone(),
        due: ShiftDue::Start(START + 1),
    };
    assert_eq!(world.machine.apply(other), Outcome::Unchanged);
    let begin = due(&world, START);
    world.machine.accept(begin.clone());
    assert_eq!(
        world.machine.apply(begin),
        Outcome::Unchanged,
        "it begins once"
    );
    assert_eq!(world.plan().planned, [cart()]);
    assert_eq!(world.shares(), [0, 100]);
    assert!(world.machine.state.next_deadline().is_some());
    assert_eq!(
        world.machine.state.next_shift_due_ms(),
        Some(START + 60_000)
    );
    let end = due(&world, START + 60_000);
    world.machine.accept(end);
    assert_eq!(world.plan().planned, [cart()]);
    assert_eq!(world.shares(), [50, 50]);
    let acts: Vec<Act> = world
        .machine
        .state
        .brain
        .audit
        .iter()
        .map(|row| row.act)
        .collect();
    assert_eq!(
        acts,
        [Act::Shifted, Act::Approved, Act::Began, Act::Expired]
    );
}

#[test]
fn a_start_without_approvals_waits_for_them_and_an_end_that_comes_first_is_the_end() {
    let mut world = World::new(|_| {});
    let planned = |name: &str, start, end| Shift {
        starts_at_ms: Some(start),
        ends_at_ms: end,
        approvals_required: 1,
        ..shift(name, ShiftAction::Evacuate("member/sh".parse().unwrap()))
    };
    world.put(planned("late", 1_000, None));
    world.machine.accept(Command::ShiftDue {
        shift: key("late"),
        due: ShiftDue::Start(1_000),
    });
    assert_eq!(world.plan(), Default::default(), "nobody approved it");
    world.approve(Approvable::Shift(key("late")), "bob");
    assert_eq!(world.plan().planned, [cart()]);
    world.put(planned("missed", 1_000, Some(2_000)));
    let (_, due) = world.machine.state.shifts_due(3_000).next().unwrap();
    assert_eq!(due, ShiftDue::End(2_000), "nobody led at its start");
    world.machine.accept(Command::ShiftDue {
        shift: key("missed"),
        due,
    });
    assert!(
        !world
            .machine
            .state
            .brain
            .shifts
            .contains_key(&key("missed"))
    );
    let restored = Shift {
        starts_at_ms: Some(1_000),
        ..shift("back", ShiftAction::Restore("member/sh".parse().unwrap()))
    };
    let refusal = world
        .machine
        .refused(Command::PutShift(restored))
        .to_string();
    assert!(
        refusal.contains("startTime: a restoration is for now"),
        "{refusal}"
    );
    let refusal = world
        .machine
        .refused(Command::PutShift(planned("odd", 2_000, Some(2_000))));
    assert!(refusal.to_string().contains("endTime"), "{refusal}");
}

#[test]
fn what_is_held_against_a_subject_decays_in_a_quiet_fleet_without_ticks() {
    let mut world = World::new(|_| {});
    let held = |world: &World| {
        let state = &world.machine.state;
        let standing = state
            .verdicts
            .standing(&"gateway/sh/eastwest".parse().unwrap());
        standing.unwrap().penalty.score(state.cluster_time)
    };
    world.machine.lose("sh");
    let state = world.machine.state.member_state(&"sh".parse().unwrap());
    assert_eq!(state, VerdictState::Lost);
    world.recover("sh");
    assert!(held(&world) > 900);
    // While it waits out its hold-down nothing is forgiven.
    let forgive = |ms| Command::Forgive { elapsed_ms: ms };
    assert_eq!(world.machine.apply(forgive(600_000)), Outcome::Unchanged);
    while let Some(deadline) = world.machine.state.next_deadline() {
        let ms = deadline.since_ms(world.machine.state.cluster_time);
        world.machine.tick_ms(ms.max(1));
        world.plan();
    }
    let before = held(&world);
    assert!(
        before > 0,
        "no timer is pending, and it is still held against it"
    );
    let time = world.machine.state.cluster_time;
    world.machine.accept(forgive(100_000));
    assert!(held(&world) < before);
    world.machine.accept(forgive(86_400_000));
    assert_eq!((held(&world), world.machine.state.cluster_time), (0, time));
    assert_eq!(world.machine.apply(forgive(1)), Outcome::Unchanged);
}
