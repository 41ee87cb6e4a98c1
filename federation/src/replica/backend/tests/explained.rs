//! Tests of explanations: of overrides, of domains, and of the past.

use super::*;

#[test]
fn a_difference_needs_a_member_and_its_agent() {
    let world = two();
    let ask =
        |member: &str, connected| see(&world, |sight| diff::ask(sight, &name(member), connected));
    assert_eq!(ask("ghost", true).unwrap_err().kind, ErrorKind::NotFound);
    assert_eq!(ask("a", false).unwrap_err().kind, ErrorKind::Unavailable);
    assert_eq!(
        ask("a", true).unwrap().view,
        world.sessions.get(&name("a")).unwrap().sent
    );
}

fn evacuation(world: &mut World) -> ShiftKey {
    world.run(Command::RaiseLevel { level: 2 });
    let key: ShiftKey = "causeway-system/leave".parse().unwrap();
    let shift = Shift {
        requested_by: "ann".to_owned(),
        approvals_required: 1,
        ..Shift::new(
            key.clone(),
            ShiftAction::Evacuate("member/a".parse().unwrap()),
            60_000,
            "kernel update",
        )
    };
    world.run(Command::PutShift(shift));
    key
}

#[test]
fn an_explanation_of_an_override_tells_all_of_its_life() {
    let mut world = two();
    let unknown: ShiftKey = "shop/none".parse().unwrap();
    assert_eq!(
        shift::explain(&world.state, &unknown).unwrap_err().kind,
        ErrorKind::NotFound
    );
    let key = evacuation(&mut world);
    let state = |world: &World| {
        let found = shift::explain(&world.state, &key).unwrap();
        found.report.map(|report| report.state)
    };
    assert_eq!(state(&world), Some(ShiftState::Waiting));
    world.run(Command::Approve {
        what: Approvable::Shift(key.clone()),
        seen: None,
        by: "bob".to_owned(),
        reason: "looked".to_owned(),
    });
    let found = shift::explain(&world.state, &key).unwrap();
    assert_eq!((found.services, found.approvals[0].by.as_str()), (1, "bob"));
    assert_eq!(state(&world), Some(ShiftState::Active));
    // The member and the service both tell of it.
    for around in [
        circumstances::of_service(&world.state, &key_of_cart()),
        circumstances::of_subject(&world.state, &name_of("member/a"), &[name("a")].into()),
        circumstances::of_subject(&world.state, &name_of("region/r-a"), &[name("a")].into()),
    ] {
        assert_eq!(around.shifts.len(), 1, "{around:?}");
        assert!(around.audit[0].by == "ann");
    }
    let other = circumstances::of_subject(&world.state, &name_of("member/b"), &[name("b")].into());
    assert!(
        other.shifts.is_empty() && other.audit.is_empty(),
        "{other:?}"
    );
    world.run(Command::EndShift {
        shift: key.clone(),
        by: "ann".to_owned(),
        reason: "done".to_owned(),
    });
    assert_eq!(state(&world), None);
    let acts = shift::explain(&world.state, &key).unwrap().around.audit;
    assert_eq!(acts.last().unwrap().reason, "done");
}

#[test]
fn a_domain_that_members_declare_is_explained_by_its_members() {
    let mut world = two();
    let power: FailureDomain = "power-b".parse().unwrap();
    let unknown = domain::explain(&world.state, &power).unwrap_err();
    assert_eq!(unknown.kind, ErrorKind::NotFound);
    assert!(unknown.remedy.contains("none is declared"), "{unknown:?}");
    let spec = json!({ "mode": "Federate", "topology": { "failureDomains": ["power-b"] } });
    world.declare("a", spec);
    let found = domain::explain(&world.state, &power).unwrap();
    assert_eq!(found.domain.to_string(), "domain/power-b");
    assert_eq!(found.members.len(), 1);
    assert_eq!(found.members[0].subject, name_of("member/a"));
    evacuation(&mut world);
    let found = domain::explain(&world.state, &power).unwrap();
    assert_eq!(found.around.shifts.len(), 1, "that of its member");
    let other = domain::explain(&world.state, &"power-c".parse().unwrap()).unwrap_err();
    assert!(other.remedy.contains("declared are power-b"), "{other:?}");
}

fn key_of_cart() -> ServiceKey {
    key("shop/cart")
}

fn name_of(subject: &str) -> Subject {
    subject.parse().unwrap()
}

#[test]
fn a_domain_tells_when_its_verdicts_changed_and_who_was_counted() {
    let mut world = two();
    for subject in ["gateway/a/eastwest", "session/a"] {
        world.vote(subject, Ballot::Unreachable);
    }
    world.wait(30);
    let found = see(&world, |sight| {
        subject::explain(sight, &name_of("member/a"))
    })
    .unwrap();
    assert_eq!(found.verdict.state, VerdictState::Lost);
    let lost =
        found.around.changes.iter().find(|row| {
            row.subject == name_of("gateway/a/eastwest") && row.to == VerdictState::Lost
        });
    let lost = lost.unwrap();
    assert_eq!((lost.against, lost.counted, lost.domains), (1, 1, 1));
    assert!(lost.ago_ms > 0 && found.penalty > 0);
    let service = see(&world, |sight| {
        explain::explain(sight, &key_of_cart(), None)
    })
    .unwrap();
    assert!(service.around.changes.contains(lost));
    for subject in ["gateway/a/eastwest", "session/a"] {
        world.vote(subject, Ballot::Reachable);
    }
    let found = see(&world, |sight| {
        subject::explain(sight, &name_of("member/a"))
    })
    .unwrap();
    assert!(
        found.hold_down_left_ms.is_some_and(|left| left > 0),
        "{found:?}"
    );
}

#[test]
fn of_the_past_nothing_is_told_that_the_log_does_not_hold() {
    let world = two();
    let past = |f: &dyn Fn(&Sight<'_>)| {
        let replica = causeway_api::ReplicaId(1);
        Look::of_state_alone(replica, &world.state, |look| {
            f(&Sight::of_the_past(look, BTreeMap::new()));
        });
    };
    past(&|sight| {
        let found = explain::explain(sight, &key_of_cart(), None).unwrap();
        assert!(found.applied.is_empty());
        assert_eq!(found.inputs.destinations.len(), 2, "as they were committed");
        let error = explain::explain(sight, &key("shop/ghost"), None).unwrap_err();
        assert!(error.error.contains("had no plan then"), "{error:?}");
    });
}
