//! Which host owns a declaration, and how members leave.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use causeway_api::MemberName;
use causeway_api::registry::{Host, HostUid, ObjectKey};
use causeway_api::spec::MemberSpec;
use causeway_state::apply::leaving::{
    DRAIN_MAX_MS, DRAIN_MIN_MS, SETTLE_MS, WINDOW_MS, has_traffic,
};
use causeway_state::registry::Stage;
use causeway_state::{Command, Outcome, Refusal};
use support::{Machine, declare, member_key, place};

fn spec(name: &str) -> MemberSpec {
    MemberSpec::minimal(name.parse().unwrap())
}

fn suspended(name: &str) -> MemberSpec {
    MemberSpec {
        suspend: true,
        ..spec(name)
    }
}

fn stage(machine: &Machine, member: &str) -> Option<Stage> {
    machine.state.registry.stage(&member.parse().unwrap())
}

fn is_there(machine: &Machine, member: &str) -> bool {
    let name: MemberName = member.parse().unwrap();
    machine.state.members.contains_key(&name)
}

/// Three members, each placed, declared by the host `a`, all of them serving one service.
fn fleet() -> Machine {
    let mut machine = Machine::raised(&["hz", "sh", "sg"]);
    for member in ["hz", "sh", "sg"] {
        machine.accept(declare("a", &spec(member), 1));
    }
    let plans = machine.proposal(&["hz", "sh", "sg"]);
    machine.accept(Command::CommitPlans(vec![plans]));
    machine
}

/// Plans as the planner makes them once a member is draining: it counts as one that exports nothing.
fn drain(machine: &mut Machine, member: &str) {
    let mut inputs = machine.inputs(&["hz", "sh", "sg"]);
    for zone in &mut inputs.destinations {
        zone.exported &= zone.member.as_str() != member;
    }
    let plan = causeway_failover::plan::plan(&inputs);
    let service = inputs.service.clone();
    let effect = machine.accept(Command::CommitPlans(vec![causeway_state::PlanProposal {
        service,
        plan: Some((inputs, plan)),
        previous: None,
    }]));
    assert_eq!(effect.refused, []);
}

/// Requests of other members go to this one: its zone's own callers are not enough.
fn overload(machine: &mut Machine, member: &str) {
    let mut inputs = machine.inputs(&["hz", "sh", "sg"]);
    for zone in &mut inputs.destinations {
        if zone.member.as_str() != member {
            zone.ready = 0;
            zone.capacity = Some(causeway_api::plan::Rate(0));
        }
    }
    let plan = causeway_failover::plan::plan(&inputs);
    let service = inputs.service.clone();
    machine.accept(Command::CommitPlans(vec![causeway_state::PlanProposal {
        service,
        plan: Some((inputs, plan)),
        previous: None,
    }]));
    assert!(has_traffic(&machine.state, &member.parse().unwrap()));
}

#[test]
fn only_the_owner_changes_what_is_in_force() {
    let mut machine = Machine::raised(&[]);
    let effect = machine.accept(declare("a", &spec("hz"), 1));
    assert!(effect.registry && effect.members.len() == 1);
    assert_eq!(machine.declare("a", &spec("hz"), 1), Outcome::Unchanged);

    let Outcome::Refused(refusal) = machine.declare("b", &suspended("hz"), 4) else {
        unreachable!("another host's edit is refused");
    };
    let text = refusal.to_string();
    assert!(
        text.contains("name-of-a")
            && text.contains("causeway registry move MemberCluster hz --to HOST"),
        "{text}"
    );
    assert!(!machine.state.members.values().any(|held| held.spec.suspend));
    assert!(matches!(
        machine.withdraw("b", "hz"),
        Outcome::Refused(Refusal::NotOwner { .. })
    ));

    // Two that say different things for ever: the owner's word stands, and nothing moves.
    let before = machine.state.clone();
    for version in 5..50 {
        machine.declare("b", &suspended("hz"), version);
        machine.declare("a", &spec("hz"), 1);
    }
    assert_eq!(machine.state.members, before.members);
    assert_eq!(machine.state.registry, before.registry);
}

#[test]
fn an_object_moves_to_another_host_although_its_owner_is_gone() {
    let mut machine = Machine::raised(&[]);
    machine.accept(declare("a", &spec("hz"), 7));
    let to = |uid: &str| Command::MoveObject {
        object: member_key("hz"),
        to: HostUid(uid.to_owned()),
    };
    assert!(matches!(machine.refused(to("b")), Refusal::UnknownHost(_)));
    let host = Host {
        uid: HostUid("b".to_owned()),
        name: "second".to_owned(),
    };
    let attach = Command::AttachHost { host };
    machine.accept(attach.clone());
    assert_eq!(machine.apply(attach), Outcome::Unchanged);
    machine.accept(to("b"));
    // Until the new owner has the object, its absence there means nothing.
    assert_eq!(machine.withdraw("b", "hz"), Outcome::Unchanged);
    assert!(matches!(
        machine.declare("a", &spec("hz"), 8),
        Outcome::Refused(Refusal::NotOwner { .. })
    ));
    // Whatever stands there is in force, however old it looks.
    machine.accept(declare("b", &suspended("hz"), 1));
    assert!(machine.state.members.values().any(|held| held.spec.suspend));
    let owned = &machine.state.registry.objects[&member_key("hz")];
    assert!(owned.settled && owned.host.0 == "b");
    let nobody = Command::MoveObject {
        object: member_key("nobody"),
        to: HostUid("b".to_owned()),
    };
    assert!(matches!(machine.refused(nobody), Refusal::UnknownObject(_)));
}

#[test]
fn a_host_from_an_old_backup_takes_nothing_back() {
    let mut machine = Machine::raised(&[]);
    for member in ["hz", "sh"] {
        machine.accept(declare("a", &spec(member), 1));
    }
    machine.accept(declare("a", &suspended("hz"), 2));
    machine.withdraw("a", "sh");
    assert!(!is_there(&machine, "sh"));

    let Outcome::Refused(older) = machine.declare("a", &spec("hz"), 1) else {
        unreachable!("an older version of the same object");
    };
    assert!(matches!(older, Refusal::OlderDeclaration { .. }), "{older}");
    assert!(older.to_string().contains("older backup"), "{older}");
    let Outcome::Refused(back) = machine.declare("a", &spec("sh"), 1) else {
        unreachable!("an object that was deleted");
    };
    assert!(matches!(back, Refusal::CameBack { .. }), "{back}");
    assert!(back.to_string().contains("was deleted before"), "{back}");

    // What stands there is put in force by the verb.
    machine.accept(Command::MoveObject {
        object: member_key("hz"),
        to: HostUid("a".to_owned()),
    });
    machine.accept(declare("a", &spec("hz"), 1));
    assert!(!machine.state.members.values().any(|held| held.spec.suspend));
}

#[test]
fn a_late_withdrawal_does_not_take_a_new_object_along() {
    let mut machine = Machine::raised(&[]);
    machine.accept(declare("a", &spec("hz"), 1));
    let withdraw = Command::Withdraw {
        host: HostUid("a".to_owned()),
        object: member_key("hz"),
        uid: "an-earlier-object".to_owned(),
    };
    assert_eq!(machine.apply(withdraw), Outcome::Unchanged);
    assert!(is_there(&machine, "hz"));
}

#[test]
fn a_member_with_traffic_drains_before_it_goes() {
    let mut machine = fleet();
    overload(&mut machine, "hz");
    machine.withdraw("a", "hz");
    assert_eq!(stage(&machine, "hz"), Some(Stage::Deleted));
    assert!(
        machine.state.next_deadline().is_some(),
        "cluster time must pass"
    );
    machine.tick_ms(SETTLE_MS);
    assert_eq!(stage(&machine, "hz"), Some(Stage::Draining));
    machine.tick_ms(DRAIN_MIN_MS);
    assert_eq!(
        stage(&machine, "hz"),
        Some(Stage::Draining),
        "it still has traffic"
    );
    drain(&mut machine, "hz");
    machine.tick_ms(1_000);
    assert!(!is_there(&machine, "hz"));
    assert!(machine.state.registry.leaving.is_empty());
    assert!(
        machine
            .state
            .registry
            .is_gone(&member_key("hz"), "object-hz")
    );
    // The window closes, and no tick is needed any more.
    machine.tick_ms(WINDOW_MS);
    assert_eq!(machine.state.next_deadline(), None);
}

#[test]
fn a_drain_has_an_end() {
    let mut machine = fleet();
    overload(&mut machine, "hz");
    machine.withdraw("a", "hz");
    machine.tick_ms(SETTLE_MS + DRAIN_MAX_MS - 1_000);
    assert!(is_there(&machine, "hz"));
    machine.tick_ms(1_000);
    assert!(!is_there(&machine, "hz"));
}

#[test]
fn a_member_whose_object_is_created_again_stays() {
    let mut machine = fleet();
    overload(&mut machine, "hz");
    machine.withdraw("a", "hz");
    machine.tick_ms(SETTLE_MS);
    // Another replica of the same host has not seen the deletion yet.
    assert_eq!(machine.declare("a", &spec("hz"), 1), Outcome::Unchanged);
    assert_eq!(stage(&machine, "hz"), Some(Stage::Draining));
    let Command::Declare {
        host,
        mut origin,
        declaration,
        document,
    } = declare("a", &spec("hz"), 1)
    else {
        unreachable!();
    };
    origin.uid = "created-anew".to_owned();
    let effect = machine.accept(Command::Declare {
        host,
        origin,
        declaration,
        document,
    });
    assert_eq!(effect.members.len(), 1, "the planner hears of it");
    assert_eq!(stage(&machine, "hz"), None);
    machine.tick_ms(DRAIN_MAX_MS);
    assert!(is_there(&machine, "hz"));
}

#[test]
fn several_deletions_at_once_wait_for_a_person() {
    let mut machine = fleet();
    for member in ["hz", "sh", "sg"] {
        machine.withdraw("a", member);
    }
    machine.tick_ms(DRAIN_MAX_MS * 2);
    for member in ["hz", "sh", "sg"] {
        assert_eq!(stage(&machine, member), Some(Stage::Quarantined));
        assert!(is_there(&machine, member));
    }
    machine.accept(Command::ConfirmRemoval {
        object: member_key("hz"),
    });
    assert_eq!(stage(&machine, "hz"), Some(Stage::Draining));
    drain(&mut machine, "hz");
    machine.tick_ms(DRAIN_MIN_MS);
    assert!(!is_there(&machine, "hz") && is_there(&machine, "sh"));
    let nobody = Command::ConfirmRemoval {
        object: ObjectKey::Member("nobody".parse().unwrap()),
    };
    assert!(matches!(machine.refused(nobody), Refusal::UnknownObject(_)));
}

#[test]
fn one_after_another_within_the_window_waits_too() {
    let mut machine = fleet();
    drain(&mut machine, "hz");
    machine.withdraw("a", "hz");
    machine.tick_ms(SETTLE_MS + DRAIN_MIN_MS);
    assert!(!is_there(&machine, "hz"));
    machine.withdraw("a", "sh");
    assert_eq!(stage(&machine, "sh"), Some(Stage::Quarantined));
}

#[test]
fn a_member_that_never_reported_goes_at_once() {
    let mut machine = Machine::raised(&[]);
    for member in ["hz", "sh"] {
        machine.accept(declare("a", &spec(member), 1));
        machine.withdraw("a", member);
        assert!(!is_there(&machine, member));
    }
    machine.accept(declare("a", &spec("sg"), 1));
    machine.accept(place("sg", &["eastwest"]));
    machine.withdraw("a", "sg");
    assert_eq!(
        stage(&machine, "sg"),
        Some(Stage::Deleted),
        "those before moved nothing"
    );
}
