//! What members say, and three of them with one service in each, planned: the world of several tests.
#![allow(clippy::unwrap_used, dead_code)]

use std::collections::BTreeMap;

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
use causeway_state::{Command, PlanProposal, State, apply_next};

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
    let mut fact = member_fact(member, &Locality::default());
    (fact.nodes, fact.api) = (BTreeMap::new(), ApiFact::Unreachable);
    delta.member = Some(fact);
    delta
}

/// A member whose one node is there.
pub(crate) fn member_fact(member: &str, locality: &Locality) -> MemberFact {
    MemberFact {
        cluster_uid: format!("uid-{member}"),
        kubernetes_version: "v1.36.3".to_owned(),
        agent_version: "test".to_owned(),
        network: None,
        region: locality.region.clone(),
        nodes: [(locality.clone(), 1)].into(),
        mesh: MeshFact::Istio,
        api: ApiFact::Reachable,
        problems: Vec::new(),
        ejected: BTreeMap::new(),
    }
}

/// A service with one port.
pub(crate) fn service_fact(service: &ServiceKey, exported: bool) -> ServiceFact {
    ServiceFact {
        exported,
        selector: [("app".to_owned(), service.name.to_string())].into(),
        headless: false,
        ports: vec![ServicePort {
            name: PortName::unnamed(),
            port: 80,
            protocol: Protocol::Tcp,
            app_protocol: None,
            target: TargetPort::Number(8080),
        }],
        service_accounts: Vec::new(),
    }
}

/// So many endpoints of that port, all ready.
pub(crate) fn endpoints(
    service: &ServiceKey,
    locality: &Locality,
    ready: u32,
) -> Change<EndpointKey, EndpointCounts> {
    let row = EndpointKey {
        service: service.clone(),
        port: PortName::unnamed(),
        locality: locality.clone(),
    };
    let counts = EndpointCounts {
        ready,
        serving: ready,
        total: ready,
    };
    Change::set(row, counts)
}

/// Where other networks reach a member.
pub(crate) fn gateway(network: &str, address: GatewayAddress) -> GatewayFact {
    GatewayFact {
        network: network.parse().unwrap(),
        addresses: vec![address],
        port: 15443,
    }
}

/// A member in a region of its own without a gateway; of these services, all exported, so much is ready.
pub(crate) fn told(member: &str, ready: impl IntoIterator<Item = (ServiceKey, u32)>) -> FactDelta {
    let locality: Locality = format!("r-{member}/z1").parse().unwrap();
    let mut delta = FactDelta::empty(name(member), None, version(1));
    delta.member = Some(member_fact(member, &locality));
    delta.namespaces = vec![Change::set("shop".parse().unwrap(), NamespaceFact {})];
    for (service, ready) in ready {
        let fact = service_fact(&service, true);
        delta.endpoints.push(endpoints(&service, &locality, ready));
        delta.services.push(Change::set(service, fact));
    }
    delta
}

/// All that a member is: two ready endpoints of the service.
pub(crate) fn snapshot(member: &str) -> FactDelta {
    let mut delta = told(member, [(key(), 2)]);
    let gateway = gateway(member, GatewayAddress::Host(format!("{member}.example")));
    delta.gateways = vec![Change::set("eastwest".parse().unwrap(), gateway)];
    delta
}

/// A member is observed.
pub(crate) fn vote(state: &mut State, member: &str, ballot: Ballot) {
    for subject in [
        format!("gateway/{member}/eastwest"),
        format!("session/{member}"),
    ] {
        let vote = Vote {
            observer: ObserverId::Replica(ReplicaId(1)),
            domain: "here".parse().unwrap(),
            subject: subject.parse().unwrap(),
            ballot,
            evidence: "as probed".to_owned(),
        };
        apply_next(state, Command::CastVotes(vec![vote]));
    }
}

/// A member was reached once, and is silent for two minutes.
pub(crate) fn lose(state: &mut State, member: &str) {
    vote(state, member, Ballot::Reachable);
    vote(state, member, Ballot::Unreachable);
    for _ in 0..120 {
        apply_next(state, Command::Tick { elapsed_ms: 1_000 });
    }
    assert!(state.withdrawal(&name(member)).is_some());
}

pub(crate) struct World {
    pub(crate) state: State,
}

impl World {
    /// Three members, one service in each, planned.
    pub(crate) fn planned() -> (Self, FactStore) {
        let mut world = Self {
            state: State::default(),
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
            vote(&mut world.state, member, Ballot::Reachable);
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
        apply_next(&mut self.state, command);
    }

    pub(crate) fn inputs(&self, facts: &FactStore) -> Option<PlanInputs> {
        inputs::plan_inputs(&self.state, facts, &key())
    }

    pub(crate) fn lose(&mut self, member: &str) {
        lose(&mut self.state, member);
    }
}
