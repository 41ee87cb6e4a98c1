//! Tests of the status of a MemberCluster.

#![allow(
    clippy::unwrap_used,
    clippy::needless_pass_by_value,
    clippy::semicolon_if_nothing_returned,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
use causeway_api::verdict::Ballot as Vote;
use causeway_crds::conditions::find;

use super::*;
use crate::replica::status::world::{World, name};

fn write(world: &World, before: &MemberClusterStatus, now_s: i64) -> MemberClusterStatus {
    world.look(|look| status(&look.member(&name("a")), before, WallClock(now_s * 1000)))
}

fn world() -> World {
    let mut world = World::new();
    world.member("a");
    world.member("b");
    world.plan("shop/cart");
    world
}

#[test]
fn a_status_holds_what_is_known() {
    let status = write(&world(), &MemberClusterStatus::default(), 100);
    assert_eq!(status.id.as_deref(), Some("cluster-a"));
    assert_eq!(status.region.as_deref(), Some("r-a"));
    assert_eq!(status.network.as_deref(), Some("net-a"));
    assert_eq!(status.observed_generation, Some(4));
    let verdict = status.verdict.unwrap();
    assert_eq!(
        (verdict.state.as_str(), verdict.since),
        ("Serving", Some(time(100_000)))
    );
    assert_eq!(
        (verdict.votes, verdict.counted, verdict.domains),
        (1, 1, 1),
        "one replica voted on gateway and session"
    );
    assert_eq!(
        status.gateways[0].address.as_deref(),
        Some("gw.a.example:15443")
    );
    assert_eq!(
        (
            status.gateways[0].reachable_from,
            status.gateways[0].probed_from
        ),
        (1, 1)
    );
    assert_eq!(
        status.services,
        Some(ServiceCounts {
            exported: 1,
            imported: 1
        })
    );
    assert_eq!(status.conditions.len(), 7);
    assert!(
        status
            .conditions
            .iter()
            .all(|condition| condition.observed_generation == Some(4))
    );
}

#[test]
fn nothing_new_is_nothing_to_write() {
    let mut world = world();
    let before = write(&world, &MemberClusterStatus::default(), 100);
    assert_eq!(write(&world, &before, 200), before);
    // A heartbeat is nothing new either, for a while.
    let heard = |world: &mut World, at: i64| {
        world.sessions.get_mut(&name("a")).unwrap().heard_at = WallClock(at)
    };
    heard(&mut world, 1_700_000_299_000);
    assert_eq!(write(&world, &before, 300), before);
    heard(&mut world, 1_700_000_300_000);
    assert_ne!(write(&world, &before, 301), before);
}

#[test]
fn times_move_only_with_what_they_are_about() {
    let mut world = world();
    let before = write(&world, &MemberClusterStatus::default(), 100);
    world.vote("gateway/a/eastwest", Vote::Unreachable);
    world.wait(11);
    let after = write(&world, &before, 200);
    let moved = |kind| {
        find(&after.conditions, kind)
            .unwrap()
            .last_transition_time
            .clone()
    };
    assert_eq!(
        (
            moved("GatewayReachable"),
            moved("Ready"),
            moved("Registered")
        ),
        (time(200_000), time(200_000), time(100_000))
    );
    assert_eq!(
        after.verdict.unwrap().since,
        Some(time(200_000)),
        "Degraded since then"
    );
}

#[test]
fn when_an_agent_goes_what_was_heard_last_stays() {
    let mut world = world();
    let before = write(&world, &MemberClusterStatus::default(), 100);
    world.sessions.clear();
    let after = write(&world, &before, 200);
    let session = after.session.unwrap();
    assert_eq!(session.home, None);
    assert_eq!(
        session.last_heard_time,
        before.session.unwrap().last_heard_time
    );
    assert_eq!(after.view, before.view);
}
