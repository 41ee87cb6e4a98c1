//! A source with no way left keeps its last one: never an empty set.
//!
//! Where nothing else is ready, a destination that waits out its hold-down is better than none, and one that is Lost is no
//! worse than none. What policy forbids, or no gateway leads to, stays out. Nothing is counted as served by these.

use std::collections::BTreeSet;

use causeway_api::ids::NetworkName;
use causeway_api::plan::{SourceInput, Withdrawal};

use super::fleet::{Cell, Fleet};
use super::tiers::{Way, inside_tier, network_way, region_order, zone};

/// The nearest ways that are only out by a verdict: those that are back first, else those that are Lost.
pub(super) fn ways(fleet: &Fleet<'_>, source: &SourceInput) -> Vec<Way> {
    for reason in [Withdrawal::Recovering, Withdrawal::Lost] {
        let ways = ways_out_by(fleet, source, reason);
        let nearest = ways.iter().map(|way| way.tier).min();
        let near: Vec<Way> = ways
            .into_iter()
            .filter(|way| Some(way.tier) == nearest)
            .collect();
        if !near.is_empty() {
            return near;
        }
    }
    Vec::new()
}

fn ways_out_by(fleet: &Fleet<'_>, source: &SourceInput, reason: Withdrawal) -> Vec<Way> {
    let order = region_order(fleet, source);
    let fits = |cell: &Cell<'_>| {
        let input = cell.input;
        input.exported && input.ready > 0 && input.withdrawn == Some(reason) && cell.allowed
    };
    let cells = || {
        fleet
            .cells
            .iter()
            .enumerate()
            .filter(|(_, cell)| fits(cell))
    };
    let inside = cells().filter(|(_, cell)| cell.input.network == source.network);
    let mut ways: Vec<Way> = inside
        .map(|(at, cell)| Way {
            destination: zone(cell),
            tier: inside_tier(source, cell, &order),
            cells: vec![at],
        })
        .collect();
    let networks: BTreeSet<&NetworkName> = cells().map(|(_, cell)| &cell.input.network).collect();
    for network in networks
        .into_iter()
        .filter(|n| **n != source.network && !fleet.closed(n))
    {
        let within = cells()
            .filter(|(_, cell)| cell.input.network == *network)
            .map(|(at, _)| at);
        ways.push(network_way(
            fleet,
            source,
            &order,
            network,
            within.collect(),
        ));
    }
    ways
}
