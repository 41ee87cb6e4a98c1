//! For each source the ways that it may go, the nearest first.
//!
//! | tier | what |
//! |---|---|
//! | 0 | the source's own zone of its own member |
//! | 1 | its own network, its own region, another zone (or an unknown region, in its own member) |
//! | 2 | its own region, another network |
//! | 3 and on | the regions that policy names for the source's region, in their order |
//! | last | every other region, and unknown ones, all together |
//!
//! Zones of the own network in another region stand in the tier of that region: what makes them far is the distance and
//! not a gateway. A network that spans regions stands in the tier of the farthest that would answer, since its gateway
//! chooses the zone.

use std::collections::BTreeSet;

use causeway_api::ids::{NetworkName, Region};
use causeway_api::plan::{Destination, SourceInput};

use super::fleet::{Cell, Fleet};

/// One way that a source may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Way {
    /// Where it leads.
    pub(crate) destination: Destination,
    /// How far.
    pub(crate) tier: u8,
    /// The zones behind it, as indices of [`Fleet::cells`].
    pub(crate) cells: Vec<usize>,
}

/// The first tier of another region.
pub(crate) const FIRST_REGION: u8 = 3;

/// The ways of all sources, in the order of [`Fleet::sources`].
pub(crate) fn ways(fleet: &Fleet<'_>) -> Vec<Vec<Way>> {
    let networks: BTreeSet<&NetworkName> = fleet.cells.iter().map(|c| &c.input.network).collect();
    let remote: Vec<(&NetworkName, Vec<usize>)> = networks
        .into_iter()
        .map(|network| (network, fleet.usable(network)))
        .filter(|(_, cells)| !cells.is_empty())
        .collect();
    let of = |source: &&SourceInput| ways_of(fleet, source, &remote);
    fleet.sources.iter().map(of).collect()
}

fn ways_of(
    fleet: &Fleet<'_>,
    source: &SourceInput,
    remote: &[(&NetworkName, Vec<usize>)],
) -> Vec<Way> {
    let order = region_order(fleet, source);
    let mut ways: Vec<Way> = Vec::new();
    for (at, cell) in fleet.cells.iter().enumerate() {
        if cell.input.network == source.network && cell.serves_inside(&source.source) {
            ways.push(Way {
                destination: zone(cell),
                tier: inside_tier(source, cell, &order),
                cells: vec![at],
            });
        }
    }
    for (network, cells) in remote {
        if **network != source.network {
            ways.push(network_way(fleet, source, &order, network, cells.clone()));
        }
    }
    sort(fleet, &mut ways);
    ways
}

/// A way to a network through its gateways.
pub(crate) fn network_way(
    fleet: &Fleet<'_>,
    source: &SourceInput,
    order: &[&Region],
    network: &NetworkName,
    cells: Vec<usize>,
) -> Way {
    let regions = cells.iter().filter_map(|at| fleet.cells.get(*at));
    let tier =
        regions.map(|cell| region_tier(source, cell.input.region.as_ref(), order).unwrap_or(2));
    Way {
        tier: tier.max().unwrap_or(u8::MAX),
        destination: Destination::Network(network.clone()),
        cells,
    }
}

/// A zone of the own network.
pub(crate) fn zone(cell: &Cell<'_>) -> Destination {
    Destination::Zone {
        member: cell.input.member.clone(),
        zone: cell.input.zone.clone(),
    }
}

/// How far a zone of the own network is.
pub(crate) fn inside_tier(source: &SourceInput, cell: &Cell<'_>, order: &[&Region]) -> u8 {
    if cell.is_own(&source.source) {
        return 0;
    }
    let own_member = cell.input.member == source.source.member;
    let unknown = source.region.is_none() || cell.input.region.is_none();
    match region_tier(source, cell.input.region.as_ref(), order) {
        None => 1,
        Some(_) if own_member && unknown => 1,
        Some(tier) => tier,
    }
}

/// The tier of a region; `None`: the source's own.
fn region_tier(source: &SourceInput, region: Option<&Region>, order: &[&Region]) -> Option<u8> {
    if region.is_some() && region == source.region.as_ref() {
        return None;
    }
    let at = order
        .iter()
        .position(|named| region == Some(*named))
        .unwrap_or(order.len());
    Some(
        u8::try_from(at)
            .unwrap_or(u8::MAX)
            .saturating_add(FIRST_REGION),
    )
}

/// The regions that policy names for a source, in order, each once, without its own.
pub(crate) fn region_order<'a>(fleet: &Fleet<'a>, source: &SourceInput) -> Vec<&'a Region> {
    let named = source
        .region
        .as_ref()
        .and_then(|region| fleet.inputs.policy.failover.get(region));
    let mut order: Vec<&Region> = Vec::new();
    for region in named.into_iter().flatten() {
        if Some(region) != source.region.as_ref() && !order.contains(&region) {
            order.push(region);
        }
    }
    order
}

/// By tier, within it by region (unknown ones last), then by name.
fn sort(fleet: &Fleet<'_>, ways: &mut [Way]) {
    let region = |way: &Way| {
        let first = way.cells.first().and_then(|at| fleet.cells.get(*at));
        first.and_then(|cell| cell.input.region.clone())
    };
    ways.sort_by_cached_key(|way| {
        let region = region(way);
        (way.tier, region.is_none(), region, way.destination.clone())
    });
}
