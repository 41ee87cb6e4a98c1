//! Rates that are seen, from where they enter a plan's inputs to the plans that are committed of them, round after round.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod world;

use std::collections::BTreeMap;

use causeway_api::facts::EndpointCounts;
use causeway_api::plan::{
    CapacitySource, DemandSource, Destination, PlanInputs, Rate, ServicePlan, Source, WHOLE,
};
use causeway_api::{MemberName, ServiceKey, facts::Change};
use causeway_core::inputs::{self, Rates};
use causeway_failover::learn::{self, Seen};
use causeway_failover::plan;
use causeway_index::FactStore;
use causeway_state::{Command, Outcome, PlanProposal, apply_next};
use world::{World, key, name, snapshot, version};

/// What one endpoint can truly serve, in requests per second.
const TRUTH_RPS: u64 = 100;

/// What is seen of one service.
#[derive(Default)]
struct Measured {
    demand: BTreeMap<MemberName, Rate>,
    floors: BTreeMap<MemberName, Option<Rate>>,
}

impl Rates for Measured {
    fn demand(&self, service: &ServiceKey, source: &Source) -> Option<Rate> {
        assert_eq!(*service, key());
        self.demand.get(&source.member).copied()
    }

    fn per_endpoint(&self, service: &ServiceKey, member: &MemberName) -> Option<Rate> {
        assert_eq!(*service, key());
        self.floors.get(member).copied().flatten()
    }
}

fn measured(rows: &[(&str, u64)]) -> Measured {
    let demand = rows
        .iter()
        .map(|(member, rps)| (name(member), Rate::from_rps(*rps)));
    Measured {
        demand: demand.collect(),
        floors: BTreeMap::new(),
    }
}

/// Plans from what is seen, has it committed, and sees what follows; says what was planned.
fn turn(world: &mut World, facts: &FactStore, rates: &mut Measured) -> (PlanInputs, ServicePlan) {
    let inputs = inputs::plan_inputs_with(&world.state, facts, rates, &key()).unwrap();
    let row = world.state.plan(&key()).unwrap();
    let held = row.value.as_ref().map(|held| (&held.inputs, &held.plan));
    let next = plan::next(&inputs, held);
    let proposal = PlanProposal {
        service: key(),
        previous: Some(row.generation).filter(|_| next.rests_on_previous),
        plan: Some((inputs.clone(), next.plan.clone())),
    };
    match apply_next(&mut world.state, Command::CommitPlans(vec![proposal])) {
        Outcome::Accepted { effect, .. } => assert_eq!(effect.refused, []),
        Outcome::Unchanged => {}
        other => panic!("{other:?}"),
    }
    for zone in &inputs.destinations {
        let share = |source: &causeway_api::plan::SourcePlan| {
            let there = source.shares.iter().filter(|s| match &s.destination {
                Destination::Zone { member, .. } => *member == zone.member,
                Destination::Network(network) => *network == zone.network,
            });
            let parts: u32 = there.map(|share| share.parts).sum();
            let demand = rates.demand.get(&source.source.member);
            demand.map_or(0, |rate| rate.0) * u64::from(parts) / u64::from(WHOLE)
        };
        let load: u64 = next.plan.sources.iter().map(share).sum();
        let most = Rate::from_rps(TRUTH_RPS * u64::from(zone.ready)).0;
        let floor = rates.floors.entry(zone.member.clone()).or_default();
        let seen = Seen {
            rate: Rate(load.min(most)),
            ready: zone.ready,
        };
        *floor = learn::floor(*floor, seen);
    }
    (inputs, next.plan)
}

fn ready(facts: &mut FactStore, member: &str, sequence: u64, ready: u32) {
    let mut delta = snapshot(member);
    delta.version = version(sequence);
    for row in &mut delta.endpoints {
        let counts = EndpointCounts {
            ready,
            serving: ready,
            total: 2,
        };
        *row = Change::set(row.key.clone(), counts);
    }
    facts.apply(delta).unwrap();
}

#[test]
fn what_is_seen_becomes_plans_and_comes_to_rest() {
    let (mut world, mut facts) = World::planned();
    let mut rates = measured(&[("a", 150), ("b", 20), ("c", 20)]);
    let (first, _) = turn(&mut world, &facts, &mut rates);
    let demand = |inputs: &PlanInputs| {
        let rows = inputs.sources.iter();
        rows.map(|source| (source.demand, source.demand_source))
            .collect::<Vec<_>>()
    };
    for ((found, source), rps) in demand(&first).into_iter().zip([150, 20, 20]) {
        assert_eq!(source, DemandSource::Measured);
        let found = found.unwrap();
        assert!(found >= Rate::from_rps(rps) && found.0 <= rps * 1_000 * 17 / 16 + 1);
    }
    assert!(
        first
            .destinations
            .iter()
            .all(|zone| zone.capacity_source == CapacitySource::Unknown)
    );
    let rounds: Vec<_> = (0..6)
        .map(|_| turn(&mut world, &facts, &mut rates))
        .collect();
    let (inputs, at_home) = rounds.last().unwrap();
    let zone = &inputs.destinations[0];
    assert_eq!(zone.capacity_source, CapacitySource::Learned);
    let learned = zone.capacity.unwrap();
    assert!(learned > Rate::from_rps(140) && learned <= Rate::from_rps(150));
    assert!(rounds.iter().all(|round| round.1 == *at_home), "at rest");
    for source in &at_home.sources {
        assert_eq!(source.shares.len(), 1, "throughput is no limit at home");
        assert_eq!(source.shares[0].tier, 0);
    }
    // Nobody is at home any more: others are sent what they were seen to serve, and are asked for more as they serve it.
    ready(&mut facts, "a", 2, 0);
    let rounds: Vec<_> = (0..30)
        .map(|_| turn(&mut world, &facts, &mut rates).1)
        .collect();
    let elsewhere = &rounds[29].sources[0];
    assert!(
        !elsewhere.shares.is_empty()
            && elsewhere.shares.iter().all(
                |share| matches!(&share.destination, Destination::Network(n) if n.as_str() != "a")
            ),
        "{elsewhere:#?}"
    );
    assert!(
        rounds[24..].iter().all(|plan| *plan == rounds[29]),
        "at rest"
    );
    // And back, once it is.
    ready(&mut facts, "a", 3, 2);
    let rounds: Vec<_> = (0..6)
        .map(|_| turn(&mut world, &facts, &mut rates).1)
        .collect();
    assert_eq!(rounds[5].sources, at_home.sources);
}

#[test]
fn what_is_measured_no_longer_is_unknown_and_not_nothing() {
    let (mut world, facts) = World::planned();
    let mut rates = measured(&[("a", 150)]);
    turn(&mut world, &facts, &mut rates);
    rates.demand.clear();
    let (inputs, _) = turn(&mut world, &facts, &mut rates);
    let found = |inputs: &PlanInputs| (inputs.sources[0].demand, inputs.sources[0].demand_source);
    assert_eq!(found(&inputs), (None, DemandSource::Unknown));
}
