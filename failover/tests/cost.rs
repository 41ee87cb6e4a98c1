//! Plans against an exact solver of linear programs: nobody serves more, and nobody who serves as much pays less.
#![allow(clippy::unwrap_used, clippy::cast_precision_loss)]

mod support;

use causeway_api::plan::{PlanInputs, Rate};
use causeway_failover::plan::{cost, plan};
use proptest::prelude::*;
use support::cases::cases;
use support::rich::rich;
use support::scenario::parse;
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

/// Fleets where filling tier by tier is not cheapest, each for another reason: what is given from tier to tier costs so much,
/// and the cheapest plan so much, in thousands.
#[test]
fn where_the_waterfall_is_not_cheapest_a_chain_of_moves_is_found() {
    let one = |name: &str, text: &str, least: u64| {
        let mut inputs = parse(text);
        let found = cost::of_plan(&plan(&inputs));
        assert_eq!(found, u128::from(least) * 1_000, "{name}");
        // To a solver nothing may be unknown.
        for zone in &mut inputs.destinations {
            zone.capacity.get_or_insert_default();
        }
        for source in &mut inputs.sources {
            source.demand.get_or_insert_default();
        }
        compare(&inputs).unwrap();
    };
    // Both are nearest to x; b has farther to go than a where it has no room.
    let competing = "failover a x,y
         failover b x,o,p
         member x region=x
           zone z ready=1 each=100 max=100
         member y region=y
           zone z ready=1 each=100 max=100";
    let two = "member a region=a
           zone z demand=100
         member b region=b
           zone z demand=100";
    one(
        "who has less far to go gives way",
        &format!("{competing}\n{two}"),
        5_000,
    );
    let full = two.replace("demand=100", "demand=100 ready=1 each=0");
    one(
        "though nobody finds room next to it",
        &format!("{competing}\n{full}"),
        5_000,
    );
    let beside = "member w region=w
           zone z demand=100 ready=1 each=100 max=100";
    one(
        "beside those who stay where they are",
        &format!("{competing}\n{two}\n{beside}"),
        5_000,
    );
    // b has nothing but x, and a makes room: at c first, which comes first by name, and is farther than y.
    let spare = "failover a x,y,c
         failover b x
         member a region=a
           zone z demand=100
         member b region=b unreachable=c,y
           zone z demand=100
         member c region=c
           zone z ready=1 each=100 max=100
         member x region=x
           zone z ready=1 each=100 max=100
         member y region=y
           zone z ready=1 each=100 max=100";
    one("room that is spare is used", spare, 100 * 20 + 100 * 30);
    // q has nothing but x, p nothing but y, far away; r could leave x to q, and y's places would go to r for less.
    let scarce = "failover q x
         failover r x,y
         failover p o,o2,o3
         member q region=q unreachable=y
           zone z demand=100
         member r region=r
           zone z demand=100
         member p region=p unreachable=x
           zone z demand=100
         member x region=x
           zone z ready=1 each=100 max=100
         member y region=y
           zone z ready=1 each=100 max=100";
    one("who pays most is served last", scarce, 100 * 20 + 100 * 30);
    // The same, and everybody who is served has nothing nearer.
    let nearest = scarce.replace("failover q x", "failover q o,x");
    one(
        "though all are served next to them",
        &nearest,
        100 * 30 + 100 * 30,
    );
    // Three in a row, each of which gives way to the one before.
    let row = "failover a x,y
         failover b x,y,w
         failover c y,o,o2,o3,w
         member a region=a unreachable=w
           zone z demand=100
         member b region=b
           zone z demand=100
         member c region=c
           zone z demand=100
         member x region=x
           zone z ready=1 each=100 max=100
         member y region=y
           zone z ready=1 each=100 max=100
         member w region=w
           zone z ready=1 each=100 max=100";
    one("a chain of several", row, 100 * 20 + 100 * 20 + 100 * 40);
}
