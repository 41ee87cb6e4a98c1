//! The plan of one service as a linear program, from the words of the inputs alone, solved by a general solver.
//!
//! It shares nothing with the planner but the price of a tier: who may go where, and how far that is, is said here a
//! second time. Only for inputs whose demands and capacities are all known and of everyday size: a solver counts in
//! floating point.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_precision_loss
)]

use causeway_api::ids::Region;
use causeway_api::plan::{DestinationInput, PlanInputs, SourceInput, Withdrawal};
use causeway_failover::plan::cost;
use microlp::{ComparisonOp, OptimizationDirection, Problem, SolveOutcome, Variable};

/// What it costs to leave a request unserved: more than any chain of moves can save.
const UNSERVED: f64 = 100_000.0;

/// What the solver found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Optimum {
    /// What is served, in requests per second.
    pub(crate) served: f64,
    /// What that costs, as [`cost::of_plan`] counts it, in requests per second.
    pub(crate) cost: f64,
}

/// Solves: as much served as can be, and that as cheaply as can be.
pub(crate) fn solve(inputs: &PlanInputs) -> Optimum {
    let mut problem = Problem::new(OptimizationDirection::Minimize);
    let mut into: Vec<Vec<(Variable, f64)>> = vec![Vec::new(); inputs.destinations.len()];
    let mut flows: Vec<(Variable, f64)> = Vec::new();
    for source in &inputs.sources {
        let mut out: Vec<(Variable, f64)> = Vec::new();
        for (zone, into) in inputs.destinations.iter().zip(&mut into) {
            if let Some(tier) = tier(inputs, source, zone) {
                let price = f64::from(cost::of_tier(tier));
                let flow = problem.add_var(price, (0.0, f64::INFINITY));
                flows.push((flow, price));
                out.push((flow, 1.0));
                into.push((flow, 1.0));
            }
        }
        out.push((problem.add_var(UNSERVED, (0.0, f64::INFINITY)), 1.0));
        problem.add_constraint(&out, ComparisonOp::Eq, rps(source.demand.unwrap().0));
    }
    for (zone, into) in inputs.destinations.iter().zip(into) {
        if !into.is_empty() {
            let limit = zone.capacity.unwrap().percent(zone.max_utilization_percent);
            problem.add_constraint(&into, ComparisonOp::Le, rps(limit.0));
        }
    }
    let SolveOutcome::Solution(solution) = problem.solve().unwrap() else {
        panic!("the solver was not given a limit");
    };
    Optimum {
        served: flows
            .iter()
            .map(|(flow, _)| solution.var_value(*flow))
            .sum(),
        cost: flows
            .iter()
            .map(|(flow, cost)| solution.var_value(*flow) * cost)
            .sum(),
    }
}

pub(crate) fn rps(milli: u64) -> f64 {
    milli as f64 / 1000.0
}

/// How far a zone is from a source; `None`: it may not go there.
fn tier(inputs: &PlanInputs, source: &SourceInput, zone: &DestinationInput) -> Option<u8> {
    let own_member = zone.member == source.source.member;
    if zone.network == source.network {
        let out = [
            Withdrawal::Lost,
            Withdrawal::Recovering,
            Withdrawal::NotAllowed,
        ];
        let barred = !zone.exported
            || !permitted(inputs, zone)
            || zone.withdrawn.is_some_and(|w| out.contains(&w));
        if zone.ready == 0 || (barred && !own_member) {
            return None;
        }
        if own_member && zone.zone == source.source.zone {
            return Some(0);
        }
        let unknown = zone.region.is_none() || source.region.is_none();
        return Some(match region_tier(inputs, source, zone.region.as_ref()) {
            Some(tier) if !(own_member && unknown) => tier,
            _ => 1,
        });
    }
    let answers = |other: &&DestinationInput| {
        other.network == zone.network && other.exported && other.ready > 0
    };
    let theirs = || inputs.destinations.iter().filter(answers);
    let closed = theirs().any(|other| {
        matches!(other.withdrawn, None | Some(Withdrawal::NotAllowed)) && !permitted(inputs, other)
    });
    if closed || !answers(&zone) || zone.withdrawn.is_some() {
        return None;
    }
    let up = theirs().filter(|other| other.withdrawn.is_none());
    up.map(|other| region_tier(inputs, source, other.region.as_ref()).unwrap_or(2))
        .max()
}

fn permitted(inputs: &PlanInputs, zone: &DestinationInput) -> bool {
    let regions = &inputs.policy.allowed_regions;
    let named = zone
        .region
        .as_ref()
        .is_some_and(|region| regions.contains(region));
    !inputs.policy.nowhere
        && zone.withdrawn != Some(Withdrawal::NotAllowed)
        && (regions.is_empty() || named)
}

/// `None`: the source's own region.
fn region_tier(inputs: &PlanInputs, source: &SourceInput, region: Option<&Region>) -> Option<u8> {
    if region.is_some() && region == source.region.as_ref() {
        return None;
    }
    let mut order: Vec<&Region> = Vec::new();
    let own = source.region.as_ref();
    for named in own
        .and_then(|own| inputs.policy.failover.get(own))
        .into_iter()
        .flatten()
    {
        if Some(named) != own && !order.contains(&named) {
            order.push(named);
        }
    }
    let at = order
        .iter()
        .position(|named| Some(*named) == region)
        .unwrap_or(order.len());
    Some(3 + u8::try_from(at).unwrap())
}
