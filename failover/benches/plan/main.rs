//! Time on one core to plan 10,000 services of 30 zones from scratch, and to plan one of them anew.
//!
//! Planned on three days: a quiet one, one with uneven load, and the day that a region is lost. What all take together is
//! this thread's time on a processor; what one takes is the median. Beside it, on every hundredth of the same services,
//! the time that a general solver of linear programs takes to find a plan that costs as much.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::cast_precision_loss,
    missing_docs
)]

#[path = "../../tests/support/lp.rs"]
mod lp;

mod fleet;

use std::hint::black_box;
use std::time::Instant;

use causeway_api::plan::{PlanInputs, Rate};
use causeway_failover::plan::{Stability, cost, plan, plan_with_previous};
use causeway_measure::{Measure, median, processor_ns};
use fleet::{Day, service};

const SERVICES: usize = 10_000;
const BATCH: usize = 1_000;
/// Every so many services the solver gets one too.
const SOLVED: usize = 100;

fn main() {
    let days = [
        (Day::Quiet, "a quiet day"),
        (Day::Uneven, "uneven load"),
        (Day::RegionLost, "a region lost"),
    ];
    for (day, name) in days {
        measure(day, name);
    }
}

fn measure(day: Day, name: &str) {
    let (mut one, mut anew, mut solver, mut ratios) = (vec![], vec![], vec![], vec![]);
    let mut all_ns = 0;
    for batch in 0..SERVICES / BATCH {
        let services = batch * BATCH..(batch + 1) * BATCH;
        let inputs: Vec<PlanInputs> = services.map(|number| service(number, day)).collect();
        let began = processor_ns();
        for inputs in &inputs {
            black_box(plan(black_box(inputs)));
        }
        all_ns += processor_ns() - began;
        for inputs in inputs.iter().step_by(SOLVED / 10) {
            let ours = micros(|| plan(inputs));
            one.push(ours);
            let held = plan(inputs);
            let mut changed = inputs.clone();
            for source in changed.sources.iter_mut().take(1) {
                source.demand = source.demand.map(|demand| Rate(demand.0 + demand.0 / 10));
            }
            let on = || plan_with_previous(&changed, Some(&held), Stability::default());
            anew.push(micros(on));
        }
        for inputs in inputs.iter().step_by(SOLVED) {
            let ours = micros(|| plan(inputs));
            let theirs = micros(|| lp::solve(inputs));
            let (least, found) = (lp::solve(inputs).cost, cost::of_plan(&plan(inputs)));
            let close = (least - found as f64 / 1000.0).abs() <= 1e-6 * least + 1e-3;
            assert!(close, "the solver found {least}, and we {found}");
            solver.push(theirs);
            ratios.push(ours / theirs);
        }
    }
    let of = |measure: &str, ours: f64, unit: &str| {
        Measure::of("plan", format!("{measure}, {name}"), ours, unit)
    };
    let all = format!(
        "{SERVICES} services × {} zones from scratch",
        fleet::REGIONS * fleet::ZONES
    );
    of(&all, all_ns as f64 / 1e9, "s").aim("≤ 1 s").print();
    of("one service", median(&one), "µs")
        .beside(median(&solver))
        .ratio(median(&ratios))
        .aim("≤ 50 µs")
        .print();
    of("one service on from its plan", median(&anew), "µs").print();
}

fn micros<T>(work: impl FnOnce() -> T) -> f64 {
    let began = Instant::now();
    black_box(work());
    began.elapsed().as_secs_f64() * 1e6
}
