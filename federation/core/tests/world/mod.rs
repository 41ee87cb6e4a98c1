//! Three members, one service in each, planned: the world of several tests.
#![allow(clippy::unwrap_used, dead_code)]

use causeway_api::facts::{
    ApiFact, Change, EndpointCounts, EndpointKey, FactDelta, GatewayAddress, GatewayFact,
    MemberFact, MeshFact, NamespaceFact, Protocol, ServiceFact, ServicePort, TargetPort,
};
use causeway_api::ids::{Locality, PortName, ReplicaId, ServiceKey};
use causeway_api::plan::PlanInputs;
use causeway_api::spec::MemberSpec;
use causeway_api::verdict::{Ballot, ObserverId, Vote};
use causeway_api::{FactVersion, MemberName};
use causeway_core::{inputs, placement};
use causeway_index::FactStore;
use causeway_state::command::{ClientId, Command, PlanProposal, Request};
use causeway_state::{LogPosition, State, apply};

pub(crate) const MEMBERS: [&str; 3] = ["a", "b", "c"];

pub(crate) fn key() -> ServiceKey {
    "shop/cart".parse().unwrap()
}

pub(crate) fn name(member: &str) -> MemberName {
    member.parse().unwrap()
}

pub(crate) fn version(sequence: u64) -> FactVersion {
    FactVersion { epoch: 1, sequence }
}

/// What an agent says of itself alone, where it cannot list its cluster.
pub(crate) fn introduction(member: &str) -> FactDelta {
    let mut delta = FactDelta::empty(name(member), None, version(1));
    delta.member = Some(MemberFact {
        cluster_uid: format!("uid-{member}"),
        kubernetes_version: "v1.36.3".to_owned(),
        agent_version: "test".to_owned(),
        network: None,
        region: None,
        nodes: [].into(),
        mesh: MeshFact::Istio,
        api: ApiFact::Unreachable,
        problems: Vec::new(),
    });
    delta
}

/// All that a member is: two ready endpoints of the service.
pub(crate) fn snapshot(member: &str) -> FactDelta {
    let locality: Locality = format!("r-{member}/z1").parse().unwrap();
    let mut delta = introduction(member);
    let row = delta.member.as_mut().unwrap();
    (row.region, row.nodes) = (locality.region.clone(), [(locality.clone(), 1)].into());
    delta.namespaces = vec![Change::set("shop".parse().unwrap(), NamespaceFact {})];
    let gateway = GatewayFact {
        network: member.parse().unwrap(),
        addresses: vec![GatewayAddress::Host(format!("{member}.example"))],
        port: 15443,
    };
    delta.gateways = vec![Change::set("eastwest".parse().unwrap(), gateway)];
    let fact = ServiceFact {
        exported: true,
        selector: [("app".to_owned(), "cart".to_owned())].into(),
        headless: false,
        ports: vec![ServicePort {
            name: PortName::unnamed(),
            port: 80,
            protocol: Protocol::Tcp,
            app_protocol: None,
            target: TargetPort::Number(8080),
        }],
        service_accounts: Vec::new(),
    };
    delta.services = vec![Change::set(key(), fact)];
    let row = EndpointKey {
        service: key(),
        port: PortName::unnamed(),
        locality,
    };
    let counts = EndpointCounts {
        ready: 2,
        serving: 2,
        total: 2,
    };
    delta.endpoints = vec![Change::set(row, counts)];
    delta
}

pub(crate) struct World {
    pub(crate) state: State,
    index: u64,
}

impl World {
    /// Three members, one service in each, planned.
    pub(crate) fn planned() -> (Self, FactStore) {
        let mut world = Self {
            state: State::default(),
            index: 0,
        };
        let mut facts = FactStore::new();
        world.apply(Command::Bootstrap { incarnation: 1 });
        for member in MEMBERS {
            world.apply(Command::PutMember(MemberSpec::minimal(name(member))));
            facts.apply(snapshot(member)).unwrap();
            let spec = &world.state.member(&name(member)).unwrap().spec;
            let placement = placement::placement(spec, facts.owner(&name(member)).unwrap());
            world.apply(Command::PlaceMember {
                member: name(member),
                placement: placement.unwrap(),
            });
        }
        let inputs = world.inputs(&facts).unwrap();
        let plan = causeway_failover::plan::plan(&inputs);
        world.apply(Command::CommitPlans(vec![PlanProposal {
            service: key(),
            plan: Some((inputs, plan)),
            previous: None,
        }]));
        assert!(world.state.plan(&key()).unwrap().value.is_some());
        (world, facts)
    }

    pub(crate) fn apply(&mut self, command: Command) {
        self.index += 1;
        let request = Request {
            client: ClientId {
                replica: ReplicaId(1),
                nonce: 1,
            },
            serial: self.index,
            command,
        };
        let at = LogPosition {
            term: 1,
            index: self.index,
        };
        apply(&mut self.state, at, &request);
    }

    pub(crate) fn inputs(&self, facts: &FactStore) -> Option<PlanInputs> {
        inputs::plan_inputs(&self.state, facts, &key())
    }

    pub(crate) fn lose(&mut self, member: &str) {
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
                    evidence: String::new(),
                }]));
            }
        }
        for _ in 0..120 {
            self.apply(Command::Tick { elapsed_ms: 1_000 });
        }
    }
}
