//! Members that are registered and placed, and of which this replica has heard nothing since it started (or only that
//! their agent cannot see its services): what the committed plan was computed from still stands for them. What decisions
//! say of them (verdicts, policies, where they are) is taken as it is now.

use std::collections::BTreeMap;

use causeway_api::ServiceKey;
use causeway_api::ids::PortName;
use causeway_api::plan::{CapacitySource, DestinationInput, Rate, SourceInput};
use causeway_failover::{declared, learn};
use causeway_index::{FactStore, OwnerFacts};
use causeway_state::{RegisteredMember, State};

use super::Effective;

/// Rows of the committed plan's inputs that are about members not heard of.
#[derive(Default)]
pub(super) struct Rows {
    pub(super) sources: Vec<SourceInput>,
    pub(super) destinations: Vec<DestinationInput>,
    /// Ports, where one of them may be of such a member alone.
    pub(super) ports: Vec<PortName>,
}

pub(super) fn rows(
    state: &State,
    facts: &FactStore,
    service: &ServiceKey,
    policy: &Effective,
) -> Rows {
    let Some(held) = state.plan(service).and_then(|row| row.value.as_ref()) else {
        return Rows::default();
    };
    let unheard: BTreeMap<_, _> = state
        .members
        .iter()
        .filter(|(name, _)| !facts.owner(name).is_some_and(OwnerFacts::is_whole))
        .filter_map(|(name, member)| Some((name, (member, member.placement.as_ref()?))))
        .collect();
    let sources = held.inputs.sources.iter().filter_map(|source| {
        let (_, placement) = unheard.get(&source.source.member)?;
        Some(SourceInput {
            region: placement.region.clone(),
            network: placement.network.clone(),
            demand: None,
            source: source.source.clone(),
            demand_source: causeway_api::plan::DemandSource::Unknown,
            unreachable: state.unreachable_from(&source.source.member),
            ejected: source.ejected.clone(),
            together: std::collections::BTreeMap::new(),
        })
    });
    let destinations = held.inputs.destinations.iter().filter_map(|zone| {
        let (RegisteredMember { spec, .. }, placement) = unheard.get(&zone.member)?;
        // What was seen of it still was.
        let seen = zone
            .capacity
            .filter(|_| zone.capacity_source == CapacitySource::Learned);
        let learned = seen.map(|all| Rate(all.0 / u64::from(zone.ready.max(1))));
        let declared = policy.capacity_per_endpoint;
        let (capacity, capacity_source) =
            learn::capacity(spec.class, declared, learned, zone.ready);
        Some(DestinationInput {
            region: placement.region.clone(),
            network: placement.network.clone(),
            capacity,
            capacity_source,
            max_utilization_percent: declared::max_utilization_percent(spec, policy),
            withdrawn: state.barred(placement, &policy.policy),
            exported: zone.exported || zone.draining,
            ..zone.clone()
        })
    });
    let destinations: Vec<DestinationInput> = destinations.collect();
    let exports = destinations.iter().any(|zone| zone.exported);
    Rows {
        sources: sources.collect(),
        ports: if exports {
            held.inputs.ports.clone()
        } else {
            Vec::new()
        },
        destinations,
    }
}
