//! Tests of the status of a FailoverPolicy.

#![allow(
    clippy::unwrap_used,
    clippy::needless_pass_by_value,
    clippy::semicolon_if_nothing_returned,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
use serde_json::json;

use super::*;
use crate::replica::status::world::World;

fn of(world: &World, policy: &str) -> Vec<String> {
    let rows = world.declared.rows();
    let row = rows.policies.get(policy).unwrap();
    world.look(|look| {
        let found = conditions(
            policy,
            row,
            &PolicyLook::new(look.rows, look.state, look.counts),
        );
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
            &PolicyLook::new(look.rows, look.state, look.counts),
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
