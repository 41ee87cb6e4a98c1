//! One run of one seed: a clusterset is begun, used and harmed, then healed and judged.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::faults::Faults;
use super::members::SERVICES;
use super::witness::Witness;
use super::work::work;
use super::world::{MEMBERS, World};
use crate::dice::Dice;
use crate::executor;
use crate::history::History;

/// Within this time after healing all must be well: the longest hold, and twice as much.
const HEALED: Duration = Duration::from_secs(180);

/// Runs a seed to its end; what it found is in the history.
pub async fn run(seed: u64, history: &History) {
    let dice = Dice::new(seed).fork("fleet");
    let world = World::new(&dice, history);
    let witness = Witness::new(&world);
    let witnesses: Vec<_> = (0..MEMBERS.len())
        .map(|at| executor::spawn(Arc::clone(&witness).follow(at)))
        .collect();
    world.register();
    if let Err(error) = world.heal().await {
        history.violated("begins", format_args!("{error:#}"));
        return;
    }
    if !converged(&world, "begins").await {
        return;
    }
    history.note("world", "has converged");
    let working = executor::spawn(work(
        Arc::clone(&world),
        Arc::clone(&witness),
        dice.fork("work"),
    ));
    let faults = Faults::new(&world, &witness, dice.fork("faults"), 1);
    faults.rage(dice.millis(15_000, 80_000)).await;
    working.abort();
    history.note("world", "heals");
    for service in SERVICES {
        witness.caused(service);
        for member in world.members.iter() {
            member.scale(service, 3);
            member.export(service, true);
        }
    }
    match world.heal().await {
        Ok(()) => {
            converged(&world, "converges").await;
        }
        Err(error) => history.violated("restarts", format_args!("{error:#}")),
    }
    // The last writes are judged, too.
    for (at, following) in witnesses.iter().enumerate() {
        following.abort();
        witness.look(at);
    }
    history.note("world", "ends");
}

/// Waits until each member has an entry of each service to each other member, and stays so.
async fn converged(world: &Arc<World>, invariant: &'static str) -> bool {
    let until = Instant::now() + HEALED;
    let mut steady = 0;
    loop {
        let wrong = wrong(world);
        steady = if wrong.is_none() { steady + 1 } else { 0 };
        if steady >= 20 {
            return true;
        }
        if let Some(wrong) = wrong
            && Instant::now() >= until
        {
            world.history.violated(
                invariant,
                format_args!("{HEALED:?} after everything was whole: {wrong}"),
            );
            return false;
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

/// What is not as it should be where every member exports every service.
fn wrong(world: &World) -> Option<String> {
    for member in world.members.iter() {
        let others = world
            .members
            .iter()
            .filter(|other| other.name != member.name);
        let gateways: BTreeMap<String, String> = others
            .map(|other| (other.name.clone(), other.gateway()))
            .collect();
        let name = &member.name;
        let found = member.gateways();
        if found != gateways {
            return Some(format!(
                "member {name} knows the gateways {found:?}, and there are {gateways:?}"
            ));
        }
        for service in SERVICES {
            let found = member.entries(service);
            if !found.iter().eq(gateways.keys()) {
                return Some(format!(
                    "member {name} has entries of {service} to {found:?}, and the others are {:?}",
                    gateways.keys()
                ));
            }
        }
    }
    None
}
