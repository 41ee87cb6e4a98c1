//! Whether all is well where everything is whole: one leads and all others agree with it, each agent holds the newest
//! view, and each mesh has exactly the entries that it should.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use causeway_api::verdict::{Subject, VerdictState};
use causeway_state::State;
use tokio::time::Instant;

use super::members::Member;
use super::world::{MEMBERS, World, agent_place};
use crate::clients::Ground as _;
use crate::invariant::{declared, facts_equal, gateways, newest_view};

/// Within this time after healing all must be well: the longest hold, and twice as much.
const HEALED: Duration = Duration::from_secs(180);

/// Looks that must find all well, one after the other.
const STEADY: u32 = 20;

/// Waits until all is well, and stays so.
pub async fn converged(world: &Arc<World>, invariant: &'static str) -> bool {
    let until = Instant::now() + HEALED;
    let mut steady = 0;
    loop {
        let wrong = wrong(world);
        steady = if wrong.is_none() { steady + 1 } else { 0 };
        if steady >= STEADY {
            return true;
        }
        if let Some((which, wrong)) = wrong
            && Instant::now() >= until
        {
            // Where the beginning fails, nothing else can be said, but that too much is sent.
            let invariant = if invariant == "begins" && which != "gateways" {
                invariant
            } else {
                which
            };
            world.history.violated(
                invariant,
                format_args!("{HEALED:?} after everything was whole: {wrong}"),
            );
            return false;
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

/// What is not as it should be where every member exports every service: the invariant, and a sentence.
fn wrong(world: &World) -> Option<(&'static str, String)> {
    let mut looks = minds(world).err();
    looks = looks.or_else(|| verdicts(world).map(|wrong| ("converges", wrong)));
    looks = looks.or_else(|| sent(world).map(|wrong| ("gateways", wrong)));
    looks = looks.or_else(|| declarations(world).map(|wrong| ("declared", wrong)));
    let mut meshes = world.members.iter();
    looks = looks.or_else(|| {
        let wrong = meshes.find_map(|member| mesh(world, member));
        wrong.map(|wrong| ("converges", wrong))
    });
    looks.or_else(|| views(world).map(|wrong| ("newest_view", wrong)))
}

/// Whether all replicas are there and of one mind with one that leads.
fn minds(world: &World) -> Result<(), (&'static str, String)> {
    let amiss = |wrong: String| Err(("healed", wrong));
    let ids = world.ids();
    let Some((leader, (_, leading))) = world.leader().and_then(|id| Some((id, world.replica(id)?)))
    else {
        return amiss(format!("none of {ids:?} leads"));
    };
    let members: BTreeSet<u64> = leading.log().members().keys().map(|id| id.0).collect();
    let mut facts = BTreeMap::new();
    let mut states = BTreeMap::new();
    for id in &members {
        let Some((_, replica)) = world.replica(*id) else {
            return amiss(format!("r{id} is a member of {members:?} and does not run"));
        };
        let log = replica.log();
        let index = log.position().borrow().index;
        states.insert(*id, (index, log.read(State::digest_hex)));
        facts.insert(*id, replica.facts());
        let status = log.status();
        if status.leader.map(|id| id.0) != Some(leader) {
            return amiss(format!(
                "r{leader} leads, and r{id} follows {:?}",
                status.leader
            ));
        }
        if let Err(reason) = replica.ready() {
            return amiss(format!("r{id} is not ready: {reason}"));
        }
    }
    let different: BTreeSet<_> = states.values().collect();
    if different.len() > 1 {
        return amiss(format!("states differ: {states:?}"));
    }
    facts_equal::judge(&facts).map_err(|wrong| ("facts_equal", wrong))
}

/// A verdict that is not good, though all is.
fn verdicts(world: &World) -> Option<String> {
    let (_, leading) = world.replica(world.leader()?)?;
    leading.log().read(|state| {
        let all = state.members.iter();
        let mut ours = all.filter(|(name, _)| MEMBERS.contains(&name.as_str()));
        ours.find_map(|(name, held)| {
            let placed = held
                .placement
                .iter()
                .flat_map(|placed| placed.gateways.keys());
            let gateways = placed.map(|gateway| Subject::Gateway {
                member: name.clone(),
                gateway: gateway.clone(),
            });
            let member = name.clone();
            let mut subjects = gateways.chain([Subject::Member { member }]);
            subjects.find_map(|subject| {
                let found = state.verdicts.state(&subject);
                let fine = found == VerdictState::Serving;
                (!fine).then(|| format!("the verdict on {subject:?} is {found:?}"))
            })
        })
    })
}

/// What is in force, and is not what is declared.
fn declarations(world: &World) -> Option<String> {
    let (_, leading) = world.replica(world.leader()?)?;
    let in_force = leading
        .log()
        .read(|state| state.registry.objects.keys().cloned().collect());
    declared::judge_whole(&in_force, &world.stands()).err()
}

/// Gateways through which more is sent than they carry.
fn sent(world: &World) -> Option<String> {
    let (_, leading) = world.replica(world.leader()?)?;
    let limits = world.declared().gateways();
    let judged = leading.log().read(|state| gateways::judge(state, limits));
    judged.err()
}

/// What is wrong with a member's mesh.
fn mesh(world: &World, member: &Member) -> Option<String> {
    let name = &member.name;
    let others = world.members.iter().filter(|other| other.name != *name);
    let gateways: BTreeMap<String, String> = others
        .map(|other| (other.name.clone(), other.gateway()))
        .collect();
    let found = member.gateways();
    if found != gateways {
        return Some(format!(
            "member {name} knows the gateways {found:?}, and there are {gateways:?}"
        ));
    }
    world.services.iter().find_map(|service| {
        let found = member.entries(service);
        let fine = found.iter().eq(gateways.keys());
        (!fine).then(|| {
            format!(
                "member {name} has entries of {service} to {found:?}, and the others are {:?}",
                gateways.keys()
            )
        })
    })
}

/// An agent that does not hold what the leader would send it.
fn views(world: &World) -> Option<String> {
    let (_, leading) = world.replica(world.leader()?)?;
    MEMBERS.iter().find_map(|member| {
        let place = agent_place(member, 1);
        let Some(agent) = world.places.agent(&place) else {
            return Some(format!("{place} does not run"));
        };
        let newest = leading.view(&member.parse().ok()?);
        let judged = newest_view::judge(&agent.view(), &newest);
        judged.err().map(|wrong| format!("{place}: {wrong}"))
    })
}
