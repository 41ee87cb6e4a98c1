//! A source with no way left keeps its last one: never an empty set.
//!
//! Where nothing else is ready, a destination that a person leaves, or that waits out its hold-down, is better than none, and
//! one that is Lost is no worse than none. What policy forbids, or no gateway leads to, stays out, and so does a network where
//! any zone with ready endpoints is forbidden, or beyond a strict order, whatever is concluded of that zone. Nothing is counted
//! as served by these.

use std::borrow::Cow;

use causeway_api::plan::{SourceInput, Withdrawal};

use super::fleet::{Cell, Fleet};
use super::tiers::{Standpoint, To, Way};

/// Why what is out may be kept where nothing else is ready, the best first.
const KEPT: [Option<Withdrawal>; 6] = [
    Some(Withdrawal::Unhealthy),
    Some(Withdrawal::Evacuated),
    Some(Withdrawal::Recovering),
    // Others reach it, and this place does not.
    None,
    Some(Withdrawal::Away),
    Some(Withdrawal::Lost),
];

/// The nearest ways that are only out by a verdict, by a person, or for this place: those first that may serve best.
pub(super) fn ways<'f>(fleet: &'f Fleet<'_>, source: &SourceInput) -> Vec<Way<'f>> {
    for reason in KEPT {
        let mut ways = ways_out_by(fleet, source, reason);
        let nearest = ways.iter().map(|way| way.tier).min();
        ways.retain(|way| Some(way.tier) == nearest);
        if !ways.is_empty() {
            return ways;
        }
    }
    Vec::new()
}

fn ways_out_by<'f>(
    fleet: &'f Fleet<'_>,
    source: &SourceInput,
    reason: Option<Withdrawal>,
) -> Vec<Way<'f>> {
    let from = Standpoint::new(fleet, source);
    let own = fleet.network(&source.network);
    let fits = |cell: &Cell<'_>| {
        let mine = cell.input.member == source.source.member;
        let open = mine || (cell.input.exported && cell.allowed);
        open && cell.input.ready > 0 && cell.withdrawn == reason
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
        let within = cells().filter(|(_, cell)| cell.network == at && cell.offered());
        let within: Vec<usize> = within.map(|(at, _)| at).collect();
        let reached = !source.unreachable.contains(network.name) || reason.is_none();
        if at == own || !reached || network.closed || within.is_empty() {
            continue;
        }
        let way = from.network_way(at, Cow::Owned(within));
        if reason.is_none() {
            ways.push(way);
            continue;
        }
        // What is out may answer all the same, and so may any other zone of that network: its gateway chooses.
        let offered = || {
            let cells = fleet.cells.iter().enumerate();
            cells.filter(|(_, cell)| cell.network == at && cell.offered())
        };
        if offered().all(|(_, cell)| cell.allowed) {
            let all = from.network_way(at, offered().map(|(at, _)| at).collect());
            ways.push(Way {
                tier: all.tier,
                ..way
            });
        }
    }
    from.keep_named(&mut ways);
    ways
}
