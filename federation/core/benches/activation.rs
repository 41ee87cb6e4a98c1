//! What a replica spends between the decisive vote and the first command that shifts traffic, for fleets of a thousand and of ten
//! thousand services: it should not depend on how many there are.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::cast_precision_loss,
    missing_docs
)]

use std::collections::BTreeSet;
use std::hint::black_box;

use causeway_api::ServiceKey;
use causeway_api::domain::Domain;
use causeway_api::facts::{GatewayAddress, GatewayFact};
use causeway_api::ids::ReplicaId;
use causeway_api::plan::{
    CapacitySource, DemandSource, DestinationInput, PlanInputs, Rate, Source, SourceInput,
};
use causeway_api::spec::{MemberSpec, Placement};
use causeway_api::verdict::{Ballot, ObserverId, Vote};
use causeway_core::contingencies::Contingencies;
use causeway_failover::plan::plan;
use causeway_measure::{Measure, processor_ns};
use causeway_state::{Command, Outcome, PlanProposal, State, apply_next};

const MEMBERS: usize = 10;
/// Proposals in the first command, as a replica takes them.
const BATCH: usize = 256;
/// What the system counts of a processor may move in steps of some milliseconds: so much is done that those don't matter.
const ROUNDS: usize = 100;

#[derive(Clone)]
struct World {
    state: State,
}

impl World {
    fn new(services: usize) -> Self {
        let mut world = Self {
            state: State::default(),
        };
        world.apply(Command::Bootstrap { incarnation: 1 });
        let level = causeway_state::level::FEATURE_LEVEL;
        world.apply(Command::RaiseLevel { level });
        for at in 0..MEMBERS {
            let member = format!("m{at}");
            world.apply(Command::PutMember(MemberSpec::minimal(
                member.parse().unwrap(),
            )));
            let gateway = GatewayFact {
                network: member.parse().unwrap(),
                addresses: vec![GatewayAddress::Host(format!("{member}.example"))],
                port: 15443,
            };
            world.apply(Command::PlaceMember {
                member: member.parse().unwrap(),
                placement: Placement {
                    cluster_uid: format!("uid-{member}"),
                    region: Some(format!("r{at}").parse().unwrap()),
                    zones: ["z1".parse().unwrap()].into(),
                    network: member.parse().unwrap(),
                    gateways: [("eastwest".parse().unwrap(), gateway)].into(),
                },
            });
        }
        let proposals: Vec<PlanProposal> = (0..services).map(|at| world.proposal(at)).collect();
        for batch in proposals.chunks(BATCH) {
            world.apply(Command::CommitPlans(batch.to_vec()));
        }
        assert_eq!(world.state.plans.len(), services);
        world
    }

    /// A service that all members serve, each asked for more than it may carry, so that it spills.
    fn proposal(&self, at: usize) -> PlanProposal {
        let service: ServiceKey = format!("shop/s{at:05}").parse().unwrap();
        let source = |at: usize| SourceInput {
            source: Source {
                member: format!("m{at}").parse().unwrap(),
                zone: Some("z1".parse().unwrap()),
            },
            region: Some(format!("r{at}").parse().unwrap()),
            network: format!("m{at}").parse().unwrap(),
            demand: Some(Rate::from_rps(if at == 0 { 500 } else { 100 })),
            demand_source: DemandSource::Declared,
            unreachable: BTreeSet::new(),
            together: Default::default(),
        };
        let zone = |at: usize| DestinationInput {
            member: format!("m{at}").parse().unwrap(),
            zone: Some("z1".parse().unwrap()),
            region: Some(format!("r{at}").parse().unwrap()),
            network: format!("m{at}").parse().unwrap(),
            exported: true,
            ready: 4,
            total: 4,
            capacity: Some(Rate::from_rps(400)),
            capacity_source: CapacitySource::Declared,
            max_utilization_percent: 80,
            admitted_percent: 100,
            vacated: false,
            withdrawn: None,
        };
        let inputs = PlanInputs {
            policy: self.state.policy(&service).policy,
            service: service.clone(),
            ports: Vec::new(),
            sources: (0..MEMBERS).map(source).collect(),
            destinations: (0..MEMBERS).map(zone).collect(),
            gateways: Vec::new(),
        };
        let plan = plan(&inputs);
        PlanProposal {
            service,
            plan: Some((inputs, plan)),
            previous: None,
        }
    }

    fn apply(&mut self, command: Command) -> Outcome {
        let outcome = apply_next(&mut self.state, command);
        assert!(!matches!(outcome, Outcome::Refused(_)), "{outcome:?}");
        outcome
    }

    /// The decisive command, and what applying it took.
    fn lose(&mut self, member: &str) -> u64 {
        for ballot in [Ballot::Reachable, Ballot::Unreachable] {
            for subject in [
                format!("gateway/{member}/eastwest"),
                format!("session/{member}"),
            ] {
                self.apply(Command::CastVotes(vec![Vote {
                    observer: ObserverId::Replica(ReplicaId(1)),
                    domain: "here".parse().unwrap(),
                    subject: subject.parse().unwrap(),
                    ballot,
                    evidence: "as probed".to_owned(),
                }]));
            }
        }
        for _ in 0..600 {
            let mut stage = vec![self.clone(); ROUNDS];
            let activates = |outcome: Outcome| matches!(outcome, Outcome::Accepted { effect, .. } if effect.activated.is_some());
            let tick = Command::Tick { elapsed_ms: 1_000 };
            if activates(self.apply(tick.clone())) {
                let began = processor_ns();
                for world in &mut stage {
                    black_box(world.apply(tick.clone()));
                }
                return (processor_ns() - began) / ROUNDS as u64;
            }
        }
        unreachable!("nothing came into force")
    }
}

fn main() {
    for services in [1_000, 10_000] {
        let mut world = World::new(services);
        let mut contingencies = Contingencies::default();
        contingencies.place(&world.state);
        for service in contingencies.take(usize::MAX) {
            let row = world
                .state
                .plan(&service)
                .and_then(|row| row.value.as_ref());
            contingencies.update(&service, row.map(|held| (&held.inputs, &held.plan)));
        }
        while contingencies.settle(&world.state.plans) {}
        let row = |(domain, prepared): (&Domain, &causeway_failover::contingency::Prepared)| {
            (
                domain.clone(),
                Some((prepared.hash(), prepared.readiness())),
            )
        };
        let rows = contingencies.iter().map(row).collect();
        world.apply(Command::CommitContingencies(rows));
        let applied_ns = world.lose("m1");
        let active = world.state.brain.contingencies.active.clone().unwrap();
        let prepared = contingencies.of(&active.domain).unwrap();
        assert_eq!(prepared.hash(), active.hash);
        let began = processor_ns();
        for _ in 0..ROUNDS {
            let proposals: Vec<PlanProposal> = prepared
                .next(None, BATCH)
                .into_iter()
                .filter_map(|(_, service)| {
                    let row = world.state.plan(&service)?;
                    let held = row.value.as_ref()?;
                    let plan = prepared.plan(&held.plan)?;
                    Some(PlanProposal {
                        plan: Some((prepared.inputs(&held.inputs), plan)),
                        previous: Some(row.generation),
                        service,
                    })
                })
                .collect();
            assert_eq!(proposals.len(), BATCH);
            black_box(&proposals);
        }
        let proposed_ns = (processor_ns() - began) / ROUNDS as u64;
        let all = format!("{services} services of {MEMBERS} members");
        line(
            &format!("{all}: the decisive command applied"),
            applied_ns,
            Some("≤ 1 ms"),
        );
        line(
            &format!("{all}: the first {BATCH} proposals"),
            proposed_ns,
            None,
        );
    }
}

fn line(measure: &str, ns: u64, aim: Option<&str>) {
    Measure::of("activation", measure, ns as f64 / 1e6, "ms")
        .aim(aim)
        .print();
}
