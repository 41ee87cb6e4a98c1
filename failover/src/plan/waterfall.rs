//! Tier by tier over all sources at once, each way is filled up to what it may carry.

use super::apportion::apportion;
use super::fleet::Fleet;
use super::flows::Flows;
use super::tiers::Way;
use super::unplanned::{Unplanned, admitted, unplanned};

/// What each source asks of each zone: source, zone, rate.
pub(super) type Wishes = Vec<(usize, usize, u64)>;

/// What is planned by capacity, and flows of what is not.
pub(super) fn start(fleet: &Fleet<'_>, ways: &[Vec<Way<'_>>]) -> Flows {
    let mut flows = Flows::none(fleet);
    for (at, ways) in ways.iter().enumerate() {
        let Some(demand) = fleet.sources.get(at).and_then(|source| source.demand) else {
            continue;
        };
        if unknown(fleet, at, ways) {
            carry_unplanned(fleet, ways, at, demand.0, &mut flows);
        } else if let Some(left) = flows.left.get_mut(at) {
            *left = Some(demand.0);
        }
    }
    flows
}

/// Whether a source has a way that it would go first, whose capacity does not bound it.
fn unknown(fleet: &Fleet<'_>, at: usize, ways: &[Way<'_>]) -> bool {
    let open = |way: &Way<'_>| way.cells.iter().any(|cell| !fleet.bounds(*cell));
    if fleet
        .sources
        .get(at)
        .is_some_and(|source| fleet.weights(source).is_some())
    {
        let weights = unplanned(fleet, at, ways).weights;
        return ways
            .iter()
            .zip(weights)
            .any(|(way, weight)| weight > 0 && open(way));
    }
    nearest(ways).iter().any(open)
}

/// Fills all tiers. `first` says what a tier is asked for before anything else.
pub(super) fn fill(
    fleet: &Fleet<'_>,
    ways: &[Vec<Way<'_>>],
    flows: &mut Flows,
    first: &dyn Fn(u8, &Flows) -> Wishes,
) {
    let mut filled = None;
    while flows.any_left() {
        let waiting = (0..ways.len()).filter(|source| flows.left_of(*source) > 0);
        let ways_of = |source: usize| ways.get(source).map_or(&[][..], Vec::as_slice);
        let tiers = waiting.flat_map(|source| ways_of(source).iter().map(|way| way.tier));
        let Some(tier) = tiers.filter(|tier| Some(*tier) > filled).min() else {
            return;
        };
        fill_tier(fleet, ways, tier, flows, first);
        filled = Some(tier);
    }
}

/// The ways of the nearest tier.
pub(super) fn nearest<'w, 'f>(ways: &'w [Way<'f>]) -> &'w [Way<'f>] {
    let tier = ways.first().map(|way| way.tier);
    let end = ways.partition_point(|way| Some(way.tier) <= tier);
    ways.get(..end).unwrap_or_default()
}

/// The ways of one tier.
fn of_tier<'w, 'f>(ways: &'w [Way<'f>], tier: u8) -> &'w [Way<'f>] {
    let from = ways.partition_point(|way| way.tier < tier);
    let to = ways.partition_point(|way| way.tier <= tier);
    ways.get(from..to).unwrap_or_default()
}

/// Known demand on nearest ways of unknown capacity: it goes there whatever comes, and what is known of these ways is used
/// up first, so that nobody is sent to where it already is.
fn carry_unplanned(
    fleet: &Fleet<'_>,
    ways: &[Way<'_>],
    source: usize,
    demand: u64,
    flows: &mut Flows,
) {
    let Some(from) = fleet.sources.get(source).map(|source| &source.source) else {
        return;
    };
    let Unplanned { weights, exact } = unplanned(fleet, source, ways);
    let mut carry = |cells: &[usize], rate: u64| {
        let weights: Vec<u64> = cells
            .iter()
            .map(|cell| admitted(fleet, from, *cell))
            .collect();
        for (cell, rate) in cells.iter().zip(apportion(rate, &weights)) {
            flows.add(source, *cell, rate);
        }
    };
    if exact {
        for (way, rate) in ways.iter().zip(apportion(demand, &weights)) {
            carry(&way.cells, rate);
        }
    } else {
        let near = nearest(ways).iter();
        let cells: Vec<usize> = near.flat_map(|way| way.cells.iter().copied()).collect();
        carry(&cells, demand);
    }
}

fn fill_tier(
    fleet: &Fleet<'_>,
    ways: &[Vec<Way<'_>>],
    tier: u8,
    flows: &mut Flows,
    first: &dyn Fn(u8, &Flows) -> Wishes,
) {
    grant(&first(tier, flows), flows);
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
    ways: &[Vec<Way<'_>>],
    tier: u8,
    first_round: bool,
    flows: &Flows,
) -> Wishes {
    let mut wishes = Vec::new();
    for (source, ways) in ways.iter().enumerate() {
        let left = flows.left_of(source);
        if left == 0 {
            continue;
        }
        let natural = first_round && ways.first().is_some_and(|way| way.tier == tier);
        let here = of_tier(ways, tier);
        let weight = |way: &Way<'_>| {
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
            wish(source, way, rate, flows, &mut wishes);
        }
    }
    wishes
}

/// Asks a way for a rate: of each zone behind it in proportion to its room.
pub(super) fn wish(source: usize, way: &Way<'_>, rate: u64, flows: &Flows, wishes: &mut Wishes) {
    let room: Vec<u64> = way.cells.iter().map(|cell| flows.room_of(*cell)).collect();
    let asked = way.cells.iter().copied().zip(apportion(rate, &room));
    let asked = asked.filter(|(_, rate)| *rate > 0);
    wishes.extend(asked.map(|(cell, rate)| (source, cell, rate)));
}

/// Grants what fits; where more is asked of a zone than it has room for, to each in proportion. Says whether anything
/// was granted.
pub(super) fn grant(wishes: &Wishes, flows: &mut Flows) -> bool {
    let mut asked: Vec<u128> = vec![0; flows.room.len()];
    for (_, cell, rate) in wishes {
        if let Some(asked) = asked.get_mut(*cell) {
            *asked += u128::from(*rate);
        }
    }
    let room = flows.room.clone();
    let mut granted = false;
    for (source, cell, rate) in wishes {
        let room = u128::from(room.get(*cell).copied().flatten().unwrap_or(0));
        let asked = asked.get(*cell).copied().unwrap_or(0);
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
fn sweep(ways: &[Vec<Way<'_>>], tier: u8, flows: &mut Flows) {
    for (source, ways) in ways.iter().enumerate() {
        if flows.left_of(source) == 0 {
            continue;
        }
        let here = of_tier(ways, tier).iter();
        for cell in here.flat_map(|way| way.cells.iter().copied()) {
            let rate = flows.left_of(source).min(flows.room_of(cell));
            if rate > 0 {
                flows.add(source, cell, rate);
                flows.serve(source, rate);
            }
        }
    }
}
