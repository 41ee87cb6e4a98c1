//! No agent stays behind that has all it was sent: the real parts, on members in memory.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::time::Duration;

use causeway_api::{FactVersion, MemberName};
use serde_json::{Value, json};

use super::restart_tests::{World, objects};
use super::status;

fn name(text: &str) -> MemberName {
    text.parse().unwrap()
}

/// The version of a member's facts.
fn facts(world: &World, of: &str) -> FactVersion {
    let facts = world.replica().shared.facts();
    facts.owner(&name(of)).unwrap().version
}

/// Those who have not applied what they were sent, each with what it was sent and what it said.
fn behind(world: &World) -> Vec<String> {
    let sessions =
        status::session::some(&world.replica().shared, &status::scope::Scope::Everything);
    let behind = sessions.iter().filter(|(_, one)| one.behind_ms.is_some());
    behind
        .map(|(member, one)| format!("{member}: {:?} of {:?}", one.applied, one.sent))
        .collect()
}

/// The slice of `shop/cart` in `a`, with so many endpoints more that are not ready, some of which serve.
fn slice(serving: usize, idle: usize) -> Value {
    let all = objects("a", 1).into_iter();
    let mut slice = all.rev().find(|o| o["kind"] == "EndpointSlice").unwrap();
    let first = slice["endpoints"][0].clone();
    let endpoints = slice["endpoints"].as_array_mut().unwrap();
    for at in 0..serving + idle {
        let mut one = first.clone();
        one["addresses"][0] = format!("10.1.0.{}", at + 2).into();
        // An endpoint is its Pod.
        one["targetRef"]["name"] = format!("cart-{}", at + 2).into();
        one["conditions"] =
            json!({ "ready": false, "serving": at < serving, "terminating": at < serving });
        endpoints.push(one);
    }
    slice
}

async fn catch_up(world: &World, before: FactVersion) {
    world
        .until("the owner's facts rise", |world| facts(world, "a") > before)
        .await;
    let began = world.env.now();
    while !behind(world).is_empty() {
        assert!(
            world.env.now().since(began) < Duration::from_secs(60),
            "behind for ever: {:?}",
            behind(world)
        );
        world.env.sleep(Duration::from_millis(50)).await;
    }
}

/// An owner says something of a service that is imported elsewhere, of which nothing follows there: its version rises, and no
/// object changes.
#[tokio::test(start_paused = true)]
async fn who_uses_nothing_of_what_an_owner_says_is_not_behind_for_it() {
    let world = World::start().await;
    catch_up(&world, FactVersion::default()).await;
    let objects = [world.ours(1), world.ours(2)];
    for (serving, idle) in [(1, 0), (2, 0), (0, 3), (0, 0), (4, 4)] {
        let before = facts(&world, "a");
        world.clusters[0].put(slice(serving, idle)).unwrap();
        catch_up(&world, before).await;
    }
    // Several at once, while what was sent before is on its way.
    for round in 0..40 {
        let before = facts(&world, "a");
        world.clusters[0].put(slice(round % 3, round % 5)).unwrap();
        let pause = Duration::from_millis(3 * u64::try_from(round).unwrap());
        world.env.sleep(pause).await;
        if round % 8 == 7 {
            world.clusters[0].put(slice(7, round)).unwrap();
            catch_up(&world, before).await;
        }
    }
    assert_eq!([world.ours(1), world.ours(2)], objects, "nothing to write");
    world.stop().await;
}

/// The same where a mesh is halted or its API server is slow meanwhile.
#[tokio::test(start_paused = true)]
async fn nor_is_one_that_is_written_to_meanwhile() {
    let world = World::start().await;
    world.clusters[1].delay(Duration::from_millis(400));
    for round in 0..12_usize {
        let before = facts(&world, "a");
        // One that counts, which has to be written, and then one of which nothing follows.
        let mut counts = slice(0, 0);
        let mut more = counts["endpoints"][0].clone();
        more["addresses"][0] = "10.1.0.99".into();
        more["targetRef"]["name"] = "cart-99".into();
        if round % 2 == 0 {
            counts["endpoints"].as_array_mut().unwrap().push(more);
        }
        world.clusters[0].put(counts.clone()).unwrap();
        let pause = Duration::from_millis(37 * u64::try_from(round).unwrap());
        world.env.sleep(pause).await;
        let mut idle = counts;
        let mut none = idle["endpoints"][0].clone();
        none["addresses"][0] = format!("10.1.1.{}", round + 1).into();
        none["targetRef"]["name"] = format!("idle-{round}").into();
        none["conditions"] = json!({ "ready": false, "serving": false });
        idle["endpoints"].as_array_mut().unwrap().push(none);
        world.clusters[0].put(idle).unwrap();
        catch_up(&world, before).await;
    }
    world.stop().await;
}
