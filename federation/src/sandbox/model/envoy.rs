//! Envoy's load balancing by priority and locality, as its documentation describes it
//! (envoyproxy.io, *Load balancing*: *Priority levels*, *Locality weighted load balancing*).
//!
//! The health of a priority is `min(100, 140 × healthy / total)` percent; the first takes as much as its health, the
//! next what is left. Inside a priority the weight of a locality is multiplied by the same expression over its own
//! endpoints.

use std::collections::{BTreeMap, BTreeSet};

use super::place::Place;

/// Envoy's overprovisioning factor, in percent.
const OVERPROVISIONING: f64 = 140.0;

/// Where an endpoint leads.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// A pod of the own cluster, by its zone.
    Local(Place),
    /// A gateway of another network.
    Network(String),
}

/// One endpoint of a cluster load assignment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Its address. Envoy keeps the first of several with one address.
    pub address: String,
    /// Where it leads.
    pub target: Target,
    /// Its weight, at least 1.
    pub weight: u32,
    /// Whether it takes requests.
    pub healthy: bool,
}

/// Endpoints of one place and priority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locality {
    /// Where.
    pub place: Place,
    /// 0 goes first.
    pub priority: u32,
    /// Its weight among the localities of its priority.
    pub weight: u64,
    /// Its endpoints.
    pub endpoints: Vec<Endpoint>,
}

/// The share of each target, of 1 in all; empty where no endpoint takes requests.
#[must_use]
pub fn shares(localities: &[Locality]) -> BTreeMap<Target, f64> {
    let localities = without_duplicates(localities);
    let mut shares = BTreeMap::new();
    for (priority, load) in priority_loads(&localities) {
        let members: Vec<&Locality> = localities
            .iter()
            .filter(|locality| locality.priority == priority)
            .collect();
        let weights: Vec<f64> = members
            .iter()
            .map(|locality| effective_weight(locality))
            .collect();
        let all: f64 = weights.iter().sum();
        if all <= 0.0 {
            continue;
        }
        for (locality, weight) in members.iter().zip(weights) {
            let healthy = || {
                locality
                    .endpoints
                    .iter()
                    .filter(|endpoint| endpoint.healthy)
            };
            let sum: f64 = healthy().map(|endpoint| f64::from(endpoint.weight)).sum();
            for endpoint in healthy() {
                let part = load * weight / all * f64::from(endpoint.weight) / sum;
                *shares.entry(endpoint.target.clone()).or_insert(0.0) += part;
            }
        }
    }
    shares
}

/// Of several endpoints with one address only the first is kept (Envoy issue 56355 as seen with Istio: one gateway
/// behind several localities).
fn without_duplicates(localities: &[Locality]) -> Vec<Locality> {
    let mut seen = BTreeSet::new();
    let mut kept = localities.to_vec();
    for locality in &mut kept {
        locality
            .endpoints
            .retain(|endpoint| seen.insert(endpoint.address.clone()));
    }
    kept.retain(|locality| !locality.endpoints.is_empty());
    kept
}

/// `min(1, 1.4 × healthy share)`.
fn health<'a>(endpoints: impl Iterator<Item = &'a Endpoint>) -> f64 {
    let (mut healthy, mut total) = (0_u32, 0_u32);
    for endpoint in endpoints {
        total += 1;
        healthy += u32::from(endpoint.healthy);
    }
    if total == 0 {
        return 0.0;
    }
    (OVERPROVISIONING / 100.0 * f64::from(healthy) / f64::from(total)).min(1.0)
}

/// The load of each priority. Where all together are not well enough, what they can take is scaled up to all.
fn priority_loads(localities: &[Locality]) -> BTreeMap<u32, f64> {
    let priorities: BTreeSet<u32> = localities
        .iter()
        .map(|locality| locality.priority)
        .collect();
    let scores: BTreeMap<u32, f64> = priorities
        .into_iter()
        .map(|priority| {
            let members = localities
                .iter()
                .filter(|locality| locality.priority == priority);
            (
                priority,
                health(members.flat_map(|locality| &locality.endpoints)),
            )
        })
        .collect();
    let total = scores.values().sum::<f64>().min(1.0);
    let mut left = 1.0_f64;
    let mut loads = BTreeMap::new();
    if total <= 0.0 {
        return loads;
    }
    for (priority, score) in scores {
        let load = (score / total).min(left);
        left -= load;
        if load > 0.0 {
            loads.insert(priority, load);
        }
    }
    loads
}

// Weights are far below 2^53.
#[allow(clippy::cast_precision_loss)]
fn effective_weight(locality: &Locality) -> f64 {
    locality.weight as f64 * health(locality.endpoints.iter())
}

#[cfg(test)]
mod tests;
