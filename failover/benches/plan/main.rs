//! Time on one core to plan 10,000 services of 30 zones from scratch, and to plan one of them anew.
//!
//! Planned on three days: a quiet one, one with uneven load, and the day that a region is lost. What all take together is
//! this thread's time on a processor; what one takes is the median. Beside it, on every hundredth of the same services,
//! the time that a general solver of linear programs takes to find a plan that costs as much. Planned on from its plan a
//! service is as when it is decided: one of its zones asks for a tenth more. At last the same among all of them where
//! gateways declare what they carry, enough for all, and where one network's do not suffice.
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

use std::collections::{BTreeMap, BTreeSet};
use std::hint::black_box;
use std::time::Instant;

use causeway_api::ServiceKey;
use causeway_api::ids::NetworkName;
use causeway_api::plan::{PlanInputs, Rate};
use causeway_failover::allot::Shared;
use causeway_failover::plan::{cost, next, plan};
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
    share();
}

/// One zone asks for a tenth more.
fn changed(inputs: &PlanInputs) -> PlanInputs {
    let mut changed = inputs.clone();
    for source in changed.sources.iter_mut().take(1) {
        source.demand = source.demand.map(|demand| Rate(demand.0 + demand.0 / 10));
    }
    changed
}

/// One service planned anew among all that share gateways, on a day of uneven load.
fn share() {
    let mut shared = Shared::default();
    let day = Day::Uneven;
    for number in 0..SERVICES {
        let inputs = service(number, day);
        shared.note(&inputs.service, Some(&inputs));
    }
    let enough: BTreeMap<NetworkName, Rate> = (0..fleet::REGIONS)
        .map(|at| (format!("network-{at}").parse().unwrap(), Rate(u64::MAX)))
        .collect();
    let mut scarce = enough.clone();
    scarce.insert("network-1".parse().unwrap(), Rate::from_rps(1_000));
    for (limits, what, aim, every) in [
        (
            &enough,
            "gateways that suffice",
            Some("≤ 50 µs"),
            SOLVED / 10,
        ),
        (
            &scarce,
            "gateways of which one network's do not",
            None,
            SERVICES / 10,
        ),
    ] {
        let none = BTreeSet::new();
        let number_of = |key: &ServiceKey| {
            let number = key.name.as_str().strip_prefix("service-").unwrap();
            number.parse::<usize>().unwrap()
        };
        let mut inputs = |key: &ServiceKey| Some(service(number_of(key), day));
        shared.settle(limits, &none, &mut inputs);
        let mut taken = vec![];
        for number in (0..SERVICES).step_by(every) {
            let mut before = service(number, day);
            before.gateways = shared.of(&before.service);
            let held = plan(&before);
            let mut after = changed(&before);
            taken.push(micros(|| {
                shared.note(&after.service, Some(&after));
                shared.settle(limits, &none, &mut inputs);
                after.gateways = shared.of(&after.service);
                next(&after, Some((&before, &held)))
            }));
            shared.note(&before.service, Some(&before));
        }
        let row = format!("one service on from its plan, of {SERVICES} that share {what}");
        Measure::of("plan", row, median(&taken), "µs")
            .aim(aim)
            .print();
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
            let changed = changed(inputs);
            let on = || next(&changed, Some((inputs, &held)));
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
    of("one service on from its plan", median(&anew), "µs")
        .aim("≤ 50 µs")
        .print();
}

fn micros<T>(work: impl FnOnce() -> T) -> f64 {
    let began = Instant::now();
    black_box(work());
    began.elapsed().as_secs_f64() * 1e6
}
