//! The clusters together, as if every service that several of them have were exported: through the very code that a
//! controller plans with.

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::facts::{Change, EndpointKey, FactDelta, ServiceFact};
use causeway_api::ids::{Locality, MemberName, NetworkName, ServiceKey};
use causeway_api::plan::{Destination, PlanInputs, ServicePlan, Withdrawal};
use causeway_api::spec::MemberSpec;
use causeway_core::inputs::plan_inputs;
use causeway_core::placement::placement;
use causeway_index::{FactStore, LocalService};
use causeway_state::{RegisteredMember, State};

use super::reading::Reading;
use super::report::FailoverRow;
use crate::admin::api::LocalityRow;

/// The clusters as one.
#[derive(Debug)]
pub(super) struct Fleet {
    state: State,
    facts: FactStore,
    /// By service, the members that have it, each with what it has.
    pub(super) services: BTreeMap<ServiceKey, BTreeMap<MemberName, LocalService>>,
}

impl Fleet {
    /// Joins the clusters.
    pub(super) fn join(readings: &[Reading]) -> Self {
        let mut services: BTreeMap<ServiceKey, BTreeMap<MemberName, LocalService>> =
            BTreeMap::new();
        for reading in readings {
            for (key, local) in reading.services() {
                services
                    .entry(key.clone())
                    .or_default()
                    .insert(reading.member.clone(), local.clone());
            }
        }
        let (mut state, mut facts) = (State::default(), FactStore::new());
        for reading in readings {
            let shared = reading
                .services()
                .filter(|(key, _)| services.get(*key).is_some_and(|members| members.len() > 1));
            // A snapshot, which any store takes; beyond its cap on rows the cluster would stand without facts.
            let _ = facts.apply(as_if_exported(&reading.facts, shared));
            let spec = MemberSpec::minimal(reading.member.clone());
            let placement = facts
                .owner(&reading.member)
                .and_then(|owner| placement(&spec, owner));
            let member = RegisteredMember {
                spec,
                placement,
                generation: causeway_api::Generation::default(),
            };
            state.members.insert(reading.member.clone(), member);
        }
        Self {
            state,
            facts,
            services,
        }
    }

    /// The facts.
    pub(super) fn facts(&self) -> &FactStore {
        &self.facts
    }

    /// The network of a member.
    pub(super) fn network(&self, member: &MemberName) -> Option<&NetworkName> {
        self.state.members.get(member)?.network()
    }

    /// The members, with what is known of where they are.
    pub(super) fn members(&self) -> impl Iterator<Item = (&MemberName, &RegisteredMember)> {
        self.state.members.iter()
    }

    /// What a service's plan would be computed from.
    pub(super) fn inputs(&self, service: &ServiceKey) -> Option<PlanInputs> {
        plan_inputs(&self.state, &self.facts, service)
    }

    /// Where a service's endpoints are.
    pub(super) fn endpoints(&self, service: &ServiceKey) -> Vec<LocalityRow> {
        let members = self.services.get(service).into_iter().flatten();
        members
            .flat_map(|(member, local)| places(member, local))
            .collect()
    }
}

/// The facts with exports that nobody has written.
fn as_if_exported<'a>(
    facts: &FactDelta,
    services: impl Iterator<Item = (&'a ServiceKey, &'a LocalService)>,
) -> FactDelta {
    let mut facts = facts.clone();
    for (key, local) in services {
        facts.services.retain(|change| change.key != *key);
        facts.endpoints.retain(|change| change.key.service != *key);
        let fact = ServiceFact {
            exported: true,
            selector: local.selector.clone(),
            headless: local.headless,
            ports: local.ports.clone(),
            service_accounts: Vec::new(),
        };
        facts.services.push(Change::set(key.clone(), fact));
        facts
            .endpoints
            .extend(local.endpoints.iter().map(|(port, locality, counts)| {
                let row = EndpointKey {
                    service: key.clone(),
                    port: port.clone(),
                    locality: locality.clone(),
                };
                Change::set(row, *counts)
            }));
    }
    facts
}

/// A service's endpoints in one member by place: of a place, the least over the service's ports.
fn places(member: &MemberName, local: &LocalService) -> Vec<LocalityRow> {
    let localities: BTreeSet<&Locality> = local
        .endpoints
        .iter()
        .map(|(_, locality, _)| locality)
        .collect();
    let row = |locality: &Locality| {
        let of_port = |name| {
            local
                .endpoints
                .iter()
                .find(|(port, place, _)| port == name && place == locality)
        };
        let counts = local.ports.iter().map(|port| {
            of_port(&port.name)
                .map(|(_, _, counts)| *counts)
                .unwrap_or_default()
        });
        let least = counts
            .clone()
            .min_by_key(|counts| counts.ready)
            .unwrap_or_default();
        let total = counts.map(|counts| counts.total).max().unwrap_or_default();
        LocalityRow {
            member: member.clone(),
            locality: locality.clone(),
            ready: least.ready,
            total,
        }
    };
    localities.into_iter().map(row).collect()
}

/// A service's plan, with gateways imagined where there are none: what would fail over where once they are there.
pub(super) fn imagined(inputs: &PlanInputs) -> (ServicePlan, BTreeSet<NetworkName>) {
    let mut inputs = inputs.clone();
    let mut missing = BTreeSet::new();
    for destination in &mut inputs.destinations {
        if destination.withdrawn == Some(Withdrawal::NoGateway) {
            destination.withdrawn = None;
            missing.insert(destination.network.clone());
        }
    }
    (causeway_failover::plan::plan(&inputs), missing)
}

/// The plan by members: the zones of a member taken together, each counting the same, since nothing says who calls more.
pub(super) fn by_member(plan: &ServicePlan, missing: &BTreeSet<NetworkName>) -> Vec<FailoverRow> {
    let members: BTreeSet<&MemberName> = plan
        .sources
        .iter()
        .map(|source| &source.source.member)
        .collect();
    let row = |member: &MemberName| {
        let of_member = || {
            plan.sources
                .iter()
                .filter(|source| source.source.member == *member)
        };
        let (mut home, mut away) = (0_u32, BTreeMap::<NetworkName, u32>::new());
        let mut then = Vec::new();
        for source in of_member() {
            for share in &source.shares {
                match &share.destination {
                    Destination::Zone { .. } => home = home.saturating_add(share.parts),
                    Destination::Network(network) => {
                        *away.entry(network.clone()).or_default() += share.parts;
                    }
                }
            }
            for network in &source.standby {
                if !then.contains(network) {
                    then.push(network.clone());
                }
            }
        }
        then.retain(|network| !away.contains_key(network));
        let mut percents: Vec<u32> = std::iter::once(home)
            .chain(away.values().copied())
            .collect();
        to_percent(&mut percents);
        let named = away.keys().chain(&then);
        let no_gateway = named
            .filter(|network| missing.contains(*network))
            .cloned()
            .collect();
        let mut percents = percents.into_iter();
        FailoverRow {
            from: member.clone(),
            at_home_percent: percents.next().unwrap_or_default(),
            no_gateway,
            shares: away.into_keys().zip(percents).collect(),
            then,
        }
    };
    members.into_iter().map(row).collect()
}

/// Parts of any whole as percents that sum to 100, where there is anything: what rounding leaves goes to the largest.
fn to_percent(parts: &mut [u32]) {
    let whole: u64 = parts.iter().map(|part| u64::from(*part)).sum();
    for part in &mut *parts {
        *part = u32::try_from(u64::from(*part) * 100 / whole.max(1)).unwrap_or(100);
    }
    let left = 100_u32.saturating_sub(parts.iter().sum());
    if let Some(largest) = parts.iter_mut().max().filter(|_| whole > 0) {
        *largest += left;
    }
}
