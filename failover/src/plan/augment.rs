//! Where demand is left over although capacity is, flows that have another way make room.
//!
//! Zones that a member does not export, or that only their own network may use, are open to few. Nearest first may fill
//! an open zone with those who also had a way of their own, and leave nothing to those who had not. Each step here moves
//! flow along a shortest chain (Edmonds and Karp), so that in the end as much is served as can be at all, and adding
//! capacity anywhere never serves less.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::flows::Flows;
use super::tiers::Way;

/// Serves what is left over, as far as any chain of moves can.
pub(super) fn augment(ways: &[Vec<Way<'_>>], flows: &mut Flows) {
    if !flows.any_left() {
        return;
    }
    let reach: Vec<BTreeSet<usize>> = ways
        .iter()
        .map(|ways| {
            let cells = ways.iter().flat_map(|way| way.cells.iter().copied());
            cells
                .filter(|cell| flows.room.get(*cell).is_some_and(Option::is_some))
                .collect()
        })
        .collect();
    // Each step fills a zone, empties a flow or serves a source whole; the bound is for a fault of ours alone.
    for _ in 0..100_000 {
        let Some(chain) = chain(&reach, flows) else {
            return;
        };
        shift(&chain, flows);
    }
}

/// A chain: the source that is short takes the first zone; each further source leaves the zone before it for the next.
/// The last zone has room.
struct Chain {
    steps: Vec<(usize, usize)>,
}

fn chain(reach: &[BTreeSet<usize>], flows: &Flows) -> Option<Chain> {
    let mut queue: VecDeque<usize> = (0..reach.len()).filter(|s| flows.left_of(*s) > 0).collect();
    let mut seen_sources: BTreeSet<usize> = queue.iter().copied().collect();
    // For each zone the source that would take it; for each source that was not short the zone that it would leave.
    let mut taken_by: BTreeMap<usize, usize> = BTreeMap::new();
    let mut leaves: BTreeMap<usize, usize> = BTreeMap::new();
    while let Some(source) = queue.pop_front() {
        for cell in reach.get(source).into_iter().flatten().copied() {
            if taken_by.contains_key(&cell) {
                continue;
            }
            taken_by.insert(cell, source);
            if flows.room_of(cell) > 0 {
                return Some(trace(cell, &taken_by, &leaves));
            }
            for (other, _) in reach.iter().enumerate() {
                if flows.is_planned(other)
                    && flows.rate(other, cell) > 0
                    && seen_sources.insert(other)
                {
                    leaves.insert(other, cell);
                    queue.push_back(other);
                }
            }
        }
    }
    None
}

fn trace(last: usize, taken_by: &BTreeMap<usize, usize>, leaves: &BTreeMap<usize, usize>) -> Chain {
    let mut steps = Vec::new();
    let mut cell = Some(last);
    while let Some(at) = cell {
        let Some(source) = taken_by.get(&at) else {
            break;
        };
        steps.push((*source, at));
        cell = leaves.get(source).copied();
    }
    steps.reverse();
    Chain { steps }
}

fn shift(chain: &Chain, flows: &mut Flows) {
    let (Some((short, _)), Some((_, last))) = (chain.steps.first(), chain.steps.last()) else {
        return;
    };
    let leaving = || {
        chain.steps.windows(2).filter_map(|pair| match pair {
            [(_, cell), (source, _)] => Some((*source, *cell)),
            _ => None,
        })
    };
    let moved = leaving().map(|(source, cell)| flows.rate(source, cell));
    let rate = moved
        .chain([flows.left_of(*short), flows.room_of(*last)])
        .min()
        .unwrap_or(0);
    let leaving: Vec<(usize, usize)> = leaving().collect();
    for (source, cell) in leaving {
        flows.remove(source, cell, rate);
    }
    for (source, cell) in &chain.steps {
        flows.add(*source, *cell, rate);
    }
    flows.serve(*short, rate);
}
