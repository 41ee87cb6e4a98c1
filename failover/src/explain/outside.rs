//! Destinations that a source may not use, and why.

use std::collections::BTreeSet;

use causeway_api::ids::NetworkName;
use causeway_api::plan::{Destination, SourceInput, Withdrawal};
use causeway_api::rules::Strategy;
use causeway_api::verdict::{Subject, Verdict};

use super::Row;
use super::rows::{behind, row};
use crate::plan::Fleet;

/// Rows for what is left once `used` is told.
pub(super) fn rows(
    fleet: &Fleet<'_>,
    source: &SourceInput,
    used: &[Row],
    verdicts: &dyn Fn(&Subject) -> Option<Verdict>,
) -> Vec<Row> {
    let networks: BTreeSet<&NetworkName> =
        fleet.cells.iter().map(|cell| &cell.input.network).collect();
    let remote = networks
        .into_iter()
        .filter(|network| **network != source.network);
    let remote = remote.map(|network| Destination::Network(network.clone()));
    let near = fleet
        .cells
        .iter()
        .filter(|cell| cell.input.network == source.network);
    let near = near.map(|cell| Destination::Zone {
        member: cell.input.member.clone(),
        zone: cell.input.zone.clone(),
    });
    let told = |destination: &Destination| used.iter().any(|row| row.destination == *destination);
    let mut rows = Vec::new();
    for destination in near.chain(remote).filter(|destination| !told(destination)) {
        let mut cells = behind(fleet, &destination);
        let exported = !cells.is_empty();
        if let (Destination::Network(network), false) = (&destination, exported) {
            let all = fleet.cells.iter().enumerate();
            cells = all
                .filter(|(_, c)| c.input.network == *network)
                .map(|(at, _)| at)
                .collect();
        }
        let mut row = row(fleet, source, &destination, &cells);
        let lost = cells
            .iter()
            .filter_map(|at| fleet.cells.get(*at))
            .any(|cell| {
                let member = cell.input.member.clone();
                let verdict = verdicts(&Subject::Member { member });
                verdict.is_some_and(|verdict| !verdict.state.may_receive())
            });
        row.why_not_more = why(fleet, source, &cells, &row, lost);
        rows.push(row);
    }
    rows
}

/// `lost`: whether a verdict says that it is out, which the plan may not know: that callers leave it waits for a person then.
fn why(fleet: &Fleet<'_>, source: &SourceInput, cells: &[usize], row: &Row, lost: bool) -> String {
    let zones = || cells.iter().filter_map(|at| fleet.cells.get(*at));
    let foreign = || zones().filter(|cell| cell.input.member != source.source.member);
    if foreign().next().is_some() && foreign().all(|cell| !cell.input.exported) {
        let drains = foreign().any(|cell| cell.input.draining);
        return if drains {
            "its member is leaving: others serve instead".to_owned()
        } else {
            "not exported there".to_owned()
        };
    }
    let forbidden = |reason: Option<Withdrawal>, allowed: bool| {
        reason == Some(Withdrawal::NotAllowed) || (reason.is_none() && !allowed)
    };
    if zones().any(|cell| forbidden(cell.withdrawn, cell.allowed)) {
        return Withdrawal::NotAllowed.to_string();
    }
    let mut vacated = zones().filter(|cell| cell.input.vacated);
    let reason = match vacated.any(|cell| cell.input.member == source.source.member) {
        true => Some(Withdrawal::Evacuated),
        false => zones().filter_map(|cell| cell.withdrawn).min(),
    };
    let unreachable = match &row.destination {
        Destination::Network(network) => source.unreachable.contains(network),
        Destination::Zone { .. } => false,
    };
    let ejected = match &row.destination {
        Destination::Network(network) => source.ejected.contains(network),
        Destination::Zone { .. } => false,
    };
    match (reason, fleet.inputs.policy.strategy) {
        (Some(reason), _) => reason.to_string(),
        (None, _) if row.ready == 0 => "nothing is ready there".to_owned(),
        (None, _) if unreachable && lost => {
            "out by verdict: nobody else is sent there, and that its callers leave it waits for a person"
                .to_owned()
        }
        (None, _) if unreachable => {
            "cannot be reached from here, though others reach it".to_owned()
        }
        (None, _) if ejected => {
            "its proxies eject it: their own requests for this service fail there".to_owned()
        }
        (None, Strategy::Ordered) => {
            "not named by policy: its order of regions is all there is".to_owned()
        }
        (None, Strategy::Weighted) => "its region has no weight".to_owned(),
        (None, Strategy::Waterfall) => "not usable from here".to_owned(),
    }
}
