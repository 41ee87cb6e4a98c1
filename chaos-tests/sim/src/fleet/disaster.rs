//! The quorum is lost for good: most replicas are gone with their disks, the one with the longest log is made the only one
//! in a new incarnation, others join it; and then those that were lost come back as they were.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use causeway_storage::offline;
use tokio::time::Instant;

use super::operators;
use super::world::{MEMBERS, World, agent_place};
use crate::clients::{Ground as _, host};
use crate::dice::Dice;

/// Within this time all that came back has heard that it has no part any more.
const FENCED: Duration = Duration::from_secs(60);

/// Runs the disaster to its end, after which the clusterset has as many voters as before; `false`: something is amiss.
pub async fn strike(world: &Arc<World>, dice: &Dice) -> bool {
    let voters = operators::voters(world);
    let mut lost = voters.clone();
    let survivors = voters.len() - (voters.len() / 2 + 1);
    while lost.len() > voters.len() - survivors {
        let at = usize::try_from(dice.between(0, lost.len() as u64 - 1)).unwrap_or(0);
        lost.remove(at);
    }
    world
        .history
        .note("world", format_args!("* the replicas {lost:?} are lost"));
    for id in &lost {
        world.retire(*id);
    }
    tokio::time::sleep(dice.millis(1_000, 20_000)).await;
    let left: Vec<u64> = world.ids();
    for id in &left {
        // Stopped, as the verb demands it.
        world.end(&host(*id), None);
    }
    let Some(survivor) = longest(world, &left) else {
        world.history.violated(
            "recovers",
            format_args!("none of {left:?} can be inspected"),
        );
        return false;
    };
    let disk = world.places.disk(&host(survivor));
    let begun = disk.map(|disk| offline::recover(&disk, 0));
    world
        .history
        .note(&host(survivor), format_args!("recovers: {begun:?}"));
    let Some(Ok(begun)) = begun else {
        world
            .history
            .violated("recovers", format_args!("r{survivor}: {begun:?}"));
        return false;
    };
    let old: BTreeSet<u64> = left.into_iter().chain(lost).collect();
    let old: Vec<u64> = old.into_iter().filter(|id| *id != survivor).collect();
    for id in &old {
        world.retire(*id);
    }
    let early = dice.percent(40);
    if early {
        come_back(world, &old).await;
    }
    world.start_and_tell(survivor).await;
    for _ in 0..2 {
        if !operators::grow(world, dice).await {
            world.history.violated(
                "recovers",
                format_args!(
                    "r{survivor}, at {}, takes no other replica",
                    begun.generation
                ),
            );
            return false;
        }
    }
    for member in MEMBERS {
        // Somebody tells them where the new replicas are.
        world.end(&agent_place(member, 1), None);
        world.start_agent(member, 1);
    }
    if !early {
        come_back(world, &old).await;
    }
    fenced(world, &old, begun.generation.incarnation).await
}

/// Of those that are stopped the one with the longest log.
fn longest(world: &World, ids: &[u64]) -> Option<u64> {
    let logs = ids.iter().filter_map(|id| {
        let disk = world.places.disk(&host(*id))?;
        let found = offline::inspect(&disk).ok()?;
        Some((found.last, *id))
    });
    logs.max().map(|(_, id)| id)
}

/// Those that were lost start again, with all that they had.
async fn come_back(world: &Arc<World>, old: &[u64]) {
    world
        .history
        .note("world", format_args!("* the replicas {old:?} come back"));
    for id in old {
        world.revive(*id);
        if let Err(error) = world.start_replica(*id).await {
            // It was told before, or is told now.
            world.history.note(&host(*id), format_args!("{error:#}"));
        }
    }
}

/// Waits until all of an older incarnation have stopped for good.
async fn fenced(world: &Arc<World>, old: &[u64], incarnation: u64) -> bool {
    let until = Instant::now() + FENCED;
    loop {
        let obeying: Vec<String> = old
            .iter()
            .filter_map(|id| {
                let (_, replica) = world.replica(*id)?;
                let log = replica.log();
                let told = log.fenced().is_some();
                let had = log.read(|state| state.incarnation);
                let status = log.status();
                (!told && had < incarnation)
                    .then(|| format!("r{id} is of incarnation {had} yet, and {:?}", status.role))
            })
            .collect();
        if obeying.is_empty() {
            for id in old {
                world.retire(*id);
            }
            return true;
        }
        if Instant::now() >= until {
            world
                .history
                .violated("fenced", format_args!("{FENCED:?} after: {obeying:?}"));
            return false;
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}
