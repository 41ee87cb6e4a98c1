//! Destinations that a source may use.

use std::collections::BTreeSet;

use causeway_api::ids::{MemberName, Region};
use causeway_api::plan::{
    Destination, PlanKind, Rate, ServicePlan, Share, SourceInput, SourcePlan,
};

use super::Row;
use super::words::{capacity_from, tier_name};
use crate::plan::Fleet;
use crate::plan::tiers::Way;

/// A row for each way, in the order of the ways; and for each share that is no way (a last resort).
pub(super) fn rows(
    fleet: &Fleet<'_>,
    plan: &ServicePlan,
    source_plan: &SourcePlan,
    source: &SourceInput,
    ways: &[Way<'_>],
) -> Vec<Row> {
    let last = source_plan.shares.iter().rposition(|share| share.parts > 0);
    let mut rows = Vec::new();
    let named = ways
        .iter()
        .filter_map(|way| Some((way, way.destination(fleet)?)));
    let named: Vec<(&Way<'_>, Destination)> = named.collect();
    for (way, destination) in &named {
        let at = source_plan
            .shares
            .iter()
            .position(|s| s.destination == *destination);
        let share = at.and_then(|at| source_plan.shares.get(at));
        let mut row = row(fleet, source, destination, &way.cells);
        row.tier = Some(way.tier);
        row.tier_name = tier_name(fleet.inputs, source, Some(way.tier), row.region.as_ref());
        row.in_use_percent = in_use_percent(fleet, plan, &way.cells, row.capacity);
        row.parts = share.map_or(0, |share| share.parts);
        row.rate = share.map_or(Rate(0), |share| share.rate);
        row.why_not_more = why(source_plan, share, at.is_some() && at == last, &row);
        rows.push(row);
    }
    let resorts = source_plan
        .shares
        .iter()
        .filter(|s| named.iter().all(|(_, named)| *named != s.destination));
    for share in resorts {
        let cells = behind(fleet, &share.destination);
        let mut row = row(fleet, source, &share.destination, &cells);
        row.tier = Some(share.tier);
        row.tier_name = tier_name(fleet.inputs, source, Some(share.tier), row.region.as_ref());
        row.parts = share.parts;
        row.rate = share.rate;
        row.why_not_more =
            "out by verdict, and kept: nothing else is ready (never an empty set)".to_owned();
        rows.push(row);
    }
    rows
}

/// A row that gets nothing yet.
pub(super) fn row(
    fleet: &Fleet<'_>,
    source: &SourceInput,
    destination: &Destination,
    cells: &[usize],
) -> Row {
    let zones = || cells.iter().filter_map(|at| fleet.cells.get(*at));
    let members: BTreeSet<&MemberName> = zones().map(|cell| &cell.input.member).collect();
    let regions: BTreeSet<Option<&Region>> =
        zones().map(|cell| cell.input.region.as_ref()).collect();
    let sum =
        |rates: Option<Vec<u64>>| rates.map(|r| Rate(r.into_iter().fold(0, u64::saturating_add)));
    let region = if regions.len() == 1 {
        regions.first().copied().flatten().cloned()
    } else {
        None
    };
    Row {
        destination: destination.clone(),
        members: members.into_iter().cloned().collect(),
        tier: None,
        tier_name: tier_name(fleet.inputs, source, None, region.as_ref()),
        region,
        parts: 0,
        rate: Rate(0),
        ready: zones().fold(0, |sum, cell| sum + u64::from(cell.input.ready)),
        capacity: sum(zones()
            .map(|cell| cell.input.capacity.map(|c| c.0))
            .collect()),
        limit: sum(zones().map(|cell| cell.limit).collect()),
        in_use_percent: None,
        capacity_from: capacity_from(zones().map(|cell| cell.input)),
        why_not_more: String::new(),
    }
}

/// The zones behind a destination.
pub(super) fn behind(fleet: &Fleet<'_>, destination: &Destination) -> Vec<usize> {
    let cells = fleet.cells.iter().enumerate();
    let fits = |input: &causeway_api::plan::DestinationInput| match destination {
        Destination::Zone { member, zone } => input.member == *member && input.zone == *zone,
        Destination::Network(network) => input.network == *network && input.exported,
    };
    cells
        .filter(|(_, cell)| fits(cell.input))
        .map(|(at, _)| at)
        .collect()
}

/// What everybody is assigned on these zones. What enters a network through its gateways is counted on a zone only where
/// that is the one that serves others: else nobody can say which zone it reaches.
fn in_use_percent(
    fleet: &Fleet<'_>,
    plan: &ServicePlan,
    cells: &[usize],
    capacity: Option<Rate>,
) -> Option<u64> {
    let capacity = u128::from(capacity?.0);
    let zones = || cells.iter().filter_map(|at| fleet.cells.get(*at));
    let network = zones().next().map(|cell| &cell.input.network)?;
    let usable = fleet.usable(network);
    let inflow = usable.iter().all(|at| cells.contains(at));
    let shares = plan.sources.iter().flat_map(|source| &source.shares);
    let here = shares.filter(|share| match &share.destination {
        Destination::Network(to) => inflow && to == network,
        Destination::Zone { member, zone } => {
            zones().any(|cell| cell.input.member == *member && cell.input.zone == *zone)
        }
    });
    let used: u128 = here.map(|share| u128::from(share.rate.0)).sum();
    u64::try_from((used * 100).div_ceil(capacity.max(1))).ok()
}

fn why(plan: &SourcePlan, share: Option<&Share>, last: bool, row: &Row) -> String {
    let full = match (row.in_use_percent, row.capacity, row.limit) {
        (Some(used), Some(capacity), Some(limit)) => {
            let limit_percent = u128::from(limit.0) * 100 / u128::from(capacity.0.max(1));
            (u128::from(used) >= limit_percent).then_some(limit_percent)
        }
        _ => None,
    };
    match (share, plan.kind) {
        (None, _) if row.capacity.is_none() => "stands by: its capacity is unknown".to_owned(),
        (None, _) => match full {
            Some(percent) => format!("at limit {percent} %"),
            None => "stands by: nearer ones carry all".to_owned(),
        },
        (Some(_), _) if plan.unserved > Rate(0) => {
            format!(
                "over its limit: {} find no capacity anywhere",
                plan.unserved
            )
        }
        (Some(share), PlanKind::Nearest) if share.parts == causeway_api::plan::WHOLE => {
            "carries all".to_owned()
        }
        (Some(_), PlanKind::Nearest) => "by ready endpoints among the nearest".to_owned(),
        (Some(share), PlanKind::Spill) if share.parts == causeway_api::plan::WHOLE => {
            "carries all".to_owned()
        }
        (Some(_), PlanKind::Spill) => match full {
            Some(percent) => format!("at limit {percent} %"),
            None if last => "took all that was left".to_owned(),
            None => "in proportion to what others ask of it".to_owned(),
        },
    }
}
