//! What istiod tells a proxy about one host: which endpoints, in which priority, with which weights of localities.
//! As observed and documented for Istio's locality load balancing; what was observed is proven on a real istiod elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::ids::ServiceKey;

use super::envoy::{Endpoint, Locality, Target};
use super::objects::{Entry, Labels, LocalObjects, MeshObjects, Rule, selects};
use super::place::Place;

/// istiod knows no gateway of any network, and an entry without an address: proxies refuse the whole answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an entry has no address and no gateway is known: proxies refuse all endpoints")]
pub struct Wedged;

/// A mesh as one istiod sees it.
#[derive(Debug, Clone, Copy)]
pub struct Mesh<'a> {
    /// The network of the member's own pods.
    pub network: &'a str,
    /// Services, pods, nodes.
    pub local: &'a LocalObjects,
    /// Istio's own objects.
    pub mesh: &'a MeshObjects,
}

impl Mesh<'_> {
    /// The endpoints of `svc.ns.svc.cluster.local` for a proxy at a place. Empty where the name is unknown, or known and
    /// without endpoints.
    ///
    /// # Errors
    /// [`Wedged`], where a running proxy would keep what it had and a new one would have nothing.
    pub fn endpoints(&self, service: &ServiceKey, proxy: &Place) -> Result<Vec<Locality>, Wedged> {
        let host = service.cluster_local_host();
        let namespace = service.namespace.to_string();
        let here = self.local.services.get(service);
        let said = self.mesh.hosts.get(&(namespace.clone(), host.clone()));
        let selectors: Vec<&Labels> = here
            .map(|service| &service.selector)
            .into_iter()
            .chain(said)
            .collect();
        let entries: Vec<&Entry> = self
            .mesh
            .entries
            .get(&namespace)
            .into_iter()
            .flat_map(BTreeMap::values)
            .filter(|entry| {
                selectors
                    .iter()
                    .any(|selector| selects(selector, &entry.labels))
            })
            .collect();
        let mut endpoints = self.remote(&entries)?;
        let scale = endpoints.1;
        for (address, place) in here.into_iter().flat_map(|service| &service.pods) {
            let endpoint = Endpoint {
                address: address.clone(),
                target: Target::Local(place.clone()),
                weight: scale,
                healthy: true,
            };
            endpoints.0.entry(place.clone()).or_default().push(endpoint);
        }
        let mut localities: Vec<Locality> = endpoints
            .0
            .into_iter()
            .map(|(place, endpoints)| Locality {
                weight: endpoints
                    .iter()
                    .map(|endpoint| u64::from(endpoint.weight))
                    .sum(),
                place,
                priority: 0,
                endpoints,
            })
            .collect();
        let rule = self.mesh.rules.get(&(namespace, host));
        if let Some(rule) = rule.filter(|rule| rule.outlier_detection && rule.localities) {
            apply(rule, proxy, &mut localities);
        }
        Ok(localities)
    }

    /// Endpoints behind gateways by place, and by how much all weights were multiplied to be divisible among several
    /// addresses of one gateway.
    fn remote(&self, entries: &[&Entry]) -> Result<(BTreeMap<Place, Vec<Endpoint>>, u32), Wedged> {
        let none = BTreeSet::new();
        let gateways = |entry: &Entry| self.mesh.gateways.get(&entry.network).unwrap_or(&none);
        let count = |entry: &Entry| u32::try_from(gateways(entry).len()).unwrap_or(1).max(1);
        let scale = entries
            .iter()
            .fold(1, |scale, entry| lcm(scale, count(entry)));
        let mut merged: BTreeMap<(Place, String, String), u32> = BTreeMap::new();
        for entry in entries {
            let mut add = |address: &str, weight: u32| {
                let key = (
                    entry.place.clone(),
                    address.to_owned(),
                    entry.network.clone(),
                );
                let sum = merged.entry(key).or_insert(0);
                *sum = sum.saturating_add(weight);
            };
            let weight = entry.weight.saturating_mul(scale);
            if !entry.address.is_empty() {
                add(&entry.address, weight);
                continue;
            }
            if self.mesh.gateways.is_empty() {
                return Err(Wedged);
            }
            if entry.network == self.network || !entry.mtls {
                continue;
            }
            for address in gateways(entry) {
                add(address, weight / count(entry));
            }
        }
        let mut places: BTreeMap<Place, Vec<Endpoint>> = BTreeMap::new();
        for ((place, address, network), weight) in merged {
            let target = Target::Network(network);
            places.entry(place).or_default().push(Endpoint {
                address,
                target,
                weight,
                healthy: true,
            });
        }
        Ok((places, scale))
    }
}

fn lcm(a: u32, b: u32) -> u32 {
    let (mut x, mut y) = (a, b);
    while y != 0 {
        (x, y) = (y, x % y);
    }
    a / x.max(1) * b
}

/// Shares where the rule gives any, else priorities.
fn apply(rule: &Rule, proxy: &Place, localities: &mut Vec<Locality>) {
    if proxy.region.is_empty() {
        // A proxy that does not know where it is sees all endpoints alike.
        return;
    }
    if rule.distribute.is_empty() {
        prioritise(rule, proxy, localities);
    } else if let Some((_, to)) = rule
        .distribute
        .iter()
        .find(|(from, _)| proxy.is_covered_by(from))
    {
        distribute(to, localities);
    }
}

/// Each endpoint's priority is how far it is; with a region to fail over to, all other regions come after that one.
fn prioritise(rule: &Rule, proxy: &Place, localities: &mut [Locality]) {
    let to = rule
        .failover
        .iter()
        .find(|(from, _)| *from == proxy.region)
        .map(|(_, to)| to);
    for locality in localities.iter_mut() {
        let distance = proxy.distance(&locality.place);
        let passed_over = distance == 3 && to.is_some_and(|to| locality.place.region != *to);
        locality.priority = distance + u32::from(passed_over);
    }
    // Priorities without a gap, as Envoy wants them.
    let used: BTreeSet<u32> = localities
        .iter()
        .map(|locality| locality.priority)
        .collect();
    let ranks: BTreeMap<u32, u32> = used.into_iter().zip(0..).collect();
    for locality in localities {
        locality.priority = ranks.get(&locality.priority).copied().unwrap_or(0);
    }
}

/// The weight of a pattern is split among the places that it covers by what they weighed, rounded up; what no pattern
/// covers has no endpoints any more. Weight 0 leaves what was there.
fn distribute(to: &BTreeMap<String, u32>, localities: &mut Vec<Locality>) {
    let mut left: BTreeSet<usize> = (0..localities.len()).collect();
    for (pattern, weight) in to {
        let covered: Vec<usize> = left
            .iter()
            .copied()
            .filter(|at| {
                localities
                    .get(*at)
                    .is_some_and(|locality| locality.place.is_covered_by(pattern))
            })
            .collect();
        let total: u64 = covered
            .iter()
            .filter_map(|at| localities.get(*at))
            .map(|locality| locality.weight)
            .sum();
        for at in covered {
            left.remove(&at);
            if let Some(locality) = localities.get_mut(at)
                && *weight > 0
                && total > 0
            {
                locality.weight = (locality.weight * u64::from(*weight)).div_ceil(total);
            }
        }
    }
    let mut at = 0;
    localities.retain(|_| {
        at += 1;
        !left.contains(&(at - 1))
    });
}

#[cfg(test)]
mod tests;
