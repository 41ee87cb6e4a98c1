//! The plan of one service, or of several that enter networks by the same gateways, as a linear program, from the words of the
//! inputs alone, solved by a general solver.
//!
//! It shares nothing with the planner but the price of a tier: who may go where, and how far that is, is said here a
//! second time. Only for inputs whose demands and capacities are all known and of everyday size: a solver counts in
//! floating point.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_precision_loss
)]

use std::collections::BTreeMap;

use causeway_api::ids::{NetworkName, Region};
use causeway_api::plan::{DestinationInput, PlanInputs, Rate, SourceInput, Withdrawal};
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
    solve_all(std::slice::from_ref(inputs), &BTreeMap::new())
}

/// The same over several services, which enter each of these networks with no more than so much, all together.
pub(crate) fn solve_all(services: &[PlanInputs], limits: &BTreeMap<NetworkName, Rate>) -> Optimum {
    let mut program = Program {
        problem: Problem::new(OptimizationDirection::Minimize),
        flows: Vec::new(),
        entering: BTreeMap::new(),
    };
    for inputs in services {
        program.add(inputs);
    }
    for (network, limit) in limits {
        if let Some(entering) = program.entering.get(network) {
            let problem = &mut program.problem;
            problem.add_constraint(entering, ComparisonOp::Le, rps(limit.0));
        }
    }
    program.optimum()
}

struct Program {
    problem: Problem,
    /// Each flow, and what it costs.
    flows: Vec<(Variable, f64)>,
    /// What enters each network through its gateways.
    entering: BTreeMap<NetworkName, Vec<(Variable, f64)>>,
}

impl Program {
    /// One service's own part.
    fn add(&mut self, inputs: &PlanInputs) {
        let problem = &mut self.problem;
        let mut into: Vec<Vec<(Variable, f64)>> = vec![Vec::new(); inputs.destinations.len()];
        let mut elsewhere: Vec<Vec<(Variable, f64)>> = vec![Vec::new(); inputs.destinations.len()];
        let mut entering: Vec<Vec<(Variable, f64)>> = vec![Vec::new(); inputs.gateways.len()];
        for source in &inputs.sources {
            let mut out: Vec<(Variable, f64)> = Vec::new();
            for (at, (zone, into)) in inputs.destinations.iter().zip(&mut into).enumerate() {
                if let Some(tier) = tier(inputs, source, zone) {
                    let price = f64::from(cost::of_tier(tier));
                    let flow = problem.add_var(price, (0.0, f64::INFINITY));
                    self.flows.push((flow, price));
                    out.push((flow, 1.0));
                    into.push((flow, 1.0));
                    if zone.member != source.source.member {
                        elsewhere[at].push((flow, 1.0));
                    }
                    if zone.network != source.network {
                        let all = self.entering.entry(zone.network.clone()).or_default();
                        all.push((flow, 1.0));
                        for (gateway, entering) in inputs.gateways.iter().zip(&mut entering) {
                            if gateway.network == zone.network {
                                entering.push((flow, 1.0));
                            }
                        }
                    }
                }
            }
            out.push((problem.add_var(UNSERVED, (0.0, f64::INFINITY)), 1.0));
            problem.add_constraint(&out, ComparisonOp::Eq, rps(source.demand.unwrap().0));
        }
        let rows = inputs.destinations.iter().zip(into).zip(elsewhere);
        for ((zone, into), elsewhere) in rows {
            let limit = zone.capacity.unwrap().percent(zone.max_utilization_percent);
            let held = limit.percent(zone.admitted_percent);
            let left = zone.withdrawn == Some(Withdrawal::Evacuated);
            if !into.is_empty() {
                let limit = if left { held } else { limit };
                problem.add_constraint(&into, ComparisonOp::Le, rps(limit.0));
            }
            if !elsewhere.is_empty() {
                problem.add_constraint(&elsewhere, ComparisonOp::Le, rps(held.0));
            }
        }
        for (gateway, entering) in inputs.gateways.iter().zip(entering) {
            if !entering.is_empty() {
                problem.add_constraint(&entering, ComparisonOp::Le, rps(gateway.limit.0));
            }
        }
    }

    fn optimum(self) -> Optimum {
        let SolveOutcome::Solution(solution) = self.problem.solve().unwrap() else {
            panic!("the solver was not given a limit");
        };
        let sums = |of: fn(f64) -> f64| {
            let flows = self.flows.iter();
            flows
                .map(|(flow, price)| solution.var_value(*flow) * of(*price))
                .sum()
        };
        Optimum {
            served: sums(|_| 1.0),
            cost: sums(|price| price),
        }
    }
}

pub(crate) fn rps(milli: u64) -> f64 {
    milli as f64 / 1000.0
}

/// Why a zone is out, with what follows from its health and from what it admits.
fn out(inputs: &PlanInputs, zone: &DestinationInput) -> Option<Withdrawal> {
    let steps = (1..100).contains(&zone.admitted_percent);
    if let Some(why) = zone.withdrawn
        && !(why == Withdrawal::Evacuated && steps)
    {
        return Some(why);
    }
    let least = u64::from(inputs.policy.min_healthy_percent) * u64::from(zone.total);
    if u64::from(zone.ready) * 100 < least {
        return Some(Withdrawal::Unhealthy);
    }
    (zone.admitted_percent == 0).then_some(Withdrawal::Recovering)
}

/// How far a zone is from a source; `None`: it may not go there.
fn tier(inputs: &PlanInputs, source: &SourceInput, zone: &DestinationInput) -> Option<u8> {
    let named = source
        .region
        .as_ref()
        .and_then(|own| inputs.policy.failover.get(own));
    let named: std::collections::BTreeSet<&Region> = named
        .into_iter()
        .flatten()
        .filter(|region| Some(*region) != source.region.as_ref())
        .collect();
    let beyond = 3 + u8::try_from(named.len()).unwrap();
    let ordered = inputs.policy.strategy == causeway_api::rules::Strategy::Ordered;
    let own = zone.member == source.source.member && zone.network == source.network;
    distance(inputs, source, zone).filter(|tier| !ordered || own || *tier < beyond)
}

/// How far a zone is, whatever policy names.
fn distance(inputs: &PlanInputs, source: &SourceInput, zone: &DestinationInput) -> Option<u8> {
    let own_member = zone.member == source.source.member;
    let why = out(inputs, zone);
    if zone.network == source.network {
        let gateways = [Withdrawal::NoGateway, Withdrawal::ConflictingGateways];
        let barred = !zone.exported
            || !permitted(inputs, zone)
            || why.is_some_and(|why| !gateways.contains(&why));
        let left = own_member && (zone.vacated || why == Some(Withdrawal::Evacuated));
        if zone.ready == 0 || left || (barred && !own_member) {
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
        let up = matches!(
            out(inputs, other),
            None | Some(Withdrawal::NotAllowed | Withdrawal::Evacuated | Withdrawal::Unhealthy)
        );
        up && !permitted(inputs, other)
    });
    let reached = !source.unreachable.contains(&zone.network);
    if closed || !reached || !answers(&zone) || why.is_some() {
        return None;
    }
    let up = theirs().filter(|other| out(inputs, other).is_none());
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
