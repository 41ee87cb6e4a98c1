//! A plan for the tests of those who judge plans.
#![allow(clippy::unwrap_used)]

use causeway_api::plan::{
    CapacitySource, DemandSource, DestinationInput, EffectivePolicy, PlanInputs, Rate, Source,
    SourceInput,
};
use causeway_failover::plan::plan;
use causeway_state::CommittedPlan;

/// What an endpoint carries in it.
pub(crate) const EACH: Rate = Rate(100_000);

fn zone(member: &str, ready: u32) -> DestinationInput {
    DestinationInput {
        member: member.parse().unwrap(),
        zone: Some("z1".parse().unwrap()),
        region: Some(format!("region-{member}").parse().unwrap()),
        network: member.parse().unwrap(),
        exported: true,
        ready,
        total: ready,
        capacity: Some(Rate(EACH.0 * u64::from(ready))),
        capacity_source: CapacitySource::Declared,
        max_utilization_percent: 80,
        admitted_percent: 100,
        withdrawn: None,
        vacated: false,
        draining: false,
    }
}

/// Callers in member `a` ask for more than its one endpoint may serve; the rest goes to `b`.
pub(crate) fn committed() -> CommittedPlan {
    let inputs = PlanInputs {
        service: "shop/cart".parse().unwrap(),
        ports: Vec::new(),
        sources: vec![SourceInput {
            source: Source {
                member: "a".parse().unwrap(),
                zone: Some("z1".parse().unwrap()),
            },
            region: Some("region-a".parse().unwrap()),
            network: "a".parse().unwrap(),
            demand: Some(Rate(100_000)),
            demand_source: DemandSource::Declared,
            unreachable: Default::default(),
            ejected: Default::default(),
            together: Default::default(),
        }],
        destinations: vec![zone("a", 1), zone("b", 2)],
        gateways: Vec::new(),
        policy: EffectivePolicy::default(),
    };
    let plan = plan(&inputs);
    CommittedPlan {
        inputs,
        plan,
        previous: None,
    }
}

/// The same, with all of it sent to the nearest.
pub(crate) fn overfull() -> CommittedPlan {
    let mut held = committed();
    let source = held.plan.sources.first_mut().unwrap();
    source.shares.truncate(1);
    let share = source.shares.first_mut().unwrap();
    (share.parts, share.rate) = (causeway_api::plan::WHOLE, Rate(100_000));
    held
}
