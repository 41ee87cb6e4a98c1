//! Plans against an exact solver of linear programs: nobody serves more, and nobody who serves as much pays less.
#![allow(clippy::unwrap_used, clippy::cast_precision_loss)]

mod support;

use causeway_api::plan::{PlanInputs, Rate};
use causeway_failover::plan::{cost, plan};
use proptest::prelude::*;
use support::cases::cases;
use support::rich::rich;
use support::{fleets, lp, served, tight};

/// The aim is one percent; what is left is the solver's own arithmetic.
fn same(ours: f64, solver: f64) -> bool {
    (ours - solver).abs() <= 1e-6 * solver.abs() + 1e-3
}

fn compare(inputs: &PlanInputs) -> Result<(), TestCaseError> {
    let plan = plan(inputs);
    let best = lp::solve(inputs);
    let ours = served(&plan) as f64 / 1000.0;
    prop_assert!(
        same(ours, best.served),
        "{ours} are served and could be {}\n{plan:#?}",
        best.served
    );
    let ours = cost::of_plan(&plan) as f64 / 1000.0;
    prop_assert!(
        same(ours, best.cost),
        "it costs {ours} and could cost {}\n{plan:#?}",
        best.cost
    );
    Ok(())
}

/// The same fleet with numbers of a size that a solver can count with.
fn everyday(inputs: PlanInputs) -> PlanInputs {
    let mut everyday = inputs;
    for source in &mut everyday.sources {
        source.demand = source.demand.map(|demand| Rate(demand.0.min(5_000_000)));
    }
    for zone in &mut everyday.destinations {
        zone.capacity = zone
            .capacity
            .map(|capacity| Rate(capacity.0.min(50_000_000)));
    }
    everyday
}

proptest! {
    #![proptest_config(cases(1_000))]

    #[test]
    fn where_sources_compete_no_plan_costs_less(inputs in tight::tight()) {
        compare(&inputs)?;
    }

    #[test]
    fn whatever_is_out_forbidden_or_private_no_plan_costs_less(inputs in fleets(false)) {
        compare(&everyday(inputs))?;
    }

    #[test]
    fn within_gateways_ramps_and_orders_no_plan_costs_less(inputs in rich(true)) {
        compare(&everyday(inputs))?;
    }
}
