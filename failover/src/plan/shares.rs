//! Flows → shares that sum to the whole, and how a mesh is to carry them out.

use std::collections::BTreeSet;

use causeway_api::ids::{MemberName, NetworkName};
use causeway_api::plan::{PlanKind, Rate, Share, SourceInput, SourcePlan, WHOLE, Withdrawal};
use causeway_api::rules::OnOverload;

use super::apportion::{apportion, apportion_all};
use super::fleet::Fleet;
use super::flows::Flows;
use super::last_resort;
use super::tiers::{Standpoint, To, Way};
use super::unplanned::{ready, unplanned};
use super::waterfall::nearest;

/// The plans of all sources. One source of a member that needs exact shares makes all of the member's sources carry
/// theirs so: a mesh has one way to balance a host for all of its callers.
pub(super) fn shares(fleet: &Fleet<'_>, ways: &[Vec<Way<'_>>], flows: &Flows) -> Vec<SourcePlan> {
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

/// A way, with what goes there.
struct Part<'w, 'f> {
    way: &'w Way<'f>,
    /// Of [`WHOLE`].
    parts: u64,
    /// The rate that was assigned.
    rate: u64,
}

/// The plan of one source, and whether it needs exact shares.
fn source_plan(
    fleet: &Fleet<'_>,
    ways: &[Way<'_>],
    flows: &Flows,
    at: usize,
) -> Option<(SourcePlan, bool)> {
    let source = fleet.sources.get(at)?;
    let demand = source.demand.unwrap_or_default().0;
    let sheds = fleet.inputs.policy.on_overload == OnOverload::Shed;
    let plan = |parts: Vec<Part<'_, '_>>, unserved: u64| SourcePlan {
        source: source.source.clone(),
        kind: PlanKind::Nearest,
        standby: standby(fleet, ways, &parts),
        shares: parts.iter().filter_map(|part| share(fleet, part)).collect(),
        unserved: Rate(unserved),
        shed: Rate(if sheds { unserved } else { 0 }),
    };
    if ways.is_empty() {
        let last = last_resort::ways(fleet, source);
        return Some((plan(natural(fleet, &last, |_| 0), demand), false));
    }
    let sent = flows.row(at);
    let rate = |way: &Way<'_>| {
        let rates = way.cells.iter().filter_map(|cell| sent.get(*cell));
        rates.fold(0_u64, |sum, rate| sum.saturating_add(*rate))
    };
    let unserved = flows.left_of(at);
    let stray = stray(fleet, source, ways);
    if !flows.is_planned(at) || demand == 0 {
        let weights = unplanned(fleet, at, ways).weights;
        let by_itself = natural(fleet, nearest(ways), |_| 0);
        let parts = parts(ways, &weights, rate);
        let spills = stray || !alike(&parts, &by_itself);
        return Some((plan(parts, unserved), spills));
    }
    let near = nearest(ways);
    let natural = natural(fleet, near, rate);
    if carries(fleet, near, &natural, demand) {
        return Some((plan(natural, unserved), stray));
    }
    let exact = exact(fleet, ways, unserved, rate);
    let spills = !alike(&exact, &natural);
    let parts = if spills { exact } else { natural };
    Some((plan(parts, unserved), spills || stray))
}

/// Whether a mesh by itself would use a zone of the source's network that is none of its ways, because it is evacuated, too
/// few are healthy there, or policy leaves it out: it is as near as the nearest way, and its endpoints answer.
fn stray(fleet: &Fleet<'_>, source: &SourceInput, ways: &[Way<'_>]) -> bool {
    let Some(nearest) = ways.first().map(|way| way.tier) else {
        return false;
    };
    let own = fleet.network(&source.network);
    let answers = |withdrawn| {
        matches!(
            withdrawn,
            None | Some(Withdrawal::Evacuated | Withdrawal::Unhealthy)
        )
    };
    let mut near = fleet.cells.iter().enumerate().filter(|(_, cell)| {
        let mine = cell.input.member == source.source.member;
        let known = cell.input.exported || mine;
        // Its own callers reach it whatever others conclude of it.
        let answers = answers(cell.withdrawn) || (mine && cell.input.vacated);
        cell.network == own && known && cell.input.ready > 0 && answers
    });
    let mut standpoint = None;
    near.any(|(at, cell)| {
        let way = ways.iter().any(|way| way.to == To::Zone(at));
        let here = standpoint.get_or_insert_with(|| Standpoint::new(fleet, source));
        !way && here.inside_tier(cell) <= nearest
    })
}

/// What a mesh does by itself on the nearest ways: in proportion to ready endpoints.
fn natural<'w, 'f>(
    fleet: &Fleet<'_>,
    ways: &'w [Way<'f>],
    rate: impl Fn(&Way<'_>) -> u64,
) -> Vec<Part<'w, 'f>> {
    let weights: Vec<u64> = ways.iter().map(|way| ready(fleet, way)).collect();
    parts(ways, &weights, rate)
}

/// The whole in proportion to weights; what gets nothing is left out.
fn parts<'w, 'f>(
    ways: &'w [Way<'f>],
    weights: &[u64],
    rate: impl Fn(&Way<'_>) -> u64,
) -> Vec<Part<'w, 'f>> {
    let parts = apportion_all(u64::from(WHOLE), weights);
    let row = |(way, parts): (&'w Way<'f>, u64)| Part {
        way,
        parts,
        rate: rate(way),
    };
    let rows = ways.iter().zip(parts).filter(|(_, parts)| *parts > 0);
    rows.map(row).collect()
}

/// Whether what a mesh does by itself is, but for rounding, what was planned.
fn carries(fleet: &Fleet<'_>, near: &[Way<'_>], natural: &[Part<'_, '_>], demand: u64) -> bool {
    let weights: Vec<u64> = near.iter().map(|way| ready(fleet, way)).collect();
    let expected = apportion(demand, &weights);
    let dust = u64::try_from(fleet.sources.len() + fleet.cells.len()).unwrap_or(u64::MAX);
    let close = |(part, expected): (&Part<'_, '_>, u64)| part.rate.abs_diff(expected) <= dust;
    let near_all: u128 = natural.iter().map(|part| u128::from(part.rate)).sum();
    near_all == u128::from(demand)
        && natural.len() == near.len()
        && natural.iter().zip(expected).all(close)
}

/// What was planned. Demand beyond all capacity is spread over all ways of known capacity, in proportion to what they
/// may carry: every one is over its limit alike, and the plan says by how much.
fn exact<'w, 'f>(
    fleet: &Fleet<'_>,
    ways: &'w [Way<'f>],
    unserved: u64,
    rate: impl Fn(&Way<'_>) -> u64,
) -> Vec<Part<'w, 'f>> {
    let weights: Vec<u64> = if unserved == 0 {
        ways.iter().map(&rate).collect()
    } else {
        let excess = apportion(unserved, &limits(fleet, ways));
        let over = ways.iter().zip(excess);
        over.map(|(way, excess)| rate(way).saturating_add(excess))
            .collect()
    };
    parts(ways, &weights, rate)
}

/// What each way of known capacity may carry; where that is nothing on all of them, how many endpoints are ready there.
fn limits(fleet: &Fleet<'_>, ways: &[Way<'_>]) -> Vec<u64> {
    let known = |way: &Way<'_>| way.cells.iter().all(|cell| fleet.limit(*cell).is_some());
    let limit = |way: &Way<'_>| {
        let limits = way.cells.iter().map(|cell| fleet.limit(*cell).unwrap_or(0));
        if known(way) {
            limits.fold(0, u64::saturating_add)
        } else {
            0
        }
    };
    let limits: Vec<u64> = ways.iter().map(limit).collect();
    if limits.iter().any(|limit| *limit > 0) {
        return limits;
    }
    ways.iter()
        .map(|way| if known(way) { ready(fleet, way) } else { 0 })
        .collect()
}

/// Whether two lists of shares are the same but for one part in [`WHOLE`].
fn alike(left: &[Part<'_, '_>], right: &[Part<'_, '_>]) -> bool {
    let close = |(l, r): (&Part<'_, '_>, &Part<'_, '_>)| {
        l.way.to == r.way.to && l.parts.abs_diff(r.parts) <= 1
    };
    left.len() == right.len() && left.iter().zip(right).all(close)
}

/// Remote networks that could serve and have no share, the nearest first.
fn standby(fleet: &Fleet<'_>, ways: &[Way<'_>], parts: &[Part<'_, '_>]) -> Vec<NetworkName> {
    let idle = ways
        .iter()
        .filter(|way| parts.iter().all(|part| part.way.to != way.to));
    let network = |way: &Way<'_>| match way.to {
        To::Network(at) => fleet.networks.get(at).map(|network| network.name.clone()),
        To::Zone(_) => None,
    };
    idle.filter_map(network).collect()
}

fn share(fleet: &Fleet<'_>, part: &Part<'_, '_>) -> Option<Share> {
    Some(Share {
        destination: part.way.destination(fleet)?,
        tier: part.way.tier,
        parts: u32::try_from(part.parts).unwrap_or(WHOLE),
        rate: Rate(part.rate),
    })
}
