//! What operators do with replicas: they add, replace and remove them, and pass the lead on, by the verbs of the admin
//! interface, at whichever replica they ask.

use std::sync::Arc;
use std::time::Duration;

use causeway::admin::api::replicas::ReplicaChange;
use causeway_storage::Consensus;

use super::world::{World, peer_address, region_of};
use crate::clients::Ground as _;
use crate::dice::Dice;

/// How long a new replica may take to get its vote before the operator gives up waiting.
const RIPE: Duration = Duration::from_secs(40);

/// Longer than a change that was asked for before may go on, and than a replica needs to hear that it was removed.
const WHOLE: Duration = Duration::from_secs(31);

/// The most voters that operators make.
const MOST: usize = 5;

/// Operates for as long as it is let.
pub async fn operate(world: Arc<World>, dice: Dice) {
    loop {
        tokio::time::sleep(dice.millis(4_000, 30_000)).await;
        let voters = voters(&world);
        let Some(old) = dice.pick(&voters).copied() else {
            continue;
        };
        match dice.between(0, 9) {
            0..4 => {
                let to = Some(old).filter(|_| dice.percent(70));
                ask(&world, &dice, ReplicaChange::Transfer { to }).await;
            }
            4..7 => {
                let grown = grow(&world, &dice).await;
                if grown && dice.percent(90) {
                    shrink(&world, &dice, old).await;
                }
            }
            7 if voters.len() < MOST => {
                grow(&world, &dice).await;
            }
            _ if voters.len() > 3 => shrink(&world, &dice, old).await,
            _ => {}
        }
    }
}

/// Those who vote, as the leader says.
#[must_use]
pub fn voters(world: &World) -> Vec<u64> {
    let leader = world.leader().and_then(|id| world.replica(id));
    let members = leader.map(|(_, leader)| leader.log().status().members);
    let voters = members.unwrap_or_default().into_iter();
    voters
        .filter(|member| member.voter)
        .map(|member| member.replica.0)
        .collect()
}

/// Asks some replica for a change; whether it was made.
pub async fn ask(world: &Arc<World>, dice: &Dice, change: ReplicaChange) -> bool {
    let mut ids = world.ids();
    let incarnation = |id: u64| {
        let (_, log) = world.log(id)?;
        Some(log.read(|state| state.incarnation))
    };
    // Not one that only waits to be added, nor one that has no part any more.
    let newest = ids.iter().filter_map(|id| incarnation(*id)).max();
    ids.retain(|id| newest.is_some_and(|newest| newest > 0) && incarnation(*id) == newest);
    let Some((process, replica)) = dice.pick(&ids).and_then(|id| world.replica(*id)) else {
        return false;
    };
    let name = process.name().to_owned();
    world
        .history
        .note("operator", format_args!("asks {name}: {change:?}"));
    let admin = replica.admin();
    drop(replica);
    let asking = process.spawn(async move { admin.change_replicas(&change).await });
    drop(process);
    let answer = match asking.await {
        Ok(Ok(done)) => Ok(done.message),
        Ok(Err(error)) => Err(error.error),
        Err(gone) => Err(gone.to_string()),
    };
    let done = answer.is_ok();
    world
        .history
        .note("operator", format_args!("hears {name}: {answer:?}"));
    done
}

/// Starts another replica and adds it; whether it has got its vote.
pub async fn grow(world: &Arc<World>, dice: &Dice) -> bool {
    let id = world.enlist();
    world.start_and_tell(id).await;
    add(world, dice, id).await
}

/// Adds a replica that runs; whether it has got its vote.
pub async fn add(world: &Arc<World>, dice: &Dice, id: u64) -> bool {
    let change = ReplicaChange::Add {
        id,
        address: Some(peer_address(id)),
        domain: Some(format!("region-{}", region_of(id))),
        replace: None,
        accept_domain_risk: true,
    };
    let until = tokio::time::Instant::now() + RIPE;
    while tokio::time::Instant::now() < until {
        if voters(world).contains(&id) {
            return true;
        }
        // Where the loss of one region would lose the quorum, nobody gets a vote by itself.
        let promote = ReplicaChange::Promote {
            id,
            replace: None,
            accept_domain_risk: true,
        };
        let change = match is_member(world, id) {
            true => promote,
            false => change.clone(),
        };
        ask(world, dice, change).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    false
}

fn is_member(world: &World, id: u64) -> bool {
    let leader = world.leader().and_then(|id| world.replica(id));
    leader.is_some_and(|(_, leader)| {
        let members = leader.log().members();
        members.contains_key(&causeway_api::ReplicaId(id))
    })
}

/// Removes a replica, and stops it for good a little later.
async fn shrink(world: &Arc<World>, dice: &Dice, id: u64) {
    let change = ReplicaChange::Remove {
        id,
        accept_domain_risk: true,
    };
    if voters(world).len() > 3 && ask(world, dice, change).await {
        // An operator is not as quick as a machine.
        tokio::time::sleep(dice.millis(100, 15_000)).await;
        world.retire(id);
    }
}

/// Stops for good whoever runs and is no member: operators finish what they began. Who was removed has heard of it by then.
pub async fn tidy(world: &Arc<World>) {
    tokio::time::sleep(WHOLE).await;
    let until = tokio::time::Instant::now() + RIPE;
    while tokio::time::Instant::now() < until {
        if let Some((_, leader)) = world.leader().and_then(|id| world.replica(id)) {
            let log = leader.log();
            let members = log.members();
            for id in world.ids() {
                if !members.contains_key(&causeway_api::ReplicaId(id)) {
                    heard_of_it(world, &log, id);
                    world.retire(id);
                }
            }
            return;
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

/// Whoever was removed neither votes nor serves any more, and knows it.
fn heard_of_it(world: &World, leader: &Consensus, id: u64) {
    let removed = leader.read(|state| state.replicas.removed(causeway_api::ReplicaId(id)));
    if let (Some(at), Some((_, log))) = (removed, world.log(id))
        && log.fenced().is_none()
    {
        let role = log.status().role;
        world.history.violated(
            "fenced",
            format_args!("r{id} was removed at {at}, and is {role:?} {WHOLE:?} after all is whole"),
        );
    }
}
