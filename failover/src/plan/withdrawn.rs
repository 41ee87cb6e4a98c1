//! Which networks are out for callers elsewhere, and why.

use std::collections::BTreeMap;

use causeway_api::ids::NetworkName;
use causeway_api::plan::Withdrawal;

use super::fleet::{Cell, Fleet};

/// Networks that export the service and that nobody elsewhere may be sent to, with the gravest reason. A network whose
/// endpoints are just not ready is not withdrawn: it is empty, by its owner's word.
pub(super) fn withdrawn(fleet: &Fleet<'_>) -> BTreeMap<NetworkName, Withdrawal> {
    let networks = fleet.networks.iter().enumerate();
    let out = networks.filter(|(_, network)| network.usable.is_empty());
    out.filter_map(|(at, network)| Some((network.name.clone(), gravest(fleet, at)?)))
        .collect()
}

fn gravest(fleet: &Fleet<'_>, network: usize) -> Option<Withdrawal> {
    let exported = || {
        let cells = fleet.cells.iter();
        cells.filter(|c| c.network == network && c.input.exported)
    };
    let any_ready = exported().any(|cell| cell.input.ready > 0);
    let counted = exported().filter(|cell| cell.input.ready > 0 || !any_ready);
    let reasons: Vec<Option<Withdrawal>> = counted.map(reason).collect();
    // One zone that is forbidden closes its network; else each zone must be out.
    let forbidden = reasons.contains(&Some(Withdrawal::NotAllowed)) && any_ready;
    if forbidden || reasons.iter().all(Option::is_some) {
        reasons.into_iter().flatten().min()
    } else {
        None
    }
}

fn reason(cell: &Cell<'_>) -> Option<Withdrawal> {
    let forbidden = (!cell.allowed).then_some(Withdrawal::NotAllowed);
    cell.withdrawn.or(forbidden)
}
