//! Services that move as one.

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::ids::Region;
use causeway_api::plan::{Destination, PlanInputs, ServicePlan, WHOLE};

use crate::plan::plan;

/// Where the callers of one region go, in parts of [`WHOLE`] of what they ask.
pub type Parts = BTreeMap<Region, u32>;

/// Weights by region that bind the sources of each region.
pub type Bound = BTreeMap<Region, Parts>;

/// Binds the sources of a service; whether that makes any of them another.
pub fn bind(inputs: &mut PlanInputs, bound: &Bound) -> bool {
    let mut changed = false;
    for source in &mut inputs.sources {
        let weights = source.region.as_ref().and_then(|region| bound.get(region));
        let weights = weights.cloned().unwrap_or_default();
        changed |= source.together != weights;
        source.together = weights;
    }
    changed
}

/// The weights that bind the sources of each region, so that all of these services go where that one goes, planned by
/// itself, that can keep least in the region; between equals the first by name. Empty where all go the same ways already.
///
/// What another of them has no room for there goes on by distance, as without weights: serving comes before moving as one.
#[must_use]
pub fn together<'i>(services: impl IntoIterator<Item = &'i PlanInputs>) -> Bound {
    let mut by_region: BTreeMap<Region, Vec<Parts>> = BTreeMap::new();
    let mut services: Vec<&PlanInputs> = services.into_iter().collect();
    services.sort_by(|a, b| a.service.cmp(&b.service));
    for inputs in services {
        let alone = alone(inputs);
        for (region, parts) in parts(&alone, &plan(&alone)) {
            by_region.entry(region).or_default().push(parts);
        }
    }
    let bound = by_region.into_iter().filter_map(|(region, parts)| {
        let kept = |parts: &Parts| parts.get(&region).copied().unwrap_or(0);
        let weakest = parts.iter().min_by_key(|parts| kept(parts))?;
        let same = parts.iter().all(|parts| close(parts, weakest));
        (!same).then(|| (region.clone(), weakest.clone()))
    });
    bound.collect()
}

/// The same inputs, bound to nobody.
fn alone(inputs: &PlanInputs) -> PlanInputs {
    let mut inputs = inputs.clone();
    for source in &mut inputs.sources {
        source.together.clear();
    }
    inputs
}

/// Alike but for a hundredth: rounding is no reason to bind anybody.
fn close(a: &Parts, b: &Parts) -> bool {
    let regions: BTreeSet<&Region> = a.keys().chain(b.keys()).collect();
    regions.into_iter().all(|region| {
        let of = |parts: &Parts| parts.get(region).copied().unwrap_or(0);
        of(a).abs_diff(of(b)) <= WHOLE / 100
    })
}

/// Where the callers of each region go, each source by what it asks (the same for all where nobody knows).
fn parts(inputs: &PlanInputs, plan: &ServicePlan) -> BTreeMap<Region, Parts> {
    let mut sums: BTreeMap<Region, BTreeMap<Region, u128>> = BTreeMap::new();
    for source_plan in &plan.sources {
        let mut sources = inputs.sources.iter();
        let Some(source) = sources.find(|source| source.source == source_plan.source) else {
            continue;
        };
        let Some(from) = source.region.clone() else {
            continue;
        };
        let asks = source.demand.map_or(1, |demand| u128::from(demand.0));
        let row = sums.entry(from).or_default();
        for share in &source_plan.shares {
            if let Some(region) = region_of(inputs, &share.destination) {
                *row.entry(region).or_default() += u128::from(share.parts) * asks;
            }
        }
    }
    sums.retain(|_, row| row.values().any(|sum| *sum > 0));
    let whole = |row: BTreeMap<Region, u128>| {
        let all: u128 = row.values().sum();
        let part = |sum: u128| u32::try_from(sum * u128::from(WHOLE) / all.max(1)).unwrap_or(WHOLE);
        row.into_iter()
            .map(|(region, sum)| (region, part(sum)))
            .filter(|(_, part)| *part > 0)
            .collect()
    };
    sums.into_iter()
        .map(|(from, row)| (from, whole(row)))
        .collect()
}

/// The region that a destination stands in; `None`: unknown, or several.
fn region_of(inputs: &PlanInputs, to: &Destination) -> Option<Region> {
    let zones = inputs.destinations.iter().filter(|zone| match to {
        Destination::Zone { member, zone: name } => zone.member == *member && zone.zone == *name,
        Destination::Network(network) => {
            zone.network == *network && zone.exported && zone.ready > 0
        }
    });
    let regions: BTreeSet<Option<&Region>> = zones.map(|zone| zone.region.as_ref()).collect();
    match (regions.len(), regions.first()) {
        (1, Some(Some(region))) => Some((*region).clone()),
        _ => None,
    }
}
