//! A state machine under test: requests numbered and applied one after the other.
#![allow(clippy::unwrap_used, dead_code)]

use std::collections::BTreeMap;

use causeway_api::facts::{GatewayAddress, GatewayFact};
use causeway_api::ids::{NetworkName, Region};
use causeway_api::plan::{
    DemandSource, DestinationInput, PlanInputs, Rate, Source, SourceInput, Withdrawal,
};
use causeway_api::registry::{Host, HostUid, ObjectKey, Origin};
use causeway_api::spec::{Detection, MemberSpec, Placement, PolicySpec};
use causeway_api::verdict::{Ballot, ObserverId, Vote};
use causeway_api::{Generation, MemberName, ReplicaId, ServiceKey};
use causeway_failover::learn;
use causeway_state::command::Declaration;
use causeway_state::{
    ClientId, Command, LogPosition, Outcome, PlanProposal, Request, State, apply,
};

pub(crate) struct Machine {
    pub(crate) state: State,
    /// What was applied, and where.
    pub(crate) log: Vec<(LogPosition, Request)>,
    index: u64,
}

impl Machine {
    /// Bootstrapped, with hold and hold-down of ten seconds, and the members given, each in a region, a network and a
    /// zone of its own name.
    pub(crate) fn with(members: &[&str]) -> Self {
        let mut machine = Self::empty();
        machine.accept(Command::Bootstrap { incarnation: 1 });
        machine.accept(Command::PutPolicy(root_policy()));
        for member in members {
            machine.accept(Command::PutMember(MemberSpec::minimal(
                member.parse().unwrap(),
            )));
            machine.accept(place(member, &["eastwest"]));
        }
        machine
    }

    pub(crate) fn empty() -> Self {
        Self {
            state: State::default(),
            log: Vec::new(),
            index: 0,
        }
    }

    /// As [`Machine::with`], at the newest level.
    pub(crate) fn raised(members: &[&str]) -> Self {
        let mut machine = Self::with(members);
        machine.accept(Command::RaiseLevel {
            level: causeway_state::level::FEATURE_LEVEL,
        });
        machine
    }

    /// When the brake was pulled.
    pub(crate) fn pulled(&self) -> Generation {
        self.state.brain.brake.as_ref().unwrap().generation
    }

    pub(crate) fn refused(&mut self, command: Command) -> causeway_state::Refusal {
        match self.apply(command) {
            Outcome::Refused(refusal) => refusal,
            other => unreachable!("{other:?}"),
        }
    }

    /// A host's object declares a member; `version` is its `metadata.generation`.
    pub(crate) fn declare(&mut self, host: &str, spec: &MemberSpec, version: i64) -> Outcome {
        self.apply(declare(host, spec, version))
    }

    pub(crate) fn withdraw(&mut self, host: &str, member: &str) -> Outcome {
        self.apply(Command::Withdraw {
            host: HostUid(host.to_owned()),
            object: member_key(member),
            uid: format!("object-{member}"),
        })
    }

    pub(crate) fn apply(&mut self, command: Command) -> Outcome {
        self.index += 1;
        let request = Request {
            client: client(),
            serial: self.index,
            command,
        };
        let at = LogPosition {
            term: 1,
            index: self.index,
        };
        let outcome = apply(&mut self.state, at, &request);
        self.log.push((at, request));
        outcome
    }

    pub(crate) fn accept(&mut self, command: Command) -> causeway_state::Effect {
        match self.apply(command) {
            Outcome::Accepted { effect, .. } => effect,
            other => unreachable!("{other:?}"),
        }
    }

    pub(crate) fn tick_ms(&mut self, ms: u64) {
        for _ in 0..ms / 1_000 {
            self.apply(Command::Tick { elapsed_ms: 1_000 });
        }
    }

    pub(crate) fn vote(&mut self, subject: &str, ballot: Ballot) -> Outcome {
        self.apply(Command::CastVotes(vec![vote(subject, ballot)]))
    }

    /// Reached once, then silent for long enough to be Lost.
    pub(crate) fn lose(&mut self, member: &str) {
        for ballot in [Ballot::Reachable, Ballot::Unreachable] {
            self.vote(&format!("gateway/{member}/eastwest"), ballot);
            self.vote(&format!("session/{member}"), ballot);
        }
        self.tick_ms(10_000);
    }

    /// What a leader would propose for shop/cart, with the members given.
    pub(crate) fn proposal(&self, members: &[&str]) -> PlanProposal {
        let inputs = self.inputs(members);
        let plan = causeway_failover::plan::plan(&inputs);
        PlanProposal {
            service: inputs.service.clone(),
            plan: Some((inputs, plan)),
            previous: None,
        }
    }

    /// A hundred requests a second are measured in each member, and four endpoints are ready.
    pub(crate) fn inputs(&self, members: &[&str]) -> PlanInputs {
        let service: ServiceKey = "shop/cart".parse().unwrap();
        let policy = self.state.policy(&service);
        let names: Vec<MemberName> = members.iter().map(|name| name.parse().unwrap()).collect();
        let source = |member: &MemberName| {
            let (_, region, network) = self.stands(member);
            SourceInput {
                source: Source {
                    member: member.clone(),
                    zone: None,
                },
                region,
                network,
                demand: Some(Rate::from_rps(100)),
                demand_source: DemandSource::Measured,
                unreachable: self.state.unreachable_from(member),
                ejected: Default::default(),
                together: BTreeMap::new(),
            }
        };
        let destination = |member: &MemberName| {
            let (barred, region, network) = self.stands(member);
            let (capacity, capacity_source) = learn::capacity(
                causeway_api::rules::MemberClass::Standard,
                policy.capacity_per_endpoint,
                None,
                4,
            );
            DestinationInput {
                member: member.clone(),
                zone: None,
                region,
                network,
                exported: true,
                ready: 4,
                capacity,
                capacity_source,
                max_utilization_percent: 80,
                withdrawn: self.state.withdrawal(member).or(barred),
                total: 4,
                admitted_percent: 100,
                vacated: false,
                draining: false,
            }
        };
        PlanInputs {
            sources: names.iter().map(source).collect(),
            destinations: names.iter().map(destination).collect(),
            policy: policy.policy.clone(),
            service,
            ports: Vec::new(),
            gateways: Vec::new(),
        }
    }

    /// Where a member stands, and why others are not sent there whatever the verdicts say; one that is not placed stands in
    /// what bears its name.
    fn stands(&self, member: &MemberName) -> (Option<Withdrawal>, Option<Region>, NetworkName) {
        let held = self.state.member(member);
        match held.and_then(|held| held.placement.as_ref()) {
            Some(placement) => {
                let policy = self.state.policy(&"shop/cart".parse().unwrap()).policy;
                let barred = self.state.barred(placement, &policy);
                (barred, placement.region.clone(), placement.network.clone())
            }
            None => {
                let name = member.as_str();
                (None, Some(name.parse().unwrap()), name.parse().unwrap())
            }
        }
    }
}

pub(crate) fn member_key(member: &str) -> ObjectKey {
    ObjectKey::Member(member.parse().unwrap())
}

pub(crate) fn declare(host: &str, spec: &MemberSpec, version: i64) -> Command {
    Command::Declare {
        host: Host {
            uid: HostUid(host.to_owned()),
            name: format!("name-of-{host}"),
        },
        origin: Origin {
            uid: format!("object-{}", spec.name),
            generation: version,
            revision: 7,
            created_s: Some(1_700_000_000),
        },
        declaration: Declaration::Member(spec.clone()),
        document: format!("{{\"suspend\":{}}}", spec.suspend),
    }
}

pub(crate) fn client() -> ClientId {
    ClientId {
        replica: ReplicaId(1),
        nonce: 7,
    }
}

pub(crate) fn vote(subject: &str, ballot: Ballot) -> Vote {
    Vote {
        observer: ObserverId::Replica(ReplicaId(1)),
        domain: "here".parse().unwrap(),
        subject: subject.parse().unwrap(),
        ballot,
        evidence: "as probed".to_owned(),
    }
}

pub(crate) fn root_policy() -> PolicySpec {
    PolicySpec {
        key: "causeway-system/defaults".parse().unwrap(),
        root: true,
        targets: Default::default(),
        hosts: Default::default(),
        failover: BTreeMap::new(),
        allowed_regions: Default::default(),
        demand: BTreeMap::new(),
        capacity_per_endpoint: Some(Rate::from_rps(100)),
        max_utilization_percent: None,
        detection: Some(Detection {
            hold_for_ms: 10_000,
            min_observers: 3,
            min_failure_domains: 2,
        }),
        hold_down_ms: Some(10_000),
        rules: causeway_api::rules::PolicyRules::default(),
    }
}

pub(crate) fn place(member: &str, gateways: &[&str]) -> Command {
    place_in(member, member, gateways)
}

/// In another region than that of its own name.
pub(crate) fn place_in(member: &str, region: &str, gateways: &[&str]) -> Command {
    let gateway = |name: &&str| {
        let fact = GatewayFact {
            network: member.parse().unwrap(),
            addresses: vec![GatewayAddress::Host(format!("{name}.{member}.example"))],
            port: 15443,
        };
        (name.parse().unwrap(), fact)
    };
    Command::PlaceMember {
        member: member.parse().unwrap(),
        placement: Placement {
            cluster_uid: format!("uid-{member}"),
            region: Some(region.parse().unwrap()),
            zones: [member.parse().unwrap()].into(),
            network: member.parse().unwrap(),
            gateways: gateways.iter().map(gateway).collect(),
        },
    }
}
