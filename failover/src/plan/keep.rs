//! Planning on from the plan before: what need not move stays.
//!
//! Of the plans that serve as much as one from scratch, and cost at most [`Stability::gain_percent`] more, the one that
//! moves least is taken. Tried are, in this order, so that the first of equals wins, and no further than to one that moves
//! nothing:
//!
//! Shares that are declared by weight are what they are: there is nothing to choose.
//!
//! 1. the previous shares at today's demand, if every zone still carries them;
//! 2. the waterfall, where each source first asks each tier for what it had there;
//! 3. the same, moved to where it costs less;
//! 4. the plan from scratch: so that never more is moved than it would.

use std::collections::BTreeMap;

use causeway_api::plan::{DestinationInput, PlanInputs, PlanKind, ServicePlan, SourcePlan};

use super::apportion::apportion;
use super::bounds::Bounds;
use super::fleet::Fleet;
use super::flows::Flows;
use super::tiers::{To, Way};
use super::waterfall::{Wishes, fill, nearest, start, wish};
use super::{augment, bound, cost, finish, from_scratch, improve};

/// What it takes for traffic to move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stability {
    /// How much dearer than the cheapest plan one may be that moves less, in percent of the cheapest.
    pub gain_percent: u8,
}

impl Default for Stability {
    fn default() -> Self {
        Self { gain_percent: 1 }
    }
}

/// A plan, and whether the plan before made it what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Next {
    /// The plan.
    pub plan: ServicePlan,
    /// Whether it is another than from scratch: then the plan before is one of the things that it was computed from, and
    /// has to be kept with it.
    pub rests_on_previous: bool,
}

/// Plans one service as is done when it is decided: on from the plan before, with the [`Stability`] in force; from scratch
/// where something has returned since, or is further up its ramp. Without that, what left for a place that is as near would
/// never come back.
#[must_use]
pub fn next(inputs: &PlanInputs, held: Option<(&PlanInputs, &ServicePlan)>) -> Next {
    let held = held.filter(|(before, _)| !returns(before, inputs));
    on(inputs, held.map(|(_, plan)| plan), Stability::default())
}

/// Whether some destination may take more than before, by more than its endpoints.
fn returns(before: &PlanInputs, now: &PlanInputs) -> bool {
    let admitted = |zone: &DestinationInput| match zone.withdrawn {
        None => zone.admitted_percent,
        Some(_) => 0,
    };
    let key = |zone: &DestinationInput| (zone.member.clone(), zone.zone.clone());
    let before: BTreeMap<_, u8> = before
        .destinations
        .iter()
        .map(|zone| (key(zone), admitted(zone)))
        .collect();
    let mut now = now.destinations.iter();
    now.any(|zone| {
        before
            .get(&key(zone))
            .is_some_and(|was| admitted(zone) > *was)
    })
}

/// Computes a decision again, from what is committed with it: the inputs, and the plan before where it rested on that. The
/// same build gives the very same bytes.
#[must_use]
pub fn replay(inputs: &PlanInputs, previous: Option<&ServicePlan>) -> ServicePlan {
    on(inputs, previous, Stability::default()).plan
}

/// Plans one service whose plan was `previous`. Equal to [`super::plan()`] where there is none, in what it serves, and but for
/// [`Stability`] in what it costs.
#[must_use]
pub fn plan_with_previous(
    inputs: &PlanInputs,
    previous: Option<&ServicePlan>,
    stability: Stability,
) -> ServicePlan {
    on(inputs, previous, stability).plan
}

fn on(inputs: &PlanInputs, previous: Option<&ServicePlan>, stability: Stability) -> Next {
    let fleet = Fleet::new(inputs);
    let ways = super::tiers::ways(&fleet);
    let fresh = from_scratch(&fleet, &ways);
    let kept = previous
        .filter(|previous| **previous != fresh)
        .map(|previous| keep(&fleet, &ways, &fresh, previous, stability));
    match kept.filter(|kept| *kept != fresh) {
        Some(plan) => Next {
            plan,
            rests_on_previous: true,
        },
        None => Next {
            plan: fresh,
            rests_on_previous: false,
        },
    }
}

/// Of the plans that are as good as the one from scratch, the one that moves least.
fn keep(
    fleet: &Fleet<'_>,
    ways: &[Vec<Way<'_>>],
    fresh: &ServicePlan,
    previous: &ServicePlan,
    stability: Stability,
) -> ServicePlan {
    if fleet.by_weight() {
        return steady(fresh.clone(), previous);
    }
    let dearest = cost::of_plan(fresh) * (100 + u128::from(stability.gain_percent)) / 100;
    let worth =
        |plan: &ServicePlan| served(plan) == served(fresh) && cost::of_plan(plan) <= dearest;
    let mut best: Option<(u128, ServicePlan)> = None;
    for plan in as_good(fleet, ways, previous).filter(worth) {
        let moved = moved(previous, &plan);
        if best.as_ref().is_none_or(|(least, _)| moved < *least) {
            best = Some((moved, plan));
        }
        if moved == 0 {
            break;
        }
    }
    let best = best.filter(|(least, _)| *least <= moved(previous, fresh));
    steady(
        best.map_or_else(|| fresh.clone(), |(_, plan)| plan),
        previous,
    )
}

/// What is tried, in order, each computed when it is asked for.
fn as_good(
    fleet: &Fleet<'_>,
    ways: &[Vec<Way<'_>>],
    previous: &ServicePlan,
) -> impl Iterator<Item = ServicePlan> {
    let bounds = Bounds::new(fleet);
    let as_it_was = [false, true].into_iter().filter_map(move |natural| {
        let kept = as_it_was(fleet, ways, previous, natural)?;
        bounds.hold(&kept).then(|| finish(fleet, ways, kept))
    });
    let mut filled: Option<Flows> = None;
    let anew = [false, true].into_iter().map(move |cheapest| {
        let flows = filled.get_or_insert_with(|| {
            let mut flows = start(fleet, ways);
            fill(fleet, ways, &mut flows, &|tier, flows| {
                had(fleet, ways, previous, tier, flows)
            });
            augment::augment(ways, &mut flows);
            flows
        });
        if cheapest {
            improve::improve(fleet, ways, flows);
        }
        let mut flows = flows.clone();
        bound(fleet, ways, &mut flows, cheapest);
        finish(fleet, ways, flows)
    });
    as_it_was.chain(anew)
}

/// How much of the sources' demand goes elsewhere than before: for each share that shrank, by how many parts, weighed by
/// the source's demand of today (unknown demand counts as one request a second).
fn moved(before: &ServicePlan, after: &ServicePlan) -> u128 {
    let of = |(at, source): (usize, &SourcePlan)| {
        let rates = source.shares.iter().map(|share| u128::from(share.rate.0));
        let demand = (rates.sum::<u128>() + u128::from(source.unserved.0)).max(1_000);
        // Mostly it stands where it stood.
        let there = before.sources.get(at);
        let mut all = there.into_iter().chain(&before.sources);
        let Some(old) = all.find(|old| old.source == source.source) else {
            return 0;
        };
        let gone = old.shares.iter().map(|old| {
            let same = source
                .shares
                .iter()
                .find(|new| new.destination == old.destination);
            u128::from(old.parts.saturating_sub(same.map_or(0, |new| new.parts)))
        });
        gone.sum::<u128>() * demand
    };
    let sources = after.sources.iter().enumerate();
    sources.map(of).fold(0, u128::saturating_add)
}

/// What the sources are assigned, all together.
fn served(plan: &ServicePlan) -> u128 {
    let shares = plan.sources.iter().flat_map(|source| &source.shares);
    shares.map(|share| u128::from(share.rate.0)).sum()
}

/// The previous shares at today's demand; `None` where they do not fit. `natural`: sources that go by priorities go as
/// their mesh takes them today; else as it did then.
fn as_it_was(
    fleet: &Fleet<'_>,
    ways: &[Vec<Way<'_>>],
    previous: &ServicePlan,
    natural: bool,
) -> Option<Flows> {
    let mut flows = start(fleet, ways);
    let mut wanted: Vec<(usize, &Way<'_>, u64)> = Vec::new();
    for (at, ways) in ways
        .iter()
        .enumerate()
        // A source without any way keeps what it had by its last resort.
        .filter(|(at, ways)| flows.is_planned(*at) && !ways.is_empty())
    {
        let old = of_source(previous, fleet, at)?;
        let demand = fleet.sources.get(at)?.demand?.0;
        if natural && old.kind == PlanKind::Nearest && old.unserved.0 == 0 {
            let near = nearest(ways);
            let weight = |way: &Way<'_>| {
                let ready = way.cells.iter().map(|cell| fleet.ready(*cell));
                ready.fold(0_u64, u64::saturating_add)
            };
            let ready: Vec<u64> = near.iter().map(weight).collect();
            let rates = near.iter().zip(apportion(demand, &ready));
            wanted.extend(rates.map(|(way, rate)| (at, way, rate)));
        } else {
            for (destination, tier, rate) in rates(old, demand) {
                let same = |way: &&Way<'_>| {
                    way.tier == tier && way.destination(fleet).as_ref() == Some(destination)
                };
                wanted.push((at, ways.iter().find(same)?, rate));
            }
        }
    }
    // What names a zone first: a network's gateway may choose among its zones.
    wanted.sort_by_key(|(source, way, _)| (matches!(way.to, To::Network(_)), *source));
    for (source, way, rate) in wanted {
        let mut wishes = Wishes::new();
        wish(source, way, rate, &flows, &mut wishes);
        let asked: u64 = wishes.iter().map(|(_, _, rate)| rate).sum();
        if asked != rate
            || wishes
                .iter()
                .any(|(_, cell, rate)| flows.room_of(*cell) < *rate)
        {
            return None;
        }
        for (source, cell, rate) in wishes {
            flows.add(source, cell, rate);
            flows.serve(source, rate);
        }
    }
    Some(flows)
}

/// Shares that are the previous ones but for rounding are the previous ones.
fn steady(mut plan: ServicePlan, previous: &ServicePlan) -> ServicePlan {
    for source in &mut plan.sources {
        let Some(old) = previous
            .sources
            .iter()
            .find(|old| old.source == source.source)
        else {
            continue;
        };
        let pairs = || source.shares.iter().zip(&old.shares);
        let same = source.shares.len() == old.shares.len()
            && pairs().all(|(new, old)| {
                new.destination == old.destination && new.parts.abs_diff(old.parts) <= 1
            });
        if same {
            for (new, old) in source.shares.iter_mut().zip(&old.shares) {
                new.parts = old.parts;
            }
        }
    }
    plan
}

/// What sources had in a tier that are still waiting. What goes to a nearest tier by priorities is left to the mesh, which
/// follows ready endpoints.
fn had(
    fleet: &Fleet<'_>,
    ways: &[Vec<Way<'_>>],
    previous: &ServicePlan,
    tier: u8,
    flows: &Flows,
) -> Wishes {
    let mut wishes = Wishes::new();
    for (at, ways) in ways.iter().enumerate() {
        let mut left = flows.left_of(at);
        let old = of_source(previous, fleet, at).filter(|old| old.kind == PlanKind::Spill);
        let Some(old) = old else {
            continue;
        };
        let demand = fleet.sources.get(at).and_then(|source| source.demand);
        for (destination, _, rate) in rates(old, demand.unwrap_or_default().0) {
            let same = |way: &&Way<'_>| {
                way.tier == tier && way.destination(fleet).as_ref() == Some(destination)
            };
            let Some(way) = ways.iter().find(same) else {
                continue;
            };
            let rate = rate.min(left);
            left -= rate;
            wish(at, way, rate, flows, &mut wishes);
        }
    }
    wishes
}

fn of_source<'p>(plan: &'p ServicePlan, fleet: &Fleet<'_>, at: usize) -> Option<&'p SourcePlan> {
    let source = fleet.sources.get(at)?;
    plan.sources.iter().find(|old| old.source == source.source)
}

/// What a source would send where it sent it before, at another demand: destination, tier, rate.
fn rates(
    old: &SourcePlan,
    demand: u64,
) -> impl Iterator<Item = (&causeway_api::plan::Destination, u8, u64)> {
    let before: Vec<u64> = old.shares.iter().map(|share| share.rate.0).collect();
    let sum: u64 = before.iter().fold(0, |sum, rate| sum.saturating_add(*rate));
    let all = sum.saturating_add(old.unserved.0);
    // What was not served then is not asked for here: it goes where there is room.
    let asked = if all == 0 {
        0
    } else {
        u64::try_from(u128::from(demand) * u128::from(sum) / u128::from(all)).unwrap_or(u64::MAX)
    };
    let rates = apportion(asked, &before);
    let rows = old.shares.iter().zip(rates);
    rows.map(|(share, rate)| (&share.destination, share.tier, rate))
}
