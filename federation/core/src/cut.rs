//! State and facts → the parts of one member's view. Each part is computed by itself, from what concerns it alone.

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::facts::{EndpointCounts, ServiceFact};
use causeway_api::ids::PortName;
use causeway_api::plan::{Destination, SourcePlan};
use causeway_api::spec::HostKind;
use causeway_api::view::{MeshSettings, NetworkView, OwnerService, ServiceView, Versioned};
use causeway_api::{MemberName, NetworkName, ServiceKey};
use causeway_index::{FactStore, OwnerFacts};
use causeway_state::State;

use crate::localities;

/// How the member's agent is to behave.
#[must_use]
pub fn settings(
    state: &State,
    facts: &FactStore,
    member: &MemberName,
) -> Option<Versioned<MeshSettings>> {
    let held = state.member(member)?;
    let placement = held.placement.as_ref()?;
    let spoken = facts.owner(member).filter(|facts| facts.is_whole());
    // Native names follow from the nodes: until they are known there is nothing to send, and what was sent holds.
    if spoken.is_none() && !held.spec.locality_mappings.is_empty() {
        return None;
    }
    let nodes = spoken.and_then(|facts| facts.member.as_ref());
    let nodes = nodes.into_iter().flat_map(|fact| fact.nodes.keys());
    Some(Versioned {
        generation: held.generation,
        value: Some(MeshSettings {
            mode: held.spec.mode,
            suspend: held.spec.suspend,
            network: placement.network.clone(),
            region: placement.region.clone(),
            native_localities: localities::native(&held.spec, nodes),
        }),
    })
}

/// The networks that there are or were.
pub fn networks(state: &State) -> impl Iterator<Item = NetworkName> + '_ {
    state.networks.keys().cloned()
}

/// How a member reaches a network; its own network needs no way.
#[must_use]
pub fn network(
    state: &State,
    member: &MemberName,
    name: &NetworkName,
) -> Option<Versioned<NetworkView>> {
    if network_of(state, member).as_ref() == Some(name) {
        return None;
    }
    state.networks.get(name).cloned()
}

/// A member's network, once it is placed.
#[must_use]
pub fn network_of(state: &State, member: &MemberName) -> Option<NetworkName> {
    Some(state.member(member)?.placement.as_ref()?.network.clone())
}

/// The plan of a service, for this member's sources; a tombstone where it has none or no longer.
#[must_use]
pub fn service(
    state: &State,
    member: &MemberName,
    key: &ServiceKey,
) -> Option<Versioned<ServiceView>> {
    let row = state.plan(key)?;
    let value = row.value.as_ref().and_then(|held| {
        let sources: Vec<SourcePlan> = held
            .plan
            .sources
            .iter()
            .filter(|source| source.source.member == *member)
            .cloned()
            .collect();
        if sources.is_empty() {
            return None;
        }
        let region = state.member(member)?.placement.as_ref()?.region.as_ref();
        let failover = region.and_then(|region| held.inputs.policy.failover.get(region));
        Some(ServiceView {
            offered: offered(&sources),
            sources,
            hosts: hosts(&held.inputs.policy.hosts),
            failover: failover.cloned().unwrap_or_default(),
            withdrawn: held.plan.withdrawn.clone(),
        })
    });
    Some(Versioned {
        generation: row.generation,
        value,
    })
}

fn offered(sources: &[SourcePlan]) -> BTreeSet<NetworkName> {
    let shares = sources
        .iter()
        .flat_map(|source| &source.shares)
        .filter_map(|share| match &share.destination {
            Destination::Network(network) => Some(network.clone()),
            Destination::Zone { .. } => None,
        });
    shares
        .chain(
            sources
                .iter()
                .flat_map(|source| source.standby.iter().cloned()),
        )
        .collect()
}

fn hosts(declared: &BTreeSet<HostKind>) -> BTreeSet<HostKind> {
    if declared.is_empty() {
        [HostKind::ClusterLocal, HostKind::ClusterSet].into()
    } else {
        declared.clone()
    }
}

/// An owner's word on a service, for an importer; `None` where it does not export it, or where the plan has no part
/// for the importer, or where both are on one network and reach each other without us.
#[must_use]
pub fn owner_service(
    state: &State,
    facts: &FactStore,
    importer: &MemberName,
    owner: &MemberName,
    key: &ServiceKey,
) -> Option<OwnerService> {
    let plan = state.plan(key)?.value.as_ref()?;
    if !plan
        .plan
        .sources
        .iter()
        .any(|source| source.source.member == *importer)
        || network_of(state, importer) == network_of(state, owner)
    {
        return None;
    }
    let facts = facts.owner(owner)?;
    let service = facts.service(key).filter(|service| service.exported)?;
    Some(OwnerService {
        ready: ready(facts, key, &service),
        ports: service.ports,
        selector: service.selector,
        service_accounts: service.service_accounts,
    })
}

/// Ready endpoints of a service in a member: the least over its ports, since a caller may need any of them.
#[must_use]
pub fn ready(facts: &OwnerFacts, key: &ServiceKey, service: &ServiceFact) -> u32 {
    let mut by_port: BTreeMap<&PortName, u32> =
        service.ports.iter().map(|port| (&port.name, 0)).collect();
    for (port, _, counts) in facts.endpoints(key) {
        let EndpointCounts { ready, .. } = counts;
        if let Some(sum) = by_port.get_mut(port) {
            *sum = sum.saturating_add(ready);
        }
    }
    by_port.values().copied().min().unwrap_or(0)
}
