//! Flows → shares that sum to the whole, and how a mesh is to carry them out.

use std::collections::BTreeSet;

use causeway_api::ids::{MemberName, NetworkName};
use causeway_api::plan::{Destination, PlanKind, Rate, Share, SourcePlan, WHOLE};

use super::apportion::{apportion, apportion_all};
use super::fleet::Fleet;
use super::last_resort;
use super::tiers::Way;
use super::waterfall::{Flows, nearest};

/// The plans of all sources. One source of a member that needs exact shares makes all of the member's sources carry
/// theirs so: a mesh has one way to balance a host for all of its callers.
pub(super) fn shares(fleet: &Fleet<'_>, ways: &[Vec<Way>], flows: &Flows) -> Vec<SourcePlan> {
    let plans: Vec<(SourcePlan, bool)> = (0..fleet.sources.len())
        .filter_map(|at| source_plan(fleet, ways.get(at)?, flows, at))
        .collect();
    let spilling: BTreeSet<MemberName> = plans
        .iter()
        .filter(|(_, spills)| *spills)
        .map(|(plan, _)| plan.source.member.clone())
        .collect();
    let of = |(mut plan, _): (SourcePlan, bool)| {
        if spilling.contains(&plan.source.member) {
            plan.kind = PlanKind::Spill;
        }
        plan
    };
    plans.into_iter().map(of).collect()
}

/// The plan of one source, and whether it needs exact shares.
fn source_plan(
    fleet: &Fleet<'_>,
    ways: &[Way],
    flows: &Flows,
    at: usize,
) -> Option<(SourcePlan, bool)> {
    let source = fleet.sources.get(at)?;
    let demand = source.demand.unwrap_or_default().0;
    let plan = |shares: Vec<Share>, unserved: u64| SourcePlan {
        source: source.source.clone(),
        kind: PlanKind::Nearest,
        standby: standby(ways, &shares),
        shares,
        unserved: Rate(unserved),
    };
    if ways.is_empty() {
        let last = last_resort::ways(fleet, source);
        return Some((plan(natural(fleet, &last, |_| 0), demand), false));
    }
    let rate = |way: &Way| {
        way.cells
            .iter()
            .fold(0_u64, |sum, cell| sum.saturating_add(flows.rate(at, *cell)))
    };
    let unserved = flows.left_of(at);
    let near: Vec<Way> = nearest(ways).cloned().collect();
    let natural = natural(fleet, &near, rate);
    let planned = flows.left.get(at).is_some_and(Option::is_some);
    if !planned || carries(fleet, &near, &natural, demand, unserved) {
        return Some((plan(natural, unserved), false));
    }
    let exact = exact(fleet, ways, unserved, rate);
    let spills = !alike(&exact, &natural);
    let shares = if spills { exact } else { natural };
    Some((plan(shares, unserved), spills))
}

/// What a mesh does by itself on the nearest ways: in proportion to ready endpoints.
fn natural(fleet: &Fleet<'_>, ways: &[Way], rate: impl Fn(&Way) -> u64) -> Vec<Share> {
    let weights: Vec<u64> = ways.iter().map(|way| ready(fleet, way)).collect();
    let parts = apportion_all(u64::from(WHOLE), &weights);
    let row = |(way, parts): (&Way, u64)| share(way, parts, rate(way));
    ways.iter()
        .zip(parts)
        .map(row)
        .filter(|share| share.parts > 0)
        .collect()
}

/// Whether what a mesh does by itself is, but for rounding, what was planned.
fn carries(fleet: &Fleet<'_>, near: &[Way], natural: &[Share], demand: u64, unserved: u64) -> bool {
    let weights: Vec<u64> = near.iter().map(|way| ready(fleet, way)).collect();
    let expected = apportion(demand, &weights);
    let dust = u64::try_from(fleet.sources.len() + fleet.cells.len()).unwrap_or(u64::MAX);
    let close = |(share, expected): (&Share, u64)| share.rate.0.abs_diff(expected) <= dust;
    let near_all = natural
        .iter()
        .map(|share| u128::from(share.rate.0))
        .sum::<u128>()
        == u128::from(demand);
    near_all
        && unserved == 0
        && natural.len() == near.len()
        && natural.iter().zip(expected).all(close)
}

/// What was planned. Demand beyond all capacity is spread over all ways of known capacity, in proportion to what they
/// may carry: every one is over its limit alike, and the plan says by how much.
fn exact(fleet: &Fleet<'_>, ways: &[Way], unserved: u64, rate: impl Fn(&Way) -> u64) -> Vec<Share> {
    let known = |way: &Way| way.cells.iter().all(|cell| fleet.limit(*cell).is_some());
    let limit = |way: &Way| {
        let limits = way.cells.iter().map(|cell| fleet.limit(*cell).unwrap_or(0));
        if known(way) {
            limits.fold(0, u64::saturating_add)
        } else {
            0
        }
    };
    let mut limits: Vec<u64> = ways.iter().map(limit).collect();
    if limits.iter().all(|limit| *limit == 0) {
        limits = ways
            .iter()
            .map(|way| if known(way) { ready(fleet, way) } else { 0 })
            .collect();
    }
    let excess = apportion(unserved, &limits);
    let weights: Vec<u64> = ways
        .iter()
        .zip(excess)
        .map(|(way, excess)| rate(way).saturating_add(excess))
        .collect();
    let parts = apportion_all(u64::from(WHOLE), &weights);
    let row = |(way, parts): (&Way, u64)| share(way, parts, rate(way));
    ways.iter()
        .zip(parts)
        .map(row)
        .filter(|share| share.parts > 0)
        .collect()
}

/// Whether two lists of shares are the same but for one part in [`WHOLE`].
fn alike(left: &[Share], right: &[Share]) -> bool {
    let close =
        |(l, r): (&Share, &Share)| l.destination == r.destination && l.parts.abs_diff(r.parts) <= 1;
    left.len() == right.len() && left.iter().zip(right).all(close)
}

/// Remote networks that could serve and have no share, the nearest first.
fn standby(ways: &[Way], shares: &[Share]) -> Vec<NetworkName> {
    let network = |way: &Way| match &way.destination {
        Destination::Network(network) => Some(network.clone()),
        Destination::Zone { .. } => None,
    };
    let idle = |way: &&Way| {
        shares
            .iter()
            .all(|share| share.destination != way.destination)
    };
    ways.iter().filter(idle).filter_map(network).collect()
}

fn ready(fleet: &Fleet<'_>, way: &Way) -> u64 {
    way.cells
        .iter()
        .fold(0, |sum, cell| sum.saturating_add(fleet.ready(*cell)))
}

fn share(way: &Way, parts: u64, rate: u64) -> Share {
    Share {
        destination: way.destination.clone(),
        tier: way.tier,
        parts: u32::try_from(parts).unwrap_or(WHOLE),
        rate: Rate(rate),
    }
}
