//! Which gateways are observed, by whom, and how.
//!
//! Every replica observes every gateway. An agent observes those of the networks that its member may be sent to, and a few
//! more, chosen by rendezvous hashing: each gateway is then seen by some agents, whatever traffic there is, and a member
//! that comes or goes changes what few others observe.

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::facts::GatewayFact;
use causeway_api::plan::Destination;
use causeway_api::probe::{GatewayProbe, Observed, east_west_name};
use causeway_api::verdict::Subject;
use causeway_api::{MemberName, Name, NetworkName};
use causeway_index::{FactStore, OwnerFacts};
use causeway_state::State;

/// Gateways that an agent observes besides those of the networks that it has traffic with.
pub const FEW: usize = 3;
/// The most gateways that an agent observes.
pub const MOST: usize = 64;
/// Services by whose names a gateway is asked for, where none are declared: one may be without endpoints at the moment.
const NAMES: usize = 3;

/// All gateways, with how to observe each.
#[must_use]
pub fn gateways(state: &State, facts: &FactStore) -> BTreeMap<Subject, Observed> {
    let all = each(state).map(|(member, gateway, fact)| {
        let observed = observed(state, facts, member, gateway, fact);
        (observed.subject.clone(), observed)
    });
    all.collect()
}

/// What each of some agents is to observe, of all [`gateways`].
#[must_use]
pub fn by_agents(
    state: &State,
    all: &BTreeMap<Subject, Observed>,
    agents: &BTreeSet<MemberName>,
) -> BTreeMap<MemberName, Vec<Observed>> {
    let mut networks: BTreeMap<&NetworkName, Vec<&Observed>> = BTreeMap::new();
    let mut foreign: Vec<(&NetworkName, &Observed)> = Vec::new();
    for (member, gateway, _) in each(state) {
        let network = state.members.get(member).and_then(|held| held.network());
        if let (Some(network), Some(observed)) = (network, all.get(&subject(member, gateway))) {
            networks.entry(network).or_default().push(observed);
            foreign.push((network, observed));
        }
    }
    let traffic = traffic(state, agents);
    let list = |agent: &MemberName| {
        let own = state.members.get(agent).and_then(|held| held.network());
        let mut chosen: BTreeMap<&Subject, &Observed> = BTreeMap::new();
        let peers = traffic.get(agent).into_iter().flatten();
        for observed in peers.flat_map(|network| networks.get(network).into_iter().flatten()) {
            if chosen.len() < MOST {
                chosen.insert(&observed.subject, observed);
            }
        }
        let mut others: Vec<(u64, &Observed)> = foreign
            .iter()
            .filter(|(network, observed)| {
                Some(*network) != own && !chosen.contains_key(&observed.subject)
            })
            .map(|(_, observed)| (weight(agent, &observed.subject), *observed))
            .collect();
        others.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.subject.cmp(&b.1.subject)));
        for (_, observed) in others.into_iter().take(FEW) {
            chosen.insert(&observed.subject, observed);
        }
        chosen.into_values().cloned().collect()
    };
    agents
        .iter()
        .map(|agent| (agent.clone(), list(agent)))
        .collect()
}

fn each(state: &State) -> impl Iterator<Item = (&MemberName, &Name, &GatewayFact)> {
    let placed = state
        .members
        .iter()
        .filter_map(|(name, member)| Some((name, member.placement.as_ref()?)));
    placed.flat_map(|(name, placement)| {
        placement
            .gateways
            .iter()
            .map(move |(gateway, fact)| (name, gateway, fact))
    })
}

fn subject(member: &MemberName, gateway: &Name) -> Subject {
    Subject::Gateway {
        member: member.clone(),
        gateway: gateway.clone(),
    }
}

fn observed(
    state: &State,
    facts: &FactStore,
    member: &MemberName,
    gateway: &Name,
    fact: &GatewayFact,
) -> Observed {
    let held = state.members.get(member);
    let region = held.and_then(|held| held.region());
    let how = held.map(|held| held.spec.gateway_probe.clone());
    let addresses = fact
        .addresses
        .iter()
        .map(|address| (address.clone(), fact.port));
    Observed {
        subject: subject(member, gateway),
        addresses: addresses.collect(),
        place: region.map_or_else(|| member.to_string(), ToString::to_string),
        how: match how.unwrap_or_default() {
            GatewayProbe::Tls { names } if names.is_empty() => {
                let names = facts.owner(member).map(own_names).unwrap_or_default();
                // A member that exports nothing yet has nothing to ask for: its port has to do.
                if names.is_empty() {
                    GatewayProbe::Tcp
                } else {
                    GatewayProbe::Tls { names }
                }
            }
            how => how,
        },
    }
}

/// Names of services that a member exports and has ready.
fn own_names(facts: &OwnerFacts) -> Vec<String> {
    let exported = facts.services().filter(|key| facts.exports(key));
    let ready = exported.filter(|key| facts.endpoints(key).any(|(_, _, counts)| counts.ready > 0));
    let named = ready.filter_map(|key| {
        let port = facts.service(key)?.ports.first()?.port;
        Some(east_west_name(
            key.name.as_str(),
            key.namespace.as_str(),
            port,
        ))
    });
    named.take(NAMES).collect()
}

/// The remote networks that agents' members are sent to, or would be.
fn traffic<'a>(
    state: &'a State,
    agents: &'a BTreeSet<MemberName>,
) -> BTreeMap<&'a MemberName, BTreeSet<&'a NetworkName>> {
    let mut peers: BTreeMap<&MemberName, BTreeSet<&NetworkName>> = BTreeMap::new();
    let plans = state.plans.values().filter_map(|row| row.value.as_ref());
    for source in plans.flat_map(|held| &held.plan.sources) {
        let Some(agent) = agents.get(&source.source.member) else {
            continue;
        };
        let shares = source
            .shares
            .iter()
            .filter_map(|share| match &share.destination {
                Destination::Network(network) => Some(network),
                Destination::Zone { .. } => None,
            });
        let peers = peers.entry(agent).or_default();
        peers.extend(shares.chain(&source.standby));
    }
    peers
}

/// FNV-1a of both names, mixed: the same for every replica.
fn weight(agent: &MemberName, subject: &Subject) -> u64 {
    let text = format!("{agent} {subject}");
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mixed = (hash ^ (hash >> 32)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed ^ (mixed >> 29)
}
