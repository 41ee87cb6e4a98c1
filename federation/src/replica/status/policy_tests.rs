//! Tests of the status of a FailoverPolicy.

#![allow(
    clippy::unwrap_used,
    clippy::needless_pass_by_value,
    clippy::semicolon_if_nothing_returned,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
use causeway_failover::contingency::Prepared;
use causeway_state::contingency::ContingencyRow;
use serde_json::json;

use super::*;
use crate::replica::status::world::{World, contingencies};

fn of(world: &World, policy: &str) -> Vec<String> {
    let rows = world.declared.rows();
    let row = rows.policies.get(policy).unwrap();
    world.look(|look| {
        let losses = Losses::default();
        let found = conditions(policy, row, &PolicyLook::new(look, &losses, true));
        found
            .iter()
            .map(|condition| {
                format!(
                    "{}={}/{}: {}",
                    condition.kind, condition.status, condition.reason, condition.message
                )
            })
            .collect()
    })
}

fn world() -> World {
    let mut world = World::new();
    world.member("a");
    world
}

#[test]
fn a_policy_in_force_counts_what_it_is_about() {
    let mut world = world();
    world.policy("shop", "all", json!({}));
    let found = of(&world, "shop/all");
    assert!(found[2].starts_with("Ready=True/Ready"), "{found:?}");
    let rows = world.declared.rows();
    let row = rows.policies.get("shop/all").unwrap();
    let status = world.look(|look| {
        status(
            "shop/all",
            row,
            &PolicyLook::new(look, &Losses::default(), true),
            &FailoverPolicyStatus::default(),
            WallClock(1_000),
        )
    });
    assert_eq!(status.services.unwrap().matched, 1);
    assert_eq!(status.observed_generation, Some(4));
}

#[test]
fn what_a_policy_is_about_is_counted_by_its_level() {
    let mut world = world();
    assert_eq!(world.look(|look| look.counts.all_exported()), 1);
    world.policy("shop", "all", json!({}));
    world.policy("bank", "all", json!({}));
    world.policy("causeway-system", "all", json!({}));
    let targets = json!({ "targetRefs": [{ "name": "cart" }, { "name": "search" }] });
    world.policy("shop", "two", targets);
    let rows = world.declared.rows();
    for (policy, matched) in [
        ("shop/all", 1),
        ("bank/all", 0),
        ("causeway-system/all", 1),
        ("shop/two", 1),
    ] {
        let spec = rows.policies[policy].declared.as_ref().unwrap();
        let found = world.look(|look| look.counts.matched(spec));
        assert_eq!(found, matched, "{policy}");
    }
}

#[test]
fn detection_belongs_into_the_root_namespace() {
    let mut world = world();
    world.policy("shop", "p", json!({ "detection": { "holdFor": "3s" } }));
    let found = of(&world, "shop/p");
    assert!(
        found[0].starts_with("Accepted=False/Invalid") && found[0].contains("causeway-system"),
        "{found:?}"
    );
    world.policy(
        "causeway-system",
        "p",
        json!({ "detection": { "holdFor": "3s" } }),
    );
    assert!(of(&world, "causeway-system/p")[2].starts_with("Ready=True"));
}

#[test]
fn of_two_policies_for_the_same_the_first_by_name_is_in_force() {
    let mut world = world();
    world.policy("shop", "one", json!({}));
    world.policy("shop", "two", json!({}));
    assert!(of(&world, "shop/one")[0].starts_with("Accepted=True"));
    let found = of(&world, "shop/two");
    assert!(
        found[0].starts_with("Accepted=False/Conflicted") && found[0].contains("shop/one"),
        "{found:?}"
    );
    world.policy(
        "causeway-system",
        "one",
        json!({ "failback": { "holdDown": "1m" } }),
    );
    world.policy(
        "causeway-system",
        "two",
        json!({ "failback": { "holdDown": "2m" } }),
    );
    let found = of(&world, "causeway-system/two");
    assert!(
        found[0].starts_with("Accepted=False/Conflicted") && found[0].contains("holdDown"),
        "{found:?}"
    );
}

#[test]
fn targets_that_nobody_exports_are_named() {
    let mut world = world();
    world.policy(
        "shop",
        "p",
        json!({ "targetRefs": [{ "name": "cart" }, { "name": "search" }] }),
    );
    let found = of(&world, "shop/p");
    assert!(
        found[1].starts_with("ResolvedRefs=False/TargetNotExported"),
        "{found:?}"
    );
    assert!(
        found[1].contains("shop/search") && !found[1].contains("shop/cart,"),
        "{found:?}"
    );
}

/// Names what is prepared, as a leader does once it is quiet.
fn prepare(world: &mut World) {
    let prepared = contingencies(&world.state);
    let row = |(domain, prepared): (&causeway_api::domain::Domain, &Prepared)| {
        let row = ContingencyRow {
            hash: prepared.hash(),
            generation: Default::default(),
            readiness: prepared.readiness(),
        };
        (domain.clone(), row)
    };
    world.state.brain.contingencies.rows = prepared.iter().map(row).collect();
}

fn said(
    world: &World,
    policy: &str,
    losses: &Losses,
    before: &FailoverPolicyStatus,
) -> FailoverPolicyStatus {
    let rows = world.declared.rows();
    let row = rows.policies.get(policy).unwrap();
    world.look(|look| {
        status(
            policy,
            row,
            &PolicyLook::new(look, losses, true),
            before,
            WallClock(1_000),
        )
    })
}

fn survivable(status: &FailoverPolicyStatus) -> Option<String> {
    let mut conditions = status.conditions.iter();
    let found = conditions.find(|condition| condition.type_ == LOSS_SURVIVABLE)?;
    Some(format!("{}/{}", found.status, found.reason))
}

#[test]
fn what_losses_would_do_to_its_services_is_said_and_stays_said_until_it_is_another() {
    let mut world = world();
    world.member("b");
    world.plan("shop/cart");
    let policies = ["shop/all", "shop/one", "causeway-system/all"];
    world.policy("shop", "all", json!({}));
    let one = json!({ "targetRefs": [{ "name": "cart" }] });
    world.policy("shop", "one", one);
    world.policy("causeway-system", "all", json!({}));
    world.policy("bank", "all", json!({}));
    prepare(&mut world);
    let none = FailoverPolicyStatus::default();
    let losses = Losses::drawn(&world.state);
    let mut all = Vec::new();
    for policy in policies {
        let found = said(&world, policy, &losses, &none);
        let rows = &found.readiness;
        assert!(
            rows.iter().any(|row| row.lose == "member/a") && rows.len() <= 8,
            "{policy}: {rows:?}"
        );
        // Nobody declared what is asked for or what endpoints take.
        assert_eq!(rows[0].outcome, "Unproven", "{rows:?}");
        assert_eq!(survivable(&found).unwrap(), "Unknown/Unproven");
        let ready = found.conditions.iter().find(|row| row.type_ == READY);
        assert_eq!(ready.unwrap().status, "True", "no part of Ready");
        // A replica that has just begun does not know it yet, and takes nothing back.
        assert_eq!(said(&world, policy, &Losses::default(), &found), found);
        assert_eq!(said(&world, policy, &losses, &found), found);
        all.push(found);
    }
    assert!(all.iter().all(|found| found.readiness == all[0].readiness));
    let bank = said(&world, "bank/all", &losses, &none);
    assert!(bank.readiness.is_empty() && survivable(&bank).is_none());

    // No loss would move anything of it, and then nothing is prepared at all.
    let before = world.state.clone();
    world.state.plans.clear();
    prepare(&mut world);
    let found = said(&world, "shop/all", &Losses::drawn(&world.state), &all[0]);
    assert!(found.readiness.is_empty());
    assert_eq!(survivable(&found).unwrap(), "True/Survives");
    world.state = before;
    world.state.brain.contingencies.rows.clear();
    let found = said(&world, "shop/all", &Losses::drawn(&world.state), &all[0]);
    assert!(found.readiness.is_empty() && survivable(&found).is_none());
}

#[test]
fn a_loss_names_the_service_that_it_hits_hardest() {
    let mut row = causeway_api::contingency::Readiness {
        domain: "region/r1".parse().unwrap(),
        outcome: LossOutcome::Overloads,
        score: 76,
        services: 3,
        moved: causeway_api::plan::Rate(0),
        orphans: 0,
        first_orphans: Vec::new(),
        overloads: 2,
        worst_overloads: vec![
            ("shop/pay".parse().unwrap(), 31),
            ("shop/cart".parse().unwrap(), 20),
        ],
        unproven: 0,
        peak: None,
        writes: 1,
        coarse_cut: true,
        untold: 0,
        first_untold: Vec::new(),
    };
    let over = of_loss(&row);
    assert_eq!(over.outcome, "Overloads");
    assert_eq!((over.score, over.by_percent), (76, Some(31)));
    assert_eq!(over.service.as_deref(), Some("shop/pay"));
    row.first_orphans = vec!["shop/db".parse().unwrap()];
    let orphan = of_loss(&row);
    assert_eq!(orphan.service.as_deref(), Some("shop/db"));
    assert_eq!(orphan.by_percent, None);
}

fn proven(status: &FailoverPolicyStatus) -> (String, String) {
    let mut conditions = status.conditions.iter();
    let found = conditions.find(|row| row.type_ == CAPACITY_PROVEN).unwrap();
    let word = format!("{}/{}", found.status, found.reason);
    (word, found.message.clone())
}

#[test]
fn the_mode_in_force_is_the_most_careful_of_root_policy_and_members() {
    let mut world = world();
    world.policy("shop", "all", json!({}));
    let (none, losses) = (FailoverPolicyStatus::default(), Losses::default());
    let mode = |world: &World, policy: &str| {
        let found = said(world, policy, &losses, &none).effective_mode.unwrap();
        (found.mode, found.because)
    };
    assert_eq!(
        mode(&world, "shop/all"),
        ("Automatic".into(), "no policy says otherwise".into())
    );
    world.policy("causeway-system", "all", json!({ "mode": "Approve" }));
    let (found, because) = mode(&world, "shop/all");
    assert_eq!(found, "Approve");
    assert_eq!(because, "FailoverPolicy causeway-system/all says so");
    // One that is about more than this policy binds it, and one about less does not.
    let one = json!({ "mode": "Observe", "targetRefs": [{ "name": "cart" }] });
    world.policy("shop", "one", one);
    assert_eq!(mode(&world, "shop/all").0, "Approve");
    assert_eq!(mode(&world, "shop/one").0, "Observe");
    world.policy("bank", "all", json!({ "mode": "Automatic" }));
    // A member that nothing is written to, where it has a part.
    world.declare("a", json!({ "mode": "Observe" }));
    let (found, because) = mode(&world, "shop/all");
    assert_eq!(
        (found.as_str(), because.as_str()),
        ("Observe", "member a is in Observe")
    );
    assert_eq!(mode(&world, "bank/all").0, "Approve");
    world.declare("a", json!({ "mode": "Federate", "suspend": true }));
    assert_eq!(
        mode(&world, "causeway-system/all").1,
        "member a is suspended"
    );
}

#[test]
fn services_of_unknown_capacity_are_named_with_their_places_until_somebody_declares_it() {
    let mut world = world();
    world.member("b");
    world.policy("shop", "all", json!({}));
    world.policy("bank", "all", json!({}));
    let (none, losses) = (FailoverPolicyStatus::default(), Losses::default());
    let idle = said(&world, "shop/all", &losses, &none);
    assert_eq!(proven(&idle).0, "Unknown/NothingPlanned");
    world.plan("shop/cart");
    let found = said(&world, "shop/all", &losses, &none);
    let (word, message) = proven(&found);
    assert_eq!(word, "False/CapacityUnknown");
    assert!(message.contains("shop/cart in a/z1, b/z1:"), "{message}");
    assert_eq!(found.services.as_ref().unwrap().capacity_known, Some(0));
    let ready = found.conditions.iter().find(|row| row.type_ == READY);
    assert_eq!(ready.unwrap().status, "True", "no part of Ready");
    assert_eq!(
        proven(&said(&world, "bank/all", &losses, &none)).0,
        "Unknown/NothingPlanned"
    );
    // The plan stays as it is, and all the same it is proven now.
    let capacity = json!({ "capacity": { "requestsPerSecondPerEndpoint": 100 } });
    world.policy("causeway-system", "all", capacity);
    let after = said(&world, "shop/all", &losses, &found);
    assert_eq!(proven(&after).0, "True/Declared");
    assert_eq!(after.services.unwrap().capacity_known, Some(1));
}

#[test]
fn what_was_decided_last_is_said_and_not_more_often_than_it_is_looked_at() {
    let mut world = world();
    world.member("b");
    world.policy("shop", "all", json!({}));
    world.policy("shop", "one", json!({ "targetRefs": [{ "name": "cart" }] }));
    world.policy("causeway-system", "all", json!({}));
    let (none, losses) = (FailoverPolicyStatus::default(), Losses::default());
    let last = |world: &World, policy: &str| said(world, policy, &losses, &none).last_decision;
    assert_eq!(last(&world, "shop/all"), None);
    world.plan("shop/cart");
    let generation = world.state.last_applied;
    for policy in ["shop/all", "shop/one", "causeway-system/all"] {
        let found = last(&world, policy).unwrap();
        assert_eq!(found.generation, generation.to_string());
        assert_eq!(
            (found.outcome.as_str(), found.service.as_str()),
            ("Committed", "shop/cart")
        );
    }
    let held = world
        .state
        .plan(&"shop/cart".parse().unwrap())
        .unwrap()
        .value
        .clone()
        .unwrap();
    let later = causeway_api::Generation {
        index: generation.index + 1,
        ..generation
    };
    for (waits, word) in [
        (causeway_failover::safety::Waits::Observe, "WouldHaveMoved"),
        (
            causeway_failover::safety::Waits::Stateful,
            "WaitsForApproval",
        ),
    ] {
        let pending = causeway_state::brain::Pending {
            plan: Some(std::sync::Arc::new(held.clone())),
            waits,
            since: world.state.cluster_time,
            generation: later,
            moved: causeway_api::plan::Rate(1),
        };
        world
            .state
            .brain
            .pending
            .insert("shop/cart".parse().unwrap(), pending);
        for policy in ["shop/all", "shop/one", "causeway-system/all"] {
            let found = last(&world, policy).unwrap();
            assert_eq!(
                (found.generation, found.outcome.as_str()),
                (later.to_string(), word)
            );
        }
    }
    // In between it stays as it was said.
    let rows = world.declared.rows();
    let row = rows.policies.get("shop/all").unwrap();
    let kept = world.look(|look| {
        let look = PolicyLook::new(look, &losses, false);
        status("shop/all", row, &look, &none, WallClock(1_000))
    });
    assert_eq!(kept.last_decision, None);
}
