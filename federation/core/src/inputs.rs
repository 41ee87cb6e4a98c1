//! State and facts → what the plan of one service is computed from.
//!
//! `shared`: what the service is allotted of what it shares with others, and what binds it to others: as committed, until
//! [`crate::ties`] says otherwise;
//! `unheard`: what is held of members that have not spoken since this replica started; `draining`: those that are leaving.

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::ids::{PortName, Zone};
use causeway_api::plan::{DemandSource, DestinationInput, PlanInputs, Rate, Source, SourceInput};
use causeway_api::spec::{MemberSpec, Placement};
use causeway_api::{MemberName, ServiceKey};
use causeway_failover::policy::Effective;
use causeway_failover::{declared, learn, plan, quantise};
use causeway_index::{FactStore, OwnerFacts};
use causeway_state::State;

use crate::localities;

mod draining;
mod rates;
mod shared;
mod unheard;

pub use rates::{Rates, Unmeasured};

/// What the plan of a service is computed from; `None` where no placed member exports it: there is nothing to plan.
///
/// A member of which this replica has heard nothing yet (it has just started) counts as the committed plan has it: that
/// nothing was heard is no withdrawal.
#[must_use]
pub fn plan_inputs(state: &State, facts: &FactStore, service: &ServiceKey) -> Option<PlanInputs> {
    plan_inputs_with(state, facts, &Unmeasured, service)
}

/// The same, with rates that are seen where nobody declares them.
#[must_use]
pub fn plan_inputs_with(
    state: &State,
    facts: &FactStore,
    rates: &dyn Rates,
    service: &ServiceKey,
) -> Option<PlanInputs> {
    let members: Vec<Placed<'_>> = placed(state, facts).collect();
    let exporters: BTreeSet<&MemberName> = members
        .iter()
        .filter(|member| member.facts.exports(service))
        .map(|member| member.name)
        .collect();
    let policy = state.policy(service);
    let unheard = unheard::rows(state, facts, service, &policy);
    if exporters.is_empty() && !unheard.destinations.iter().any(|zone| zone.exported) {
        return None;
    }
    let mut destinations = unheard.destinations;
    let mut sources = unheard.sources;
    for member in &members {
        let calls = member.facts.namespaces.contains_key(&service.namespace);
        if calls {
            sources.extend(source_inputs(state, member, service));
        }
        if calls || exporters.contains(member.name) {
            let learned = rates.per_endpoint(service, member.name);
            destinations.extend(destination_inputs(state, member, service, &policy, learned));
        }
    }
    for zone in &mut destinations {
        state.settle_standing(service, zone);
    }
    draining::drain(state, &mut destinations);
    // In the order of members, as if all had been heard.
    sources.sort_by(|a, b| a.source.cmp(&b.source));
    destinations.sort_by(|a, b| (&a.member, &a.zone).cmp(&(&b.member, &b.zone)));
    let declared = declared::demand(&sources, &policy.demand);
    for (source, declared) in sources.iter_mut().zip(declared) {
        let measured = rates.demand(service, &source.source);
        (source.demand, source.demand_source) = learn::demand(declared, measured);
    }
    if policy.policy.together.is_some() {
        shared::as_committed(state, service, &mut sources);
    }
    let mut ports: BTreeSet<PortName> = ports(&members, &exporters, service);
    ports.extend(unheard.ports);
    Some(PlanInputs {
        service: service.clone(),
        ports: ports.into_iter().collect(),
        sources,
        destinations,
        policy: policy.policy,
        gateways: shared::gateways_as_committed(state, service),
    })
}

/// What a committed plan rests on now: the inputs as they are, where they give the very plan that was committed (facts
/// move without a decision as long as no decision follows from them), else those that it was committed with. `None` where
/// there is no plan.
#[must_use]
pub fn in_force(state: &State, facts: &FactStore, service: &ServiceKey) -> Option<PlanInputs> {
    let held = state.plan(service)?.value.as_ref()?;
    let now = plan_inputs(state, facts, service)
        .filter(|now| plan::next(now, Some((&held.inputs, &held.plan))).plan == held.plan);
    Some(now.unwrap_or_else(|| held.inputs.clone()))
}

/// The services that a member exports, or whose plans it has a part in.
pub fn services_of(state: &State, facts: &FactStore, member: &MemberName) -> BTreeSet<ServiceKey> {
    let exported = facts.owner(member).into_iter().flat_map(|owner| {
        owner
            .services()
            .filter(|key| owner.exports(key))
            .cloned()
            .collect::<Vec<_>>()
    });
    let planned = state.plans.iter().filter(|(_, row)| {
        row.value.as_ref().is_some_and(|held| {
            held.inputs
                .sources
                .iter()
                .any(|source| source.source.member == *member)
                || held
                    .inputs
                    .destinations
                    .iter()
                    .any(|destination| destination.member == *member)
        })
    });
    // A member that came to be placed calls what others export into its namespaces.
    let namespaces = facts
        .owner(member)
        .into_iter()
        .flat_map(|owner| owner.namespaces.keys());
    let called = namespaces.flat_map(|namespace| facts.services_in_namespace(namespace).cloned());
    exported
        .chain(planned.map(|(key, _)| key.clone()))
        .chain(called)
        .collect()
}

/// A member that is registered, placed, and has spoken of its services.
struct Placed<'a> {
    name: &'a MemberName,
    spec: &'a MemberSpec,
    placement: &'a Placement,
    facts: &'a OwnerFacts,
}

fn placed<'a>(state: &'a State, facts: &'a FactStore) -> impl Iterator<Item = Placed<'a>> {
    state.members.iter().filter_map(|(name, held)| {
        Some(Placed {
            name,
            spec: &held.spec,
            placement: held.placement.as_ref()?,
            facts: facts.owner(name).filter(|facts| facts.is_whole())?,
        })
    })
}

/// One source for each zone that has nodes; one without a zone where the nodes name none.
fn source_inputs(state: &State, member: &Placed<'_>, service: &ServiceKey) -> Vec<SourceInput> {
    let unreachable = state.unreachable_from(member.name);
    let fact = member.facts.member.as_ref();
    let ejected = fact.and_then(|fact| fact.ejected.get(service));
    let nodes = fact.map(|fact| &fact.nodes);
    let mut zones: BTreeSet<Option<Zone>> = nodes
        .into_iter()
        .flatten()
        .map(|(locality, _)| localities::ours(member.spec, locality).zone)
        .collect();
    if zones.is_empty() {
        zones.insert(None);
    }
    let input = |zone| SourceInput {
        source: Source {
            member: member.name.clone(),
            zone,
        },
        region: member.placement.region.clone(),
        network: member.placement.network.clone(),
        demand: None,
        demand_source: DemandSource::Unknown,
        unreachable: unreachable.clone(),
        ejected: ejected.cloned().unwrap_or_default(),
        together: std::collections::BTreeMap::new(),
    };
    zones.into_iter().map(input).collect()
}

fn destination_inputs(
    state: &State,
    member: &Placed<'_>,
    service: &ServiceKey,
    policy: &Effective,
    learned: Option<Rate>,
) -> Vec<DestinationInput> {
    let Some(fact) = member.facts.service(service) else {
        return Vec::new();
    };
    let mut zones: BTreeMap<Option<Zone>, BTreeMap<&PortName, (u32, u32)>> = BTreeMap::new();
    for (port, locality, counts) in member.facts.endpoints(service) {
        let zone = localities::ours(member.spec, locality).zone;
        let (ready, total) = zones.entry(zone).or_default().entry(port).or_default();
        *ready = ready.saturating_add(counts.ready);
        *total = total.saturating_add(counts.total);
    }
    let utilization = declared::max_utilization_percent(member.spec, policy);
    let barred = state.barred(member.placement, &policy.policy);
    let exported = fact.exported;
    let inputs = zones.into_iter().map(|(zone, by_port)| {
        // A caller may need any of the ports; one that a zone does not have at all counts as none.
        let ready = fact
            .ports
            .iter()
            .map(|port| by_port.get(&port.name).map_or(0, |(ready, _)| *ready))
            .min();
        let ready = quantise::ready(ready.unwrap_or(0));
        let total = by_port.values().map(|(_, total)| *total).max();
        let total = quantise::ready(total.unwrap_or(0)).max(ready);
        let declared = policy.capacity_per_endpoint;
        let (capacity, capacity_source) =
            learn::capacity(member.spec.class, declared, learned, ready);
        DestinationInput {
            member: member.name.clone(),
            zone,
            region: member.placement.region.clone(),
            network: member.placement.network.clone(),
            exported,
            ready,
            capacity,
            capacity_source,
            max_utilization_percent: utilization,
            withdrawn: barred,
            total,
            admitted_percent: 100,
            vacated: false,
            draining: false,
        }
    });
    inputs.collect()
}

fn ports(
    members: &[Placed<'_>],
    exporters: &BTreeSet<&MemberName>,
    service: &ServiceKey,
) -> BTreeSet<PortName> {
    let exporting = members
        .iter()
        .filter(|member| exporters.contains(member.name));
    let facts = exporting.filter_map(|member| member.facts.service(service));
    facts
        .flat_map(|fact| fact.ports.into_iter().map(|port| port.name))
        .collect()
}
