//! A clusterset in which nothing is decided, and the disk of its leader stalls: another one must lead soon, and decide.

use std::sync::Arc;
use std::time::Duration;

use super::members::SERVICES;
use super::run::begin;
use super::world::World;
use crate::clients::{Ground as _, host, write};
use crate::dice::Dice;
use crate::history::History;
use crate::plant::Plant;
use crate::process::Quirks;

/// After the beginning, until nothing is decided any more.
const SETTLES: Duration = Duration::from_secs(120);

/// Within this another one must lead: a write at least every other second, one more until it is late, and an election.
const PATIENCE: Duration = Duration::from_secs(6);

/// How long a write takes that stalls, at least a quarter of it.
const STALLS: Duration = Duration::from_secs(240);

/// How long it stays so after another one leads.
const LASTS: Duration = Duration::from_secs(10);

/// How often is looked.
const LOOK: Duration = Duration::from_millis(100);

/// Runs one of three replicas and three members.
pub async fn stall(seed: u64, plant: Option<Plant>, history: &History) {
    let dice = Dice::new(seed).fork("stall");
    let world = World::new(&dice, history, plant, Arc::new(|_, _| {}), &SERVICES);
    if !begin(&world, &dice, 3).await {
        return;
    }
    tokio::time::sleep(SETTLES + dice.millis(0, 5_000)).await;
    let Some(slow) = world.leader() else {
        history.violated("stall", "nobody leads a clusterset that is whole");
        return;
    };
    let process = world.places.process(&host(slow));
    let set = |longest| process.iter().for_each(|process| process.set_disk(longest));
    set(STALLS);
    history.note("stall", format_args!("the disk of r{slow} stalls"));
    let begun = history.now();
    let another = || world.leader().filter(|leader| *leader != slow);
    let Some(leader) = within(PATIENCE, another).await else {
        history.violated(
            "stall",
            format_args!("after {PATIENCE:?} nobody leads in the place of r{slow}"),
        );
        return;
    };
    let took = history.now().saturating_sub(begun);
    history.note("stall", format_args!("r{leader} leads after {took:?}"));
    tokio::time::sleep(LASTS).await;
    if let (Some((_, log)), Some(command)) = (world.log(leader), write(1, 7)) {
        let decided = log.propose(command).await;
        history.note("stall", format_args!("a command: {decided:?}"));
        if decided.is_err() {
            history.violated("stall", "nothing can be decided");
        }
    }
    if world.leader() == Some(slow) {
        history.violated("stall", format_args!("the lead is back at r{slow}"));
    }
    // A write that is under way takes as long as it was drawn to; the process is begun anew instead, as people would.
    set(Quirks::default().disk);
    world.end(&host(slow), None);
    world.heal().await;
    let follows = || {
        let (_, log) = world.log(slow)?;
        let (_, leader) = world.log(world.leader()?)?;
        let behind = log.status().applied < leader.status().committed;
        (!behind).then_some(())
    };
    if within(Duration::from_secs(60), follows).await.is_none() {
        history.violated("stall", format_args!("r{slow} does not follow"));
    }
}

async fn within<T>(limit: Duration, look: impl Fn() -> Option<T>) -> Option<T> {
    let until = tokio::time::Instant::now() + limit;
    loop {
        if let Some(found) = look() {
            return Some(found);
        }
        if tokio::time::Instant::now() >= until {
            return None;
        }
        tokio::time::sleep(LOOK).await;
    }
}
