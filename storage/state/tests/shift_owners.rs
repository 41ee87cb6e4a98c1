//! TrafficShifts have owners as other declarations do, and lives of their own.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use causeway_api::registry::{Host, HostUid, ObjectKey, Origin};
use causeway_api::shift::{Shift, ShiftAction, ShiftKey};
use causeway_state::brain::Act;
use causeway_state::command::Declaration;
use causeway_state::{Command, Outcome, Refusal};
use support::Machine;

const HOUR_MS: u64 = 3_600_000;

fn key() -> ShiftKey {
    "causeway-system/leave".parse().unwrap()
}

fn object() -> ObjectKey {
    ObjectKey::Shift(key())
}

fn evacuate(member: &str) -> Shift {
    let domain = format!("member/{member}").parse().unwrap();
    Shift {
        requested_by: "ann".to_owned(),
        ..Shift::new(key(), ShiftAction::Evacuate(domain), HOUR_MS, "upgrade")
    }
}

/// A host's object asks for an override.
fn declare(host: &str, uid: &str, shift: &Shift) -> Command {
    Command::Declare {
        host: Host {
            uid: HostUid(host.to_owned()),
            name: format!("name-of-{host}"),
        },
        origin: Origin {
            uid: uid.to_owned(),
            generation: 1,
            revision: 1,
            created_s: None,
        },
        declaration: Declaration::Shift(shift.clone()),
        document: format!("\"{}\"", shift.action),
    }
}

fn withdraw(host: &str, uid: &str) -> Command {
    Command::Withdraw {
        host: HostUid(host.to_owned()),
        object: object(),
        uid: uid.to_owned(),
    }
}

fn end() -> Command {
    Command::EndShift {
        shift: key(),
        by: "bob".to_owned(),
        reason: "done".to_owned(),
    }
}

fn held(machine: &Machine) -> Option<&Shift> {
    machine.state.brain.shifts.get(&key()).map(|row| &row.shift)
}

fn fleet() -> Machine {
    let mut machine = Machine::raised(&["hz", "sh"]);
    let effect = machine.accept(declare("a", "a1", &evacuate("hz")));
    assert!(effect.registry && effect.people && effect.replan_all);
    machine
}

#[test]
fn another_host_with_another_version_changes_nothing_however_often() {
    let mut machine = fleet();
    let before = machine.state.clone();
    for _ in 0..20 {
        let refusal = machine.refused(declare("b", "b1", &evacuate("sh")));
        assert!(matches!(refusal, Refusal::NotOwner { .. }), "{refusal}");
        let text = refusal.to_string();
        assert!(
            text.contains("name-of-a")
                && text.contains("causeway registry move TrafficShift causeway-system/leave"),
            "{text}"
        );
        assert_eq!(
            machine.apply(declare("a", "a1", &evacuate("hz"))),
            Outcome::Unchanged
        );
        assert!(matches!(
            machine.refused(withdraw("b", "b1")),
            Refusal::NotOwner { .. }
        ));
    }
    assert_eq!(machine.state.brain, before.brain);
    assert_eq!(machine.state.registry, before.registry);
}

#[test]
fn a_verb_makes_no_other_of_it_and_may_end_it() {
    let mut machine = fleet();
    let longer = Shift {
        expires_after_ms: 2 * HOUR_MS,
        ..evacuate("hz")
    };
    for other in [longer, evacuate("sh")] {
        let refusal = machine.refused(Command::PutShift(other));
        assert!(matches!(refusal, Refusal::NotOwner { .. }), "{refusal}");
    }
    assert_eq!(
        machine.apply(Command::PutShift(evacuate("hz"))),
        Outcome::Unchanged
    );
    let effect = machine.accept(end());
    assert!(effect.registry, "mirrors go");
    assert_eq!(held(&machine), None);
    assert!(machine.state.registry.objects.is_empty());
    // The object that asked for it is still there, and does not ask again.
    let refusal = machine.refused(declare("a", "a1", &evacuate("hz")));
    assert!(matches!(refusal, Refusal::CameBack { .. }), "{refusal}");
    // One that is created anew does.
    machine.accept(declare("a", "a2", &evacuate("hz")));
    assert_eq!(held(&machine), Some(&evacuate("hz")));
}

#[test]
fn one_that_expires_is_no_more_in_any_host() {
    let mut machine = fleet();
    let mut left = HOUR_MS;
    while left > 0 {
        machine.tick_ms(left.min(60_000));
        left = left.saturating_sub(60_000);
    }
    assert_eq!(held(&machine), None);
    assert!(machine.state.registry.is_gone(&object(), "a1"));
    // Its deletion then is nothing.
    assert_eq!(machine.apply(withdraw("a", "a1")), Outcome::Unchanged);
    // Whatever stood aside in another host may be declared by whoever wants it: it is nobody's.
    machine.accept(declare("b", "b1", &evacuate("sh")));
}

#[test]
fn its_deletion_ends_it_and_is_told_apart_from_a_late_one() {
    let mut machine = fleet();
    assert_eq!(
        machine.apply(withdraw("a", "an-earlier-one")),
        Outcome::Unchanged
    );
    let effect = machine.accept(withdraw("a", "a1"));
    assert!(effect.registry && effect.people);
    assert_eq!(held(&machine), None);
    let last = machine.state.brain.audit.back().unwrap();
    assert_eq!(
        (last.act, last.by.as_str()),
        (
            Act::Ended,
            "whoever deleted TrafficShift causeway-system/leave"
        )
    );
}

#[test]
fn a_deletion_in_a_host_ends_no_override_of_a_verb() {
    let mut machine = Machine::raised(&["hz", "sh"]);
    machine.accept(Command::PutShift(evacuate("hz")));
    assert_eq!(machine.apply(withdraw("a", "a1")), Outcome::Unchanged);
    assert!(held(&machine).is_some());
    let confirm = Command::ConfirmRemoval { object: object() };
    assert!(matches!(
        machine.refused(confirm),
        Refusal::UnknownObject(_)
    ));
    // An object that asks for the same adopts it, and then has it.
    machine.accept(declare("a", "a1", &evacuate("hz")));
    machine.accept(withdraw("a", "a1"));
    assert_eq!(held(&machine), None);
}

#[test]
fn one_that_was_deleted_and_created_again_at_once_is_another() {
    let mut machine = fleet();
    let at = machine.state.brain.shifts[&key()].at;
    machine.tick_ms(1_000);
    // The same again goes on.
    machine.accept(declare("a", "a2", &evacuate("hz")));
    assert_eq!(machine.state.brain.shifts[&key()].at, at);
    // Another one begins where the former ends.
    machine.accept(declare("a", "a3", &evacuate("sh")));
    assert_eq!(held(&machine), Some(&evacuate("sh")));
    assert_ne!(machine.state.brain.shifts[&key()].at, at);
    let acts: Vec<Act> = machine
        .state
        .brain
        .audit
        .iter()
        .map(|row| row.act)
        .collect();
    assert_eq!(acts, [Act::Shifted, Act::Ended, Act::Shifted]);
    // What cannot be ends nothing.
    let before = machine.state.clone();
    let nobody = machine.refused(declare("a", "a4", &evacuate("nobody")));
    assert!(nobody.to_string().contains("no member is in member/nobody"));
    assert_eq!(machine.state.brain, before.brain);
    assert_eq!(machine.state.registry, before.registry);
    // An edit of the same object is not another one.
    let edit = machine.refused(declare("a", "a3", &evacuate("hz")));
    assert!(edit.to_string().contains("cannot become another"), "{edit}");
}

#[test]
fn it_moves_to_another_host_although_its_owner_is_gone() {
    let mut machine = fleet();
    let host = Host {
        uid: HostUid("b".to_owned()),
        name: "second".to_owned(),
    };
    machine.accept(Command::AttachHost { host });
    machine.accept(Command::MoveObject {
        object: object(),
        to: HostUid("b".to_owned()),
    });
    assert!(matches!(
        machine.refused(withdraw("a", "a1")),
        Refusal::NotOwner { .. }
    ));
    // Until it stands there its absence means nothing.
    assert_eq!(machine.apply(withdraw("b", "b1")), Outcome::Unchanged);
    machine.accept(declare("b", "b1", &evacuate("hz")));
    assert!(machine.state.registry.objects[&object()].settled);
    assert_eq!(
        machine.state.brain.audit.len(),
        1,
        "it is the same override"
    );
    machine.accept(Command::ConfirmRemoval { object: object() });
    assert_eq!(held(&machine), None);
}

#[test]
fn a_restoration_takes_the_evacuation_and_its_object_along() {
    let mut machine = fleet();
    let domain = "member/hz".parse().unwrap();
    let restore = Shift {
        key: "causeway-system/back".parse().unwrap(),
        action: ShiftAction::Restore(domain),
        ..evacuate("hz")
    };
    let effect = machine.accept(Command::PutShift(restore));
    assert!(effect.registry);
    assert_eq!(held(&machine), None);
    assert!(machine.state.registry.is_gone(&object(), "a1"));
}

#[test]
fn its_ticket_and_its_time_to_live_may_change() {
    let mut machine = fleet();
    let changed = Shift {
        ticket: Some("CHG-1".to_owned()),
        expires_after_ms: 2 * HOUR_MS,
        ..evacuate("hz")
    };
    machine.accept(declare("a", "a1", &changed));
    assert_eq!(held(&machine), Some(&changed));
}
