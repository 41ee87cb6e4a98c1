//! Tests of what operators are answered.

#![allow(
    clippy::unwrap_used,
    clippy::needless_pass_by_value,
    clippy::semicolon_if_nothing_returned,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
use std::collections::BTreeMap;

use causeway_api::facts::Change;
use causeway_api::verdict::{Ballot, VerdictState};
use causeway_render::condition::reason;
use causeway_state::Command;
use causeway_state::brain::Approvable;
use serde_json::json;

mod explained;

use super::*;
use causeway_api::shift::ShiftAction;

use crate::admin::api::ErrorKind;
use crate::admin::api::overrides::ShiftState;
use crate::replica::shared::RefusedKind;
use crate::replica::status::world::{World, key, name, said, service};

fn see<T>(world: &World, f: impl FnOnce(&Sight<'_>) -> T) -> T {
    world.look(|look| f(&sight(look)))
}

fn sight<'a>(look: &'a Look<'a>) -> Sight<'a> {
    Sight {
        past: false,
        ..Sight::of_the_past(look, BTreeMap::new())
    }
}

fn two() -> World {
    let mut world = World::new();
    world.member("a");
    world.member("b");
    world.plan("shop/cart");
    world
}

#[test]
fn a_cluster_row_holds_what_is_known() {
    let mut world = two();
    world.session("a", |session| {
        session.applied.as_mut().unwrap().conditions = vec![said(reason::FOREIGN_DESTINATION_RULE)]
    });
    let rows = see(&world, clusters::rows);
    assert_eq!(rows.len(), 2);
    let a = &rows[0];
    assert_eq!((a.exported, a.imported, a.foreign_conflicts), (1, 1, 1));
    assert_eq!(a.verdict, VerdictState::Serving);
    assert_eq!(a.gateways[0].address, "gw.a.example:15443");
    assert_eq!(a.lag_ms, Some(0));
    assert_eq!(a.agent.facts_age_ms, Some(300));
    assert_eq!(
        a.condition("MeshSynced").unwrap().reason,
        "ForeignDestinationRule"
    );
}

#[test]
fn services_and_candidates() {
    let mut world = two();
    for member in ["a", "b"] {
        world.report(member, |delta| {
            delta
                .services
                .push(Change::set(key("shop/search"), service(false)))
        });
    }
    world.session("b", |session| {
        session.applied.as_mut().unwrap().conditions = vec![said(reason::HTTP2_KEEP_ALIVE)]
    });
    let rows = see(&world, |sight| {
        services::rows(sight, &ServiceQuery::default())
    });
    assert_eq!(rows.len(), 1);
    let cart = &rows[0];
    assert_eq!(cart.exported_by, [name("a"), name("b")]);
    assert_eq!(cart.imported_by, [name("a"), name("b")]);
    assert_eq!(cart.ready_of_total(), (4, 6));
    assert!(cart.generation.is_some() && cart.conditions[0].message.starts_with("member b: "));
    let query = ServiceQuery {
        candidates: true,
        ..ServiceQuery::default()
    };
    let rows = see(&world, |sight| services::rows(sight, &query));
    assert_eq!(
        rows.iter()
            .map(|row| row.service.clone())
            .collect::<Vec<_>>(),
        [key("shop/search")]
    );
    let query = ServiceQuery {
        namespace: Some("pay".parse().unwrap()),
        ..ServiceQuery::default()
    };
    assert!(see(&world, |sight| services::rows(sight, &query)).is_empty());
}

#[test]
fn an_explanation_without_a_plan_says_what_is_missing() {
    let mut world = two();
    world.report("a", |delta| {
        delta
            .services
            .push(Change::set(key("shop/search"), service(false)))
    });
    let error = |service: &str| {
        see(&world, |sight| explain::explain(sight, &key(service), None)).unwrap_err()
    };
    assert_eq!(error("shop/ghost").kind, ErrorKind::NotFound);
    assert!(error("shop/ghost").error.contains("exists in no member"));
    assert!(error("shop/search").error.contains("nobody exports it"));
    assert!(
        error("shop/search")
            .remedy
            .contains("ServiceExport named search")
    );
}

#[test]
fn an_explanation_tells_who_applied_it() {
    let mut world = two();
    world.session("a", |_| {});
    world.sessions.remove(&name("b"));
    let found = see(&world, |sight| {
        explain::explain(sight, &key("shop/cart"), None)
    })
    .unwrap();
    let applied: Vec<_> = found
        .applied
        .iter()
        .map(|row| (row.member.as_str(), row.applied))
        .collect();
    assert_eq!(applied, [("a", Some(true)), ("b", None)]);
    let from: Origin = "a".parse().unwrap();
    let found = see(&world, |sight| {
        explain::explain(sight, &key("shop/cart"), Some(&from))
    })
    .unwrap();
    assert!(
        found
            .report
            .sources
            .iter()
            .all(|source| source.source.member == name("a"))
    );
}

fn lose(world: &mut World, member: &str) {
    world.sessions.remove(&name(member));
    world.vote(&format!("gateway/{member}/eastwest"), Ballot::Unreachable);
    world.vote(&format!("session/{member}"), Ballot::Unreachable);
    world.wait(12);
    world.plan("shop/cart");
}

#[test]
fn a_lost_member_is_one_incident_and_its_region_speaks_for_it() {
    let mut world = two();
    lose(&mut world, "a");
    let found = see(&world, incidents::incidents);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(
        (found[0].subject.to_string(), found[0].state),
        ("region/r-a".to_owned(), VerdictState::Lost)
    );
    assert_eq!(
        (found[0].agreed, found[0].counted, found[0].domains),
        (1, 1, 1)
    );
    let member: Subject = "member/a".parse().unwrap();
    let why = see(&world, |sight| subject::explain(sight, &member)).unwrap();
    assert_eq!(why.services, [key("shop/cart")]);
    assert_eq!(why.rests_on.len(), 2, "its gateway and its session");
    world.vote("gateway/a/eastwest", Ballot::Reachable);
    let found = see(&world, incidents::incidents);
    assert!(
        found
            .iter()
            .all(|incident| incident.state == VerdictState::Recovering),
        "{found:?}"
    );
    assert!(
        found[0]
            .hold_down_left_ms
            .is_some_and(|left| left > 0 && left <= 60_000)
    );
}

#[test]
fn nobody_voted_is_not_found() {
    let subject: Subject = "member/ghost".parse().unwrap();
    let error = see(&two(), |sight| subject::explain(sight, &subject)).unwrap_err();
    assert!(error.kind == ErrorKind::NotFound && error.error.contains("member/ghost"));
}

#[test]
fn what_needs_a_person_names_object_and_remedy() {
    let mut world = two();
    let all = |world: &World| {
        see(world, |sight| {
            attention::attention(sight, &clusters::rows(sight))
        })
    };
    assert_eq!(all(&world), []);
    world.refuse(
        "ghost",
        RefusedKind::Unregistered,
        "member ghost is not registered: create a MemberCluster named ghost",
    );
    world.declare("bad", json!({ "mode": "Fly" }));
    world.policy("shop", "p", json!({ "detection": {} }));
    world.report("a", |delta| {
        delta.member.as_mut().unwrap().problems = vec!["EndpointSlice shop/x: nonsense".to_owned()]
    });
    let found = all(&world);
    let objects: Vec<&str> = found.iter().map(|row| row.object.as_str()).collect();
    assert_eq!(
        objects,
        [
            "MemberCluster bad",
            "FailoverPolicy shop/p",
            "agent of ghost",
            "MemberCluster a"
        ]
    );
    assert!(
        found[2]
            .message
            .contains("create a MemberCluster named ghost")
    );
}

#[test]
fn a_member_of_which_too_little_is_known_needs_a_person() {
    let mut world = two();
    world.declare("c", json!({ "mode": "Federate" }));
    world.report("c", |_| {});
    world.session("c", |_| {});
    let rows = see(&world, clusters::rows);
    let ready = rows[2].condition("Ready").unwrap();
    assert_eq!(
        (ready.status, ready.reason.as_str()),
        (crate::admin::api::ConditionStatus::Unknown, "NeverReached")
    );
    let found = see(&world, |sight| attention::attention(sight, &rows_of(sight)));
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].object, "MemberCluster c");
    assert!(found[0].message.contains("were never reached"));
    assert!(found[0].command.is_some());
}

#[test]
fn a_member_that_is_leaving_needs_a_person_once() {
    let mut world = two();
    // One whose MemberCluster is gone from this host, and one that is there.
    let held = world.state.members[&name("b")].clone();
    world.state.members.insert(name("c"), held);
    for member in ["b", "c"] {
        let leaving = causeway_state::registry::Leaving {
            stage: causeway_state::registry::Stage::Quarantined,
            since: causeway_api::verdict::ClusterTime::default(),
        };
        world.state.registry.leaving.insert(name(member), leaving);
    }
    let found = see(&world, |sight| {
        attention::attention(sight, &clusters::rows(sight))
    });
    for member in ["b", "c"] {
        let object = format!("MemberCluster {member}");
        let rows = found.iter().filter(|row| row.object == object);
        let rows: Vec<_> = rows.collect();
        let [row] = &rows[..] else {
            panic!("{member}: {rows:?}");
        };
        assert!(row.message.contains("registry confirm"), "{row:?}");
        assert_eq!(row.command.as_deref(), Some("causeway registry list"));
    }
}

fn rows_of(sight: &Sight<'_>) -> Vec<ClusterRow> {
    clusters::rows(sight)
}

#[test]
fn a_refusal_says_for_how_long() {
    let mut world = two();
    world.sessions.remove(&name("b"));
    world.refuse("b", RefusedKind::Protocol, "member b: update its agent");
    world.refuse("ghost", RefusedKind::Unregistered, "not registered");
    let now = causeway_seam::Monotonic::default().plus(std::time::Duration::from_secs(90));
    let memory = memory::Memory::default();
    let found = see(&world, |sight| {
        let sight = Sight {
            ages: memory.ages(now, causeway_seam::WallClock::default()),
            ..self::sight(sight.look)
        };
        attention::attention(&sight, &clusters::rows(&sight))
    });
    let ages: Vec<_> = found
        .iter()
        .map(|row| (row.object.as_str(), row.since_ago_ms))
        .collect();
    assert_eq!(
        ages,
        [
            ("agent of ghost", Some(90_000)),
            ("MemberCluster b", Some(90_000))
        ]
    );
}

#[test]
fn a_refusal_that_goes_on_keeps_its_age() {
    let refusals = crate::replica::shared::Refusals::default();
    let at = |s| causeway_seam::Monotonic::default().plus(std::time::Duration::from_secs(s));
    let since = || refusals.all().get(&name("a")).unwrap().since;
    refusals.note(&name("a"), RefusedKind::Identity, "x", at(1));
    refusals.note(&name("a"), RefusedKind::Identity, "y", at(5));
    assert_eq!(since(), at(1));
    refusals.note(&name("a"), RefusedKind::Protocol, "z", at(9));
    assert_eq!(since(), at(9));
}

#[test]
fn a_lost_member_is_no_second_call_for_help() {
    let mut world = two();
    lose(&mut world, "a");
    let found = see(&world, |sight| {
        attention::attention(sight, &clusters::rows(sight))
    });
    assert_eq!(found, []);
}

#[test]
fn totals_count_plans() {
    let totals = see(&two(), totals::totals);
    assert_eq!((totals.exported, totals.planned, totals.refused), (1, 1, 0));
}

#[test]
fn a_service_that_is_asked_for_too_much_needs_a_person() {
    let mut world = two();
    let rows = |world: &World| {
        let all = see(world, |sight| attention::attention(sight, &[]));
        all.into_iter()
            .filter(|row| row.object == "capacity")
            .collect::<Vec<_>>()
    };
    assert!(rows(&world).is_empty());
    let mut planned = Vec::new();
    for (service, unserved) in [
        ("shop/cart", 40_000),
        ("shop/a", 1_000),
        ("shop/b", 2_000),
        ("shop/c", 1_000),
    ] {
        let mut row = (*world.state.plans[&key("shop/cart")]).clone();
        let plan = &mut row.value.as_mut().unwrap().plan;
        plan.sources[0].unserved = causeway_api::plan::Rate(unserved);
        planned.push((key(service), Arc::new(row)));
    }
    world.state.plans.extend(planned);
    let rows = rows(&world);
    assert_eq!(rows.len(), 1);
    assert!(
        rows[0]
            .message
            .contains("shop/cart by 40/s, shop/b by 2/s, shop/a by 1/s, 1 more;"),
        "{}",
        rows[0].message
    );
    assert_eq!(
        rows[0].command.as_deref(),
        Some("causeway explain shop/cart")
    );
}
