//! A source with no way left keeps its last one: never an empty set.
//!
//! Where nothing else is ready, a destination that waits out its hold-down is better than none, and one that is Lost is no
//! worse than none. What policy forbids, or no gateway leads to, stays out. Nothing is counted as served by these.

use std::borrow::Cow;

use causeway_api::plan::{SourceInput, Withdrawal};

use super::fleet::{Cell, Fleet};
use super::tiers::{Standpoint, To, Way};

/// The nearest ways that are only out by a verdict: those that are back first, else those that are Lost.
pub(super) fn ways<'f>(fleet: &'f Fleet<'_>, source: &SourceInput) -> Vec<Way<'f>> {
    for reason in [Withdrawal::Recovering, Withdrawal::Lost] {
        let mut ways = ways_out_by(fleet, source, reason);
        let nearest = ways.iter().map(|way| way.tier).min();
        ways.retain(|way| Some(way.tier) == nearest);
        if !ways.is_empty() {
            return ways;
        }
    }
    Vec::new()
}

fn ways_out_by<'f>(fleet: &'f Fleet<'_>, source: &SourceInput, reason: Withdrawal) -> Vec<Way<'f>> {
    let from = Standpoint::new(fleet, source);
    let own = fleet.network(&source.network);
    let fits = |cell: &Cell<'_>| {
        let input = cell.input;
        input.exported && input.ready > 0 && input.withdrawn == Some(reason) && cell.allowed
    };
    let cells = || {
        let cells = fleet.cells.iter().enumerate();
        cells.filter(|(_, cell)| fits(cell))
    };
    let inside = cells().filter(|(_, cell)| cell.network == own);
    let mut ways: Vec<Way<'f>> = inside
        .map(|(at, cell)| Way {
            to: To::Zone(at),
            tier: from.inside_tier(cell),
            cells: Cow::Borrowed(fleet.alone(at)),
        })
        .collect();
    for (at, network) in fleet.networks.iter().enumerate() {
        let within = cells().filter(|(_, cell)| cell.network == at);
        let within: Vec<usize> = within.map(|(at, _)| at).collect();
        if at != own && !network.closed && !within.is_empty() {
            ways.push(from.network_way(at, Cow::Owned(within)));
        }
    }
    ways
}
