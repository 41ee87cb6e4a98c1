//! Whatever is lost, repeated, reordered or cut between replicas: once it is quiet they hold the same of every owner,
//! which is the newest that any of them heard, and on the way no row of an older version ever replaces a newer one.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod world;

use causeway_api::exchange::FromTaker;
use causeway_core::exchange::digest;
use proptest::prelude::*;
use world::{Event, OWNERS, REPLICAS, Replica, World, event, owner, service};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn replicas_come_to_hold_the_same_and_nothing_goes_back(
        events in prop::collection::vec(event(), 0..120),
    ) {
        let mut world = World::new();
        for event in events {
            world.step(event);
        }
        world.heal();
        for (at, agent) in world.agents.iter().enumerate() {
            let newest = world
                .replicas
                .iter()
                .map(|replica| replica.facts.owner(&owner(at)).unwrap());
            for held in newest {
                let contents = |n| held.endpoints(&service(n)).map(|(_, _, c)| c.ready).next();
                for n in 0..3 {
                    prop_assert_eq!(contents(n), agent.rows.get(&n).copied(), "m{} s{}", at, n);
                }
                prop_assert_eq!(held.stated, held.version);
            }
        }
    }
}

/// A replica that holds nothing asks one peer for everything, and asks another for what the first did not send.
#[test]
fn a_new_replica_fills_from_one_peer() {
    let mut world = World::new();
    for round in 0..3 {
        for a in 0..REPLICAS {
            for b in 0..REPLICAS {
                for _ in 0..20 {
                    world.deliver(a, b, 0, true, false);
                }
            }
            if round == 0 {
                world.step(Event::Offer(a));
            }
        }
    }
    world.replicas[3] = Replica::new();
    for b in 0..3 {
        world.connect(b, 3, true);
    }
    let wants = |world: &mut World, from: usize| {
        for _ in 0..4 {
            world.deliver(from, 3, 0, true, false);
            let link = &world.links[&(from, 3)];
            if let Some(FromTaker::Want(rows)) = link.back.front() {
                return rows.len();
            }
        }
        0
    };
    assert_eq!(wants(&mut world, 0), OWNERS, "everything of the first");
    assert_eq!(wants(&mut world, 1), 0, "nothing of the second");
    world.connect(0, 3, false);
    assert_eq!(wants(&mut world, 1), OWNERS, "the first is gone");
    for _ in 0..10 {
        world.deliver(1, 3, 0, true, false);
    }
    assert_eq!(
        digest(&world.replicas[3].facts),
        digest(&world.replicas[1].facts)
    );
}
