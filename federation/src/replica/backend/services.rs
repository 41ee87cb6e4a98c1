//! The services, one row each.

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::ids::{Locality, MemberName, PortName, ServiceKey};
use causeway_api::plan::{PlanKind, Rate};
use causeway_api::view::MeshCondition;
use causeway_index::OwnerFacts;

use super::Sight;
use crate::admin::api::{LocalityRow, ServiceQuery, ServiceRow};
use crate::replica::status::counts::importers;

/// The services that are asked for, by namespace and name.
pub(super) fn rows(sight: &Sight<'_>, query: &ServiceQuery) -> Vec<ServiceRow> {
    let facts = sight.look.facts;
    let mut keys: BTreeSet<&ServiceKey> = match &query.namespace {
        Some(namespace) => facts.services_in_namespace(namespace).collect(),
        None => facts.services().collect(),
    };
    // A service whose exporters are all gone may have a plan still, until it is withdrawn.
    let planned = sight
        .look
        .state
        .plans
        .iter()
        .filter(|(_, row)| row.value.is_some())
        .map(|(key, _)| key);
    keys.extend(planned.filter(|key| {
        query
            .namespace
            .as_ref()
            .is_none_or(|namespace| key.namespace == *namespace)
    }));
    let counts = sight.look.counts;
    let conditions = conditions(sight);
    let wanted = |key: &&&ServiceKey| {
        let planned = || {
            sight
                .look
                .state
                .plan(key)
                .is_some_and(|row| row.value.is_some())
        };
        match query.candidates {
            true => {
                !counts.is_exported(key)
                    && !crate::observe::is_own(key)
                    && present(sight, key).nth(1).is_some()
            }
            false => counts.is_exported(key) || planned(),
        }
    };
    keys.iter()
        .filter(wanted)
        .map(|key| row(sight, key, &conditions))
        .collect()
}

/// The members in which a service exists.
fn present<'a>(
    sight: &'a Sight<'_>,
    key: &'a ServiceKey,
) -> impl Iterator<Item = (&'a MemberName, &'a OwnerFacts)> {
    sight
        .look
        .facts
        .owners()
        .filter(move |(_, owner)| owner.service(key).is_some())
}

fn row(
    sight: &Sight<'_>,
    key: &ServiceKey,
    conditions: &BTreeMap<&ServiceKey, Vec<MeshCondition>>,
) -> ServiceRow {
    let plan = sight.look.state.plan(key);
    let committed = plan.and_then(|row| row.value.as_ref());
    let sources = || committed.into_iter().flat_map(|held| &held.plan.sources);
    let withdrawn = committed.into_iter().flat_map(|held| &held.plan.withdrawn);
    ServiceRow {
        service: key.clone(),
        exported_by: sight.look.facts.exporters(key).cloned().collect(),
        present_in: present(sight, key)
            .map(|(member, _)| member.clone())
            .collect(),
        imported_by: committed
            .map(|held| importers(&held.inputs).into_iter().cloned().collect())
            .unwrap_or_default(),
        endpoints: present(sight, key)
            .flat_map(|(member, owner)| endpoints(member, owner, key))
            .collect(),
        generation: plan.map(|row| row.generation),
        policies: committed
            .map(|held| held.inputs.policy.from.clone())
            .unwrap_or_default(),
        spilling: sources().any(|source| source.kind == PlanKind::Spill),
        unserved: sources().fold(Rate(0), |sum, source| sum.plus(source.unserved)),
        withdrawn: withdrawn
            .map(|(network, why)| (network.clone(), *why))
            .collect(),
        refused: sight.refused.get(key).cloned(),
        conditions: conditions.get(key).cloned().unwrap_or_default(),
    }
}

/// Endpoints by place, the least over the ports, since a caller may need any of them.
fn endpoints(member: &MemberName, owner: &OwnerFacts, key: &ServiceKey) -> Vec<LocalityRow> {
    let mut places: BTreeMap<&Locality, BTreeMap<&PortName, (u32, u32)>> = BTreeMap::new();
    for (port, locality, counts) in owner.endpoints(key) {
        places
            .entry(locality)
            .or_default()
            .insert(port, (counts.ready, counts.total));
    }
    let least = |ports: &BTreeMap<&PortName, (u32, u32)>| {
        let ready = ports.values().map(|(ready, _)| *ready).min().unwrap_or(0);
        (
            ready,
            ports.values().map(|(_, total)| *total).min().unwrap_or(0),
        )
    };
    let row = |(locality, ports): (&Locality, BTreeMap<&PortName, (u32, u32)>)| {
        let (ready, total) = least(&ports);
        LocalityRow {
            member: member.clone(),
            locality: locality.clone(),
            ready,
            total,
        }
    };
    places.into_iter().map(row).collect()
}

/// What meshes could not express or were refused, by service.
fn conditions<'a>(sight: &'a Sight<'_>) -> BTreeMap<&'a ServiceKey, Vec<MeshCondition>> {
    let mut by_service: BTreeMap<&ServiceKey, Vec<MeshCondition>> = BTreeMap::new();
    let applied = sight
        .look
        .sessions
        .iter()
        .filter_map(|(member, session)| Some((member, session.applied.as_ref()?)));
    for (member, applied) in applied {
        for condition in &applied.conditions {
            let Some(service) = &condition.service else {
                continue;
            };
            let message = format!("member {member}: {}", condition.message);
            by_service.entry(service).or_default().push(MeshCondition {
                message,
                ..condition.clone()
            });
        }
    }
    by_service
}
