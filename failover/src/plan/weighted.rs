//! Sources that weights bind: each region gets its part, as far as it has room; what it has not goes to the others by
//! weight. Within a region the nearest ways come first.

use std::collections::BTreeMap;

use causeway_api::ids::Region;

use super::apportion::apportion;
use super::fleet::Fleet;
use super::flows::Flows;
use super::tiers::Way;
use super::waterfall::{Wishes, grant, wish};

/// Shares out what planned sources demand that weights bind.
pub(super) fn fill(fleet: &Fleet<'_>, ways: &[Vec<Way<'_>>], flows: &mut Flows) {
    if !fleet.by_weight() {
        return;
    }
    // Each round fills a region or serves a source whole.
    let rounds = fleet.cells.len() + 2;
    for _ in 0..rounds {
        let targets = targets(fleet, ways, flows);
        let before: u128 = left(flows, ways.len());
        for _ in 0..rounds {
            let wishes = wishes(fleet, ways, &targets, flows);
            if wishes.is_empty() || !grant(&wishes, flows) {
                break;
            }
        }
        if before == left(flows, ways.len()) {
            return;
        }
    }
}

fn left(flows: &Flows, sources: usize) -> u128 {
    (0..sources).map(|at| u128::from(flows.left_of(at))).sum()
}

/// The ways of a source that weights bind, by region, in the order of distance.
fn regions<'w, 'f>(
    fleet: &'w Fleet<'_>,
    at: usize,
    ways: &'w [Way<'f>],
) -> BTreeMap<&'w Region, (u64, Vec<&'w Way<'f>>)> {
    let mut regions = BTreeMap::new();
    let Some(weights) = fleet
        .sources
        .get(at)
        .and_then(|source| fleet.weights(source))
    else {
        return regions;
    };
    for way in ways {
        let Some(region) = way.region(fleet) else {
            continue;
        };
        let weight = weights.get(region).copied().unwrap_or(0);
        let (_, ways) = regions
            .entry(region)
            .or_insert((u64::from(weight), Vec::new()));
        ways.push(way);
    }
    regions
}

fn sent(flows: &Flows, at: usize, ways: &[&Way<'_>]) -> u64 {
    let cells = ways.iter().flat_map(|way| way.cells.iter());
    cells.fold(0, |sum, cell| sum.saturating_add(flows.rate(at, *cell)))
}

fn room(flows: &Flows, ways: &[&Way<'_>]) -> u64 {
    let cells = ways.iter().flat_map(|way| way.cells.iter());
    cells.fold(0, |sum, cell| sum.saturating_add(flows.room_of(*cell)))
}

/// What each source is to send to each region: what it sends already, and its part of what is left.
fn targets<'w>(
    fleet: &'w Fleet<'_>,
    ways: &'w [Vec<Way<'_>>],
    flows: &Flows,
) -> Vec<BTreeMap<&'w Region, u64>> {
    let of = |(at, ways): (usize, &'w Vec<Way<'_>>)| {
        let left = flows.left_of(at);
        if left == 0 {
            return BTreeMap::new();
        }
        let mut regions = regions(fleet, at, ways);
        regions.retain(|_, (_, ways)| room(flows, ways) > 0);
        let weights: Vec<u64> = regions.values().map(|(weight, _)| *weight).collect();
        let parts = apportion(left, &weights);
        let rows = regions.into_iter().zip(parts);
        rows.map(|((region, (_, ways)), part)| {
            (region, sent(flows, at, &ways).saturating_add(part))
        })
        .collect()
    };
    ways.iter().enumerate().map(of).collect()
}

/// What each source still asks of each region, of its nearest ways first.
fn wishes(
    fleet: &Fleet<'_>,
    ways: &[Vec<Way<'_>>],
    targets: &[BTreeMap<&Region, u64>],
    flows: &Flows,
) -> Wishes {
    let mut wishes = Wishes::new();
    for ((at, ways), targets) in ways.iter().enumerate().zip(targets) {
        let mut left = flows.left_of(at);
        for (region, (_, ways)) in regions(fleet, at, ways) {
            let Some(target) = targets.get(region) else {
                continue;
            };
            let mut want = target.saturating_sub(sent(flows, at, &ways)).min(left);
            left -= want;
            let mut ways = ways.as_slice();
            while let Some(first) = ways.first() {
                let end = ways.partition_point(|way| way.tier <= first.tier);
                let (here, rest) = ways.split_at(end);
                let rooms: Vec<u64> = here.iter().map(|way| room(flows, &[*way])).collect();
                let takes = want.min(rooms.iter().fold(0, |sum, room| sum.saturating_add(*room)));
                for (way, rate) in here.iter().zip(apportion(takes, &rooms)) {
                    wish(at, way, rate, flows, &mut wishes);
                }
                want -= takes;
                ways = rest;
            }
        }
    }
    wishes
}
