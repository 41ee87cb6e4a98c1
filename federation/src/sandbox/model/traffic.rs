//! All callers' shares × what they ask: requests by source and destination, and what each cluster is asked to serve.

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::ids::{MemberName, Region, ServiceKey};

use super::envoy::{self, Target};
use super::istiod::Mesh;
use crate::sandbox::fleet::{Fleet, FleetService};

/// To where (`None`: there is no endpoint), and how many requests per second.
type To = Vec<(Option<usize>, f64)>;

/// Where the callers of every cluster send their requests. Clusters and services are known by their place in the fleet,
/// so that adding all flows up is cheap however many there are.
#[derive(Debug, Clone)]
pub struct Flows {
    members: Vec<MemberName>,
    regions: Vec<Region>,
    /// The place of each member's region.
    region_of: Vec<usize>,
    /// What each member serves of each service, in requests per second.
    capacity: Vec<Vec<f64>>,
    /// By member and service.
    to: Vec<Vec<To>>,
}

impl Flows {
    /// Nobody sends anything yet.
    #[must_use]
    pub fn new(fleet: &Fleet) -> Self {
        let members: Vec<MemberName> = fleet.members.keys().cloned().collect();
        let regions: Vec<Region> = fleet.regions().into_keys().collect();
        let place = |member: &MemberName| {
            let region = fleet.region_of(member)?;
            regions.iter().position(|known| known == region)
        };
        let capacity = |member: &MemberName| {
            let all = fleet.services.iter();
            all.map(|service| f64::from(service.capacity_rps(member)))
                .collect()
        };
        Self {
            region_of: members
                .iter()
                .map(|member| place(member).unwrap_or_default())
                .collect(),
            capacity: members.iter().map(capacity).collect(),
            to: vec![vec![Vec::new(); fleet.services.len()]; members.len()],
            members,
            regions,
        }
    }

    /// The callers of one member send for one service what they send by now.
    pub fn set(
        &mut self,
        from: &MemberName,
        service: usize,
        to: impl IntoIterator<Item = (Option<MemberName>, f64)>,
    ) {
        let to: To = to
            .into_iter()
            .map(|(to, rps)| (to.and_then(|to| self.place(&to)), rps))
            .collect();
        let row = self.place(from).and_then(|from| self.to.get_mut(from));
        if let Some(row) = row.and_then(|row| row.get_mut(service)) {
            *row = to;
        }
    }

    fn place(&self, member: &MemberName) -> Option<usize> {
        self.members.binary_search(member).ok()
    }
}

/// Where the callers of one member send their requests for one service, given what its mesh holds. A region's demand is
/// shared evenly by its members, and a member's by the zones of its nodes, as the planner takes it too.
#[must_use]
pub fn of_service(
    fleet: &Fleet,
    member: &MemberName,
    service: &FleetService,
    mesh: Mesh<'_>,
) -> BTreeMap<Option<MemberName>, f64> {
    let mut to: BTreeMap<Option<MemberName>, f64> = BTreeMap::new();
    let Some(region) = fleet.region_of(member) else {
        return to;
    };
    let sharing = fleet
        .members
        .values()
        .filter(|other| other.region == *region)
        .count();
    let parts = sharing.max(1) * mesh.local.places.len().max(1);
    let parts = f64::from(u32::try_from(parts).unwrap_or(u32::MAX));
    let asked = service.demand_rps.get(region).copied().unwrap_or(0);
    let rps = f64::from(asked) / parts;
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
    to
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
pub fn total(fleet: &Fleet, flows: &Flows, dark: &BTreeSet<MemberName>) -> Traffic {
    let is_dark: Vec<bool> = flows
        .members
        .iter()
        .map(|member| dark.contains(member))
        .collect();
    let is_dark = |member: usize| is_dark.get(member).copied().unwrap_or(false);
    let region_of = |member: usize| flows.region_of.get(member).copied();
    let services = fleet.services.len();
    let mut traffic = Traffic::default();
    let mut load = vec![0.0_f64; flows.members.len() * services];
    let mut by_region: BTreeMap<(usize, Option<usize>), f64> = BTreeMap::new();
    for (from, rows) in flows
        .to
        .iter()
        .enumerate()
        .filter(|(from, _)| !is_dark(*from))
    {
        // To each region, and at the end to nowhere.
        let mut regions: Vec<Option<f64>> = vec![None; flows.regions.len() + 1];
        let mut lost: Option<f64> = None;
        for (service, rows) in rows.iter().enumerate() {
            for (to, rps) in rows {
                let region = to.and_then(region_of).unwrap_or(flows.regions.len());
                if let Some(sum) = regions.get_mut(region) {
                    *sum = Some(sum.unwrap_or(0.0) + rps);
                }
                match *to {
                    Some(to) if !is_dark(to) => {
                        traffic.served_rps += rps;
                        if let Some(load) = load.get_mut(to * services + service) {
                            *load += rps;
                        }
                    }
                    Some(_) => {
                        traffic.failed_rps += rps;
                        lost = Some(lost.unwrap_or(0.0) + rps);
                    }
                    None => traffic.failed_rps += rps,
                }
            }
        }
        for (to, rps) in regions.into_iter().enumerate() {
            if let (Some(rps), Some(region)) = (rps, region_of(from)) {
                let to = (to < flows.regions.len()).then_some(to);
                *by_region.entry((region, to)).or_insert(0.0) += rps;
            }
        }
        if let (Some(lost), Some(member)) = (lost, flows.members.get(from)) {
            traffic.to_dark.insert(member.clone(), lost);
        }
    }
    let name = |region: usize| flows.regions.get(region).cloned();
    traffic.by_region = by_region
        .into_iter()
        .filter_map(|((from, to), rps)| Some(((name(from)?, to.and_then(name)), rps)))
        .collect();
    traffic.peak = peak(fleet, flows, &load);
    traffic
}

fn peak(fleet: &Fleet, flows: &Flows, load: &[f64]) -> Option<Peak> {
    let mut peak: Option<(usize, usize, f64)> = None;
    let services = fleet.services.len().max(1);
    for (at, rps) in load.iter().enumerate().filter(|(_, rps)| **rps > 0.0) {
        let (member, service) = (at / services, at % services);
        let capacity = flows.capacity.get(member).and_then(|row| row.get(service));
        let percent = rps * 100.0 / capacity.copied().unwrap_or(0.0).max(f64::MIN_POSITIVE);
        if peak.is_none_or(|(_, _, most)| percent > most) {
            peak = Some((member, service, percent));
        }
    }
    let (member, service, percent) = peak?;
    Some(Peak {
        member: flows.members.get(member)?.clone(),
        service: fleet.services.get(service)?.key.clone(),
        percent,
    })
}

impl Traffic {
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
