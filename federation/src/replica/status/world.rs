//! A small clusterset for tests: built through commands and deltas, as a real one is.

#![allow(
    clippy::unwrap_used,
    clippy::needless_pass_by_value,
    clippy::semicolon_if_nothing_returned,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::collections::BTreeMap;

use causeway_api::facts::{
    ApiFact, Change, EndpointCounts, EndpointKey, FactDelta, GatewayAddress, GatewayFact,
    MemberFact, MeshFact, NamespaceFact, Protocol, ServiceFact, ServicePort, TargetPort,
};
use causeway_api::ids::{PortName, ReplicaId};
use causeway_api::spec::Placement;
use causeway_api::verdict::{Ballot, ObserverId, Subject, Vote};
use causeway_api::view::{Applied, MeshCondition};
use causeway_api::{FactVersion, MemberName, ServiceKey};
use causeway_core::contingencies::Contingencies;
use causeway_core::{inputs, placement};
use causeway_index::FactStore;
use causeway_state::{Command, Outcome, PlanProposal, State, apply_next};
use kube::core::DynamicObject;
use serde_json::json;

use super::counts::Counted;
use super::look::{Known, Look};
use super::session::SessionInfo;
use crate::replica::registry::Declared;
use crate::replica::registry::Kind;
use crate::replica::shared::{Refused, RefusedKind};

pub(crate) struct World {
    pub(crate) state: State,
    pub(crate) facts: FactStore,
    pub(crate) declared: Declared,
    pub(crate) sessions: BTreeMap<MemberName, SessionInfo>,
    pub(crate) refusals: BTreeMap<MemberName, Refused>,
}

pub(crate) fn name(text: &str) -> MemberName {
    text.parse().unwrap()
}

pub(crate) fn key(text: &str) -> ServiceKey {
    text.parse().unwrap()
}

pub(crate) fn object(
    kind: &str,
    name: &str,
    namespace: Option<&str>,
    spec: serde_json::Value,
) -> DynamicObject {
    serde_json::from_value(json!({
        "apiVersion": "causeway.dev/v1alpha1", "kind": kind,
        "metadata": { "name": name, "namespace": namespace, "uid": format!("uid-{name}"), "generation": 4 },
        "spec": spec,
    }))
    .unwrap()
}

impl World {
    pub(crate) fn new() -> Self {
        let mut world = Self {
            state: State::default(),
            facts: FactStore::new(),
            declared: Declared::default(),
            sessions: BTreeMap::new(),
            refusals: BTreeMap::new(),
        };
        world.run(Command::Bootstrap { incarnation: 1 });
        world
    }

    pub(crate) fn run(&mut self, command: Command) -> Outcome {
        apply_next(&mut self.state, command)
    }

    /// A MemberCluster is created and registered, if it is sound.
    pub(crate) fn declare(&mut self, member: &str, spec: serde_json::Value) {
        let root = "causeway-system".parse().unwrap();
        self.declared.applied(
            Kind::Member,
            object("MemberCluster", member, None, spec),
            &root,
        );
        let row = self.declared.rows().members.get(member).unwrap().clone();
        if let Ok(spec) = &row.declared {
            self.run(Command::PutMember(spec.clone()));
        }
    }

    /// A FailoverPolicy is created, and put in force if it is sound.
    pub(crate) fn policy(&mut self, namespace: &str, policy: &str, spec: serde_json::Value) {
        let root = "causeway-system".parse().unwrap();
        let key = self.declared.applied(
            Kind::Policy,
            object("FailoverPolicy", policy, Some(namespace), spec),
            &root,
        );
        let row = self.declared.rows().policies.get(&key).unwrap().clone();
        if let Ok(spec) = &row.declared {
            self.run(Command::PutPolicy(spec.clone()));
        }
    }

    /// A member reports: a fact of itself that may be changed first, a gateway, and `shop/cart`, exported.
    pub(crate) fn report(&mut self, member: &str, change: impl FnOnce(&mut FactDelta)) {
        let owner = name(member);
        let sequence = self
            .facts
            .owner(&owner)
            .map_or(1, |facts| facts.version.sequence + 1);
        let mut delta = FactDelta::empty(owner.clone(), None, FactVersion { epoch: 1, sequence });
        let locality: causeway_api::Locality = format!("r-{member}/z1").parse().unwrap();
        delta.member = Some(MemberFact {
            cluster_uid: format!("cluster-{member}"),
            kubernetes_version: "v1.33.1".to_owned(),
            agent_version: "0.1.0".to_owned(),
            network: Some(format!("net-{member}").parse().unwrap()),
            region: locality.region.clone(),
            nodes: [(locality.clone(), 3)].into(),
            mesh: MeshFact::Istio,
            api: ApiFact::Reachable,
            problems: Vec::new(),
            ejected: BTreeMap::new(),
        });
        delta
            .namespaces
            .push(Change::set("shop".parse().unwrap(), NamespaceFact {}));
        let gateway = GatewayFact {
            network: format!("net-{member}").parse().unwrap(),
            addresses: vec![GatewayAddress::Host(format!("gw.{member}.example"))],
            port: 15443,
        };
        delta
            .gateways
            .push(Change::set("eastwest".parse().unwrap(), gateway));
        delta
            .services
            .push(Change::set(key("shop/cart"), service(true)));
        let port = PortName::new("http").unwrap();
        let counts = EndpointCounts {
            ready: 2,
            serving: 2,
            total: 3,
        };
        delta.endpoints.push(Change::set(
            EndpointKey {
                service: key("shop/cart"),
                port,
                locality,
            },
            counts,
        ));
        change(&mut delta);
        self.facts.apply(delta).unwrap();
        let Some(spec) = self.state.member(&owner).map(|held| held.spec.clone()) else {
            return;
        };
        let placed: Option<Placement> =
            placement::placement(&spec, self.facts.owner(&owner).unwrap());
        self.run(Command::PlaceMember {
            member: owner,
            placement: placed.unwrap(),
        });
    }

    /// A member's agent has a session and has applied its view.
    pub(crate) fn session(&mut self, member: &str, change: impl FnOnce(&mut SessionInfo)) {
        let mut session = SessionInfo {
            home: None,
            version: "0.1.0".to_owned(),
            protocol: 1,
            epoch: 1,
            heard_ago_ms: 300,
            heard_at: causeway_seam::WallClock(1_700_000_000_000),
            sent: self.state.last_applied,
            applied: Some(Applied {
                generation: self.state.last_applied,
                ..Applied::default()
            }),
            behind_ms: None,
        };
        change(&mut session);
        self.sessions.insert(name(member), session);
    }

    /// The replica votes.
    pub(crate) fn vote(&mut self, subject: &str, ballot: Ballot) {
        let vote = Vote {
            observer: ObserverId::Replica(ReplicaId(1)),
            domain: "power-a".parse().unwrap(),
            subject: subject.parse::<Subject>().unwrap(),
            ballot,
            evidence: "connect: timed out".to_owned(),
        };
        self.run(Command::CastVotes(vec![vote]));
    }

    /// Cluster time passes.
    pub(crate) fn wait(&mut self, seconds: u32) {
        for _ in 0..seconds {
            self.run(Command::Tick { elapsed_ms: 1_000 });
        }
    }

    pub(crate) fn refuse(&mut self, member: &str, kind: RefusedKind, reason: &str) {
        self.refusals.insert(
            name(member),
            Refused {
                kind,
                reason: reason.to_owned(),
                since: causeway_seam::Monotonic::default(),
            },
        );
    }

    /// A service is planned and committed.
    pub(crate) fn plan(&mut self, service: &str) {
        let service = key(service);
        let inputs = inputs::plan_inputs(&self.state, &self.facts, &service).unwrap();
        let plan = causeway_failover::plan::plan(&inputs);
        let outcome = self.run(Command::CommitPlans(vec![PlanProposal {
            service,
            plan: Some((inputs, plan)),
            previous: None,
        }]));
        assert!(
            matches!(&outcome, Outcome::Accepted { effect, .. } if effect.refused.is_empty()),
            "{outcome:?}"
        );
    }

    /// A whole member: declared, reported, connected, voted for.
    pub(crate) fn member(&mut self, member: &str) {
        self.declare(member, json!({ "mode": "Federate" }));
        self.report(member, |_| {});
        self.session(member, |_| {});
        self.vote(&format!("gateway/{member}/eastwest"), Ballot::Reachable);
        self.vote(&format!("session/{member}"), Ballot::Reachable);
    }

    /// Calls `f` with everything at this moment.
    pub(crate) fn look<T>(&self, f: impl FnOnce(&Look<'_>) -> T) -> T {
        let counts = Counted::of(&self.state, &self.facts);
        let known = Known {
            rows: self.declared.rows(),
            sessions: self.sessions.clone(),
            refusals: self.refusals.clone(),
        };
        f(&Look::of(
            ReplicaId(1),
            &self.state,
            &self.facts,
            &counts,
            &known,
        ))
    }
}

/// What follows from a state for each loss.
pub(crate) fn contingencies(state: &State) -> Contingencies {
    let mut all = Contingencies::default();
    all.place(state);
    all.services_changed(state.plans.keys());
    for service in all.take(usize::MAX) {
        let row = state.plan(&service).and_then(|row| row.value.as_ref());
        all.update(&service, row.map(|held| (&held.inputs, &held.plan)));
    }
    while all.settle(&state.plans) {}
    all
}

/// A service with one port.
pub(crate) fn service(exported: bool) -> ServiceFact {
    ServiceFact {
        exported,
        selector: [("app".to_owned(), "cart".to_owned())].into(),
        headless: false,
        ports: vec![ServicePort {
            name: PortName::new("http").unwrap(),
            port: 80,
            protocol: Protocol::Tcp,
            app_protocol: None,
            target: TargetPort::Number(8080),
        }],
        service_accounts: vec!["cart".parse().unwrap()],
    }
}

/// What a mesh says of `shop/cart`.
pub(crate) fn said(reason: &str) -> MeshCondition {
    MeshCondition {
        reason: reason.to_owned(),
        object: "DestinationRule shop/theirs".to_owned(),
        service: Some(key("shop/cart")),
        message: "DestinationRule shop/theirs covers the host: remove it".to_owned(),
    }
}
