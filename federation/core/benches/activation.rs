//! What a replica spends between the decisive vote and the first command that shifts traffic, for fleets of a thousand and of ten
//! thousand services: it should not depend on how many there are. Measured with services that all may move by themselves, and with
//! one in a hundred that keeps state, so that ways in are kept open for those and sessions are told what to leave at once.
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
use causeway_api::rules::PolicyRules;
use causeway_api::spec::{MemberSpec, Placement, PolicySpec};
use causeway_api::verdict::{Ballot, ObserverId, Vote};
use causeway_core::coarse::coarse;
use causeway_core::contingencies::Contingencies;
use causeway_failover::plan::plan;
use causeway_measure::{Measure, processor_ns};
use causeway_state::{Command, Outcome, PlanProposal, State, apply_next};

const MEMBERS: usize = 10;
/// Proposals in the first command, as a replica takes them.
const BATCH: usize = 256;
/// One service in so many keeps state.
const CAREFUL: usize = 100;
/// Sessions that are told what to leave at once.
const SESSIONS: usize = 100;
/// What the system counts of a processor may move in steps of some milliseconds: so much is done that those don't matter.
const ROUNDS: usize = 100;

/// What an endpoint carries.
fn declared() -> PolicySpec {
    PolicySpec {
        key: "causeway-system/root".parse().unwrap(),
        root: true,
        targets: Default::default(),
        hosts: Default::default(),
        failover: Default::default(),
        allowed_regions: Default::default(),
        demand: Default::default(),
        capacity_per_endpoint: Some(Rate::from_rps(100)),
        max_utilization_percent: None,
        detection: None,
        hold_down_ms: None,
        rules: Default::default(),
    }
}

#[derive(Clone)]
struct World {
    state: State,
}

impl World {
    fn new(services: usize, careful: bool) -> Self {
        let mut world = Self {
            state: State::default(),
        };
        world.apply(Command::Bootstrap { incarnation: 1 });
        let level = causeway_state::level::FEATURE_LEVEL;
        world.apply(Command::RaiseLevel { level });
        world.apply(Command::PutPolicy(declared()));
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
        if careful {
            world.apply(Command::PutPolicy(keeps_state(services)));
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
            demand_source: DemandSource::Measured,
            unreachable: BTreeSet::new(),
            ejected: BTreeSet::new(),
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
            draining: false,
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

/// A policy for one service in a hundred, which moves by a person's word alone.
fn keeps_state(services: usize) -> PolicySpec {
    let these = (0..services).step_by(CAREFUL);
    PolicySpec {
        key: "shop/keeps-state".parse().unwrap(),
        root: false,
        targets: these
            .map(|at| format!("shop/s{at:05}").parse().unwrap())
            .collect(),
        hosts: BTreeSet::new(),
        failover: Default::default(),
        allowed_regions: BTreeSet::new(),
        demand: Default::default(),
        capacity_per_endpoint: None,
        max_utilization_percent: None,
        detection: None,
        hold_down_ms: None,
        rules: PolicyRules {
            stateful: Some(true),
            ..PolicyRules::default()
        },
    }
}

fn main() {
    let fleets = [1_000, 10_000].map(|services| [(services, false), (services, true)]);
    for (services, careful) in fleets.into_iter().flatten() {
        let mut world = World::new(services, careful);
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
        let some = if careful {
            ", one in a hundred keeps state"
        } else {
            ""
        };
        let all = format!("{services} services of {MEMBERS} members{some}");
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
        if careful {
            line(
                &format!("{all}: what {SESSIONS} sessions are told to leave at once"),
                told(&world.state),
                None,
            );
        }
    }
}

/// What it takes to find what all sessions are to leave at once.
fn told(state: &State) -> u64 {
    let members: Vec<_> = state.members.keys().cycle().take(SESSIONS).collect();
    let began = processor_ns();
    for _ in 0..ROUNDS {
        for member in &members {
            black_box(coarse(state, member));
        }
    }
    let own = coarse(state, &"m1".parse().unwrap());
    assert!(
        own.networks.is_empty(),
        "a member does not leave its own network"
    );
    (processor_ns() - began) / ROUNDS as u64
}

fn line(measure: &str, ns: u64, aim: Option<&str>) {
    Measure::of("activation", measure, ns as f64 / 1e6, "ms")
        .aim(aim)
        .print();
}
