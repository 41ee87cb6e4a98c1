//! Sources that are not planned by capacity: nobody knows their demand, or what their nearest ways carry.
//!
//! They go to their nearest ways in proportion to ready endpoints, as a mesh without a plan would send them. Where weights
//! bind them, they go by these, and to the nearest ways of each region. Where a nearest way ramps up, it gets its part of
//! what it would get, and the rest goes on to the next tier; beyond the last of a region, to the other regions by weight.

use std::collections::BTreeMap;

use causeway_api::ids::Region;
use causeway_api::plan::Source;

use super::apportion::apportion;
use super::fleet::Fleet;
use super::tiers::Way;
use super::waterfall::nearest;

/// What is shared out: large enough that no part of it is lost to rounding.
const ALL: u64 = 1_000_000_000;

/// How a source goes that is not planned by capacity.
pub(super) struct Unplanned {
    /// For each way its weight; zero: it gets nothing.
    pub(super) weights: Vec<u64>,
    /// Whether a mesh needs to be told: by itself it would go otherwise.
    pub(super) exact: bool,
}

/// How a source goes by its ways.
pub(super) fn unplanned(fleet: &Fleet<'_>, at: usize, ways: &[Way<'_>]) -> Unplanned {
    let Some(input) = fleet.sources.get(at) else {
        return Unplanned {
            weights: Vec::new(),
            exact: false,
        };
    };
    if let Some(weights) = fleet.weights(input) {
        let by_region = by_region(fleet, &input.source, ways, weights);
        if by_region.iter().any(|weight| *weight > 0) {
            return Unplanned {
                weights: by_region,
                exact: true,
            };
        }
    }
    let near = nearest(ways).len();
    let held = nearest(ways)
        .iter()
        .any(|way| held(fleet, &input.source, way));
    if held {
        let all: Vec<&Way<'_>> = ways.iter().collect();
        let mut weights = ramped(fleet, &input.source, &all, ALL);
        // All ramp up, and there is nowhere else: each in proportion takes what they hold back.
        if weights.iter().all(|weight| *weight == 0) {
            weights = ways.iter().map(|way| ready(fleet, way)).collect();
        }
        return Unplanned {
            weights,
            exact: true,
        };
    }
    let weights = ways.iter().enumerate().map(|(at, way)| {
        let near = at < near;
        if near { ready(fleet, way) } else { 0 }
    });
    Unplanned {
        weights: weights.collect(),
        exact: false,
    }
}

/// Ready endpoints behind a way.
pub(super) fn ready(fleet: &Fleet<'_>, way: &Way<'_>) -> u64 {
    let ready = way.cells.iter().map(|cell| fleet.ready(*cell));
    ready.fold(0, u64::saturating_add)
}

/// Ready endpoints of a zone, of which those that a ramp holds back do not count, in hundredths.
pub(super) fn admitted(fleet: &Fleet<'_>, source: &Source, cell: usize) -> u64 {
    fleet.ready(cell).saturating_mul(fleet.admits(cell, source))
}

fn held(fleet: &Fleet<'_>, source: &Source, way: &Way<'_>) -> bool {
    way.cells
        .iter()
        .any(|cell| fleet.admits(*cell, source) < 100)
}

fn admitted_all(fleet: &Fleet<'_>, source: &Source, way: &Way<'_>) -> u64 {
    let all = way.cells.iter().map(|cell| admitted(fleet, source, *cell));
    all.fold(0, u64::saturating_add)
}

/// Of so much what each way takes: tier by tier what a tier admits of what comes to it, and the rest goes on to the next. What
/// no tier takes is left over.
fn ramped(fleet: &Fleet<'_>, source: &Source, ways: &[&Way<'_>], mut left: u64) -> Vec<u64> {
    let mut weights = vec![0_u64; ways.len()];
    let mut from = 0;
    while let Some(way) = ways.get(from) {
        let to = ways.partition_point(|other| other.tier <= way.tier);
        let tier = ways.get(from..to).unwrap_or_default();
        let parts: Vec<u64> = tier
            .iter()
            .map(|way| admitted_all(fleet, source, way))
            .collect();
        let admitted: u128 = parts.iter().map(|part| u128::from(*part)).sum();
        let full: u128 = tier
            .iter()
            .map(|way| u128::from(ready(fleet, way)) * 100)
            .sum();
        let takes = u64::try_from(u128::from(left) * admitted / full.max(1))
            .unwrap_or(left)
            .min(left);
        for (weight, part) in weights.iter_mut().skip(from).zip(apportion(takes, &parts)) {
            *weight = part;
        }
        left -= takes;
        if admitted >= full {
            break;
        }
        from = to;
    }
    weights
}

/// Each region's part by weight, to its nearest ways. What a region that ramps up does not take goes to those that take all
/// of theirs, by weight.
fn by_region(
    fleet: &Fleet<'_>,
    source: &Source,
    ways: &[Way<'_>],
    weights: &BTreeMap<Region, u32>,
) -> Vec<u64> {
    let mut regions: BTreeMap<&Region, (u64, Vec<usize>)> = BTreeMap::new();
    for (at, way) in ways.iter().enumerate() {
        let Some(region) = way.region(fleet) else {
            continue;
        };
        let weight = weights.get(region).copied().unwrap_or(0);
        if weight > 0 {
            let (_, mine) = regions
                .entry(region)
                .or_insert((u64::from(weight), Vec::new()));
            mine.push(at);
        }
    }
    let mut out = vec![0_u64; ways.len()];
    let mut open: Vec<(u64, Vec<usize>)> = regions.into_values().collect();
    let mut left = ALL;
    // Each round but the last closes a region.
    while left > 0 && !open.is_empty() {
        let by_weight: Vec<u64> = open.iter().map(|(weight, _)| *weight).collect();
        let parts = apportion(left, &by_weight);
        let mut still_open = Vec::new();
        for ((weight, mine), part) in open.into_iter().zip(parts) {
            let here: Vec<&Way<'_>> = mine.iter().filter_map(|at| ways.get(*at)).collect();
            let takes = ramped(fleet, source, &here, part);
            let took = takes
                .iter()
                .fold(0_u64, |sum, take| sum.saturating_add(*take));
            for (at, take) in mine.iter().zip(takes) {
                if let Some(sum) = out.get_mut(*at) {
                    *sum = sum.saturating_add(take);
                }
            }
            left = left.saturating_sub(took);
            if took == part {
                still_open.push((weight, mine));
            }
        }
        open = still_open;
    }
    out
}
