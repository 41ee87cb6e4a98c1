//! Tier by tier over all sources at once, each way is filled up to what it may carry.

use std::collections::{BTreeMap, BTreeSet};

use super::apportion::apportion;
use super::fleet::Fleet;
use super::tiers::Way;

/// Who goes where, in thousandths of a request per second.
pub(super) struct Flows {
    /// For each source: rate by zone.
    pub(super) by_source: Vec<BTreeMap<usize, u64>>,
    /// For each source: demand that found no room; `None`: it is not planned by capacity at all.
    pub(super) left: Vec<Option<u64>>,
    /// For each zone: what it may still carry; `None`: unknown.
    pub(super) room: Vec<Option<u64>>,
}

/// Fills all tiers.
pub(super) fn fill(fleet: &Fleet<'_>, ways: &[Vec<Way>]) -> Flows {
    let mut flows = Flows {
        by_source: vec![BTreeMap::new(); fleet.sources.len()],
        left: vec![None; fleet.sources.len()],
        room: fleet.cells.iter().map(|cell| cell.limit).collect(),
    };
    for (at, ways) in ways.iter().enumerate() {
        let Some(demand) = fleet.sources.get(at).and_then(|source| source.demand) else {
            continue;
        };
        let unknown = nearest(ways).any(|way| way.cells.iter().any(|c| fleet.limit(*c).is_none()));
        if unknown {
            carry_unplanned(fleet, ways, at, demand.0, &mut flows);
        } else if let Some(left) = flows.left.get_mut(at) {
            *left = Some(demand.0);
        }
    }
    let tiers: BTreeSet<u8> = ways.iter().flatten().map(|way| way.tier).collect();
    for tier in tiers {
        fill_tier(fleet, ways, tier, &mut flows);
    }
    flows
}

/// The ways of the nearest tier.
pub(super) fn nearest(ways: &[Way]) -> impl Iterator<Item = &Way> {
    let tier = ways.first().map(|way| way.tier);
    ways.iter().take_while(move |way| Some(way.tier) == tier)
}

/// Known demand on nearest ways of unknown capacity: it goes there whatever comes, and what is known of these ways is used
/// up first, so that nobody is sent to where it already is.
fn carry_unplanned(fleet: &Fleet<'_>, ways: &[Way], source: usize, demand: u64, flows: &mut Flows) {
    let cells: Vec<usize> = nearest(ways)
        .flat_map(|way| way.cells.iter().copied())
        .collect();
    let weights: Vec<u64> = cells.iter().map(|cell| fleet.ready(*cell)).collect();
    for (cell, rate) in cells.into_iter().zip(apportion(demand, &weights)) {
        flows.add(source, cell, rate);
    }
}

fn fill_tier(fleet: &Fleet<'_>, ways: &[Vec<Way>], tier: u8, flows: &mut Flows) {
    let rounds = fleet.cells.len() + 3;
    for round in 0..rounds {
        let wishes = wishes(fleet, ways, tier, round == 0, flows);
        if wishes.is_empty() || !grant(&wishes, flows) {
            break;
        }
    }
    sweep(ways, tier, flows);
}

/// What each source asks of each zone: in the first round of its nearest tier in proportion to ready endpoints, as a mesh
/// without a plan would go; else in proportion to the room that is left. Zones of one network share what the network is
/// asked for by room, since it is the network that has to carry it.
fn wishes(
    fleet: &Fleet<'_>,
    ways: &[Vec<Way>],
    tier: u8,
    first_round: bool,
    flows: &Flows,
) -> Vec<(usize, usize, u64)> {
    let mut wishes = Vec::new();
    for (source, ways) in ways.iter().enumerate() {
        let left = flows.left_of(source);
        let natural = first_round && ways.first().is_some_and(|way| way.tier == tier);
        let here: Vec<&Way> = ways.iter().filter(|way| way.tier == tier).collect();
        let weight = |way: &&Way| {
            let cells = way.cells.iter();
            let weights = cells.map(|cell| {
                if natural {
                    fleet.ready(*cell)
                } else {
                    flows.room_of(*cell)
                }
            });
            weights.fold(0_u64, u64::saturating_add)
        };
        let weights: Vec<u64> = here.iter().map(weight).collect();
        for (way, rate) in here.iter().zip(apportion(left, &weights)) {
            let room: Vec<u64> = way.cells.iter().map(|cell| flows.room_of(*cell)).collect();
            let asked = way.cells.iter().copied().zip(apportion(rate, &room));
            wishes.extend(
                asked
                    .filter(|(_, rate)| *rate > 0)
                    .map(|(cell, rate)| (source, cell, rate)),
            );
        }
    }
    wishes
}

/// Grants what fits; where more is asked of a zone than it has room for, to each in proportion. Says whether anything
/// was granted.
fn grant(wishes: &[(usize, usize, u64)], flows: &mut Flows) -> bool {
    let mut asked: BTreeMap<usize, u128> = BTreeMap::new();
    for (_, cell, rate) in wishes {
        *asked.entry(*cell).or_default() += u128::from(*rate);
    }
    let room = flows.room.clone();
    let mut granted = false;
    for (source, cell, rate) in wishes {
        let room = u128::from(room.get(*cell).copied().flatten().unwrap_or(0));
        let asked = asked.get(cell).copied().unwrap_or(0);
        let part = if asked <= room {
            *rate
        } else {
            u64::try_from(u128::from(*rate) * room / asked.max(1)).unwrap_or(0)
        };
        if part > 0 {
            flows.add(*source, *cell, part);
            flows.serve(*source, part);
            granted = true;
        }
    }
    granted
}

/// What rounding left: thousandths of a request per second, to whoever comes first.
fn sweep(ways: &[Vec<Way>], tier: u8, flows: &mut Flows) {
    for (source, ways) in ways.iter().enumerate() {
        let here = ways.iter().filter(|way| way.tier == tier);
        for cell in here.flat_map(|way| way.cells.iter().copied()) {
            let rate = flows.left_of(source).min(flows.room_of(cell));
            if rate > 0 {
                flows.add(source, cell, rate);
                flows.serve(source, rate);
            }
        }
    }
}

impl Flows {
    /// Demand of a planned source that has found no room yet.
    pub(super) fn left_of(&self, source: usize) -> u64 {
        self.left.get(source).copied().flatten().unwrap_or(0)
    }

    /// What a zone may still carry; nothing where that is unknown.
    pub(super) fn room_of(&self, cell: usize) -> u64 {
        self.room.get(cell).copied().flatten().unwrap_or(0)
    }

    /// What a source sends to a zone.
    pub(super) fn rate(&self, source: usize, cell: usize) -> u64 {
        let of = self
            .by_source
            .get(source)
            .and_then(|flows| flows.get(&cell));
        of.copied().unwrap_or(0)
    }

    pub(super) fn add(&mut self, source: usize, cell: usize, rate: u64) {
        if let Some(flows) = self.by_source.get_mut(source) {
            let flow = flows.entry(cell).or_default();
            *flow = flow.saturating_add(rate);
        }
        if let Some(Some(room)) = self.room.get_mut(cell) {
            *room = room.saturating_sub(rate);
        }
    }

    pub(super) fn remove(&mut self, source: usize, cell: usize, rate: u64) {
        if let Some(flow) = self
            .by_source
            .get_mut(source)
            .and_then(|flows| flows.get_mut(&cell))
        {
            *flow = flow.saturating_sub(rate);
        }
        if let Some(Some(room)) = self.room.get_mut(cell) {
            *room = room.saturating_add(rate);
        }
    }

    pub(super) fn serve(&mut self, source: usize, rate: u64) {
        if let Some(Some(left)) = self.left.get_mut(source) {
            *left = left.saturating_sub(rate);
        }
    }
}
