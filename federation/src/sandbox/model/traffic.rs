//! All callers' shares × what they ask: requests by source and destination, and what each cluster is asked to serve.

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::ids::{MemberName, Region, ServiceKey};

use super::envoy::{self, Target};
use super::istiod::Mesh;
use crate::sandbox::fleet::Fleet;

/// Requests from one cluster to another for one service.
#[derive(Debug, Clone, PartialEq)]
pub struct Flow {
    /// The service, by its place in the fleet.
    pub service: usize,
    /// To where; `None`: there is no endpoint to send to.
    pub to: Option<MemberName>,
    /// Requests per second.
    pub rps: f64,
}

/// What the callers of one member do, given what its mesh holds. A region's demand is shared evenly by its members, and a
/// member's by the zones of its nodes, as the planner takes it too.
#[must_use]
pub fn of_member(fleet: &Fleet, member: &MemberName, mesh: Mesh<'_>) -> Vec<Flow> {
    let Some(region) = fleet.region_of(member) else {
        return Vec::new();
    };
    let sharing = fleet
        .members
        .values()
        .filter(|other| other.region == *region)
        .count();
    let parts = sharing.max(1) * mesh.local.places.len().max(1);
    let parts = f64::from(u32::try_from(parts).unwrap_or(u32::MAX));
    let mut flows = Vec::new();
    for (at, service) in fleet.services.iter().enumerate() {
        let asked = service.demand_rps.get(region).copied().unwrap_or(0);
        let rps = f64::from(asked) / parts;
        let mut to: BTreeMap<Option<MemberName>, f64> = BTreeMap::new();
        for place in &mesh.local.places {
            // A proxy that refuses its endpoints serves nobody in this model.
            let localities = mesh.endpoints(&service.key, place).unwrap_or_default();
            let shares = envoy::shares(&localities);
            if shares.is_empty() {
                *to.entry(None).or_insert(0.0) += rps;
            }
            for (target, share) in shares {
                let there = match target {
                    Target::Local(_) => Some(member.clone()),
                    Target::Network(network) => MemberName::new(&network).ok(),
                };
                *to.entry(there).or_insert(0.0) += rps * share;
            }
        }
        flows.extend(to.into_iter().map(|(to, rps)| Flow {
            service: at,
            to,
            rps,
        }));
    }
    flows
}

/// What happens with all flows while some members are dark.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Traffic {
    /// Requests per second that are answered.
    pub served_rps: f64,
    /// Requests per second that are sent to where nobody answers, or to nowhere.
    pub failed_rps: f64,
    /// Requests per second by region of the callers and region that they are sent to; `None`: nowhere.
    pub by_region: BTreeMap<(Region, Option<Region>), f64>,
    /// Requests per second that each caller's member sends to dark members.
    pub to_dark: BTreeMap<MemberName, f64>,
    /// The most that any serving member is asked of any service.
    pub peak: Option<Peak>,
}

/// How much of a member's capacity for a service is used.
#[derive(Debug, Clone, PartialEq)]
pub struct Peak {
    /// Where.
    pub member: MemberName,
    /// Which.
    pub service: ServiceKey,
    /// Of what its ready endpoints serve, in percent.
    pub percent: f64,
}

/// Adds flows up. Dark members ask nothing and answer nothing.
#[must_use]
pub fn total(
    fleet: &Fleet,
    flows: &BTreeMap<MemberName, Vec<Flow>>,
    dark: &BTreeSet<MemberName>,
) -> Traffic {
    let mut traffic = Traffic::default();
    let mut load: BTreeMap<(&MemberName, usize), f64> = BTreeMap::new();
    for (from, flows) in flows.iter().filter(|(from, _)| !dark.contains(*from)) {
        let Some(region) = fleet.region_of(from) else {
            continue;
        };
        for flow in flows {
            let to = flow.to.as_ref().and_then(|to| fleet.region_of(to)).cloned();
            *traffic.by_region.entry((region.clone(), to)).or_insert(0.0) += flow.rps;
            match &flow.to {
                Some(to) if !dark.contains(to) => {
                    traffic.served_rps += flow.rps;
                    *load.entry((to, flow.service)).or_insert(0.0) += flow.rps;
                }
                Some(_) => {
                    traffic.failed_rps += flow.rps;
                    *traffic.to_dark.entry(from.clone()).or_insert(0.0) += flow.rps;
                }
                None => traffic.failed_rps += flow.rps,
            }
        }
    }
    for ((member, at), rps) in load {
        let Some(service) = fleet.services.get(at) else {
            continue;
        };
        let percent = rps * 100.0 / f64::from(service.capacity_rps(member)).max(f64::MIN_POSITIVE);
        if traffic
            .peak
            .as_ref()
            .is_none_or(|peak| percent > peak.percent)
        {
            traffic.peak = Some(Peak {
                member: member.clone(),
                service: service.key.clone(),
                percent,
            });
        }
    }
    traffic
}

impl Traffic {
    /// What is sent to `regions`' members, in requests per second.
    #[must_use]
    pub fn to_region(&self, region: &Region) -> f64 {
        self.by_region
            .iter()
            .filter(|((_, to), _)| to.as_ref() == Some(region))
            .map(|(_, rps)| rps)
            .sum()
    }

    /// What goes nowhere, in requests per second.
    #[must_use]
    pub fn nowhere(&self) -> f64 {
        self.by_region
            .iter()
            .filter(|((_, to), _)| to.is_none())
            .map(|(_, rps)| rps)
            .sum()
    }
}

#[cfg(test)]
mod tests;
