//! A controller that restarts beside agents that go on: the real parts, on members in memory.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use causeway_api::facts::GatewayAddress;
use causeway_api::ids::MemberName;
use causeway_api::session::{FromAgent, FromReplica};
use causeway_api::spec::{MemberSpec, Mode};
use causeway_api::view::MeshCondition;
use causeway_memory::{Config, Deny, MemoryMember};
use causeway_seam::real::{self, Folder};
use causeway_seam::transport::{Accept, Connection, Dial, TransportError};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::*;
use crate::agent::{Agent, AgentConfig};
use causeway_state::command::Command;

type Incoming = Connection<FromReplica, FromAgent>;
type Door = Arc<Mutex<Option<mpsc::Sender<Incoming>>>>;

/// Leads to whichever controller runs now.
struct Hall {
    env: Env,
    member: MemberName,
    door: Door,
}

#[async_trait]
impl Dial<FromAgent, FromReplica> for Hall {
    async fn dial(
        &self,
        address: &str,
    ) -> Result<Connection<FromAgent, FromReplica>, TransportError> {
        let closed = || TransportError::Unreachable {
            address: address.to_owned(),
            reason: "no controller".to_owned(),
        };
        let door = self.door.lock().unwrap().clone().ok_or_else(closed)?;
        let (agent, from_agent) = mpsc::channel(64);
        let (replica, from_replica) = mpsc::channel(64);
        let (to_replica, at_replica) = mpsc::channel(64);
        let (to_agent, at_agent) = mpsc::channel(64);
        self.env.spawn("up", carry(from_agent, to_replica)).detach();
        self.env
            .spawn("down", carry(from_replica, to_agent))
            .detach();
        let identity = Some(self.member.to_string());
        let other = Connection {
            remote: "agent".to_owned(),
            identity,
            sender: replica,
            receiver: at_replica,
        };
        door.send(other).await.map_err(|_| closed())?;
        Ok(Connection {
            remote: address.to_owned(),
            identity: None,
            sender: agent,
            receiver: at_agent,
        })
    }
}

async fn carry<T>(mut from: mpsc::Receiver<T>, to: mpsc::Sender<Result<T, TransportError>>) {
    while let Some(message) = from.recv().await {
        if to.send(Ok(message)).await.is_err() {
            return;
        }
    }
}

struct Porch(mpsc::Receiver<Incoming>);

#[async_trait]
impl Accept<FromReplica, FromAgent> for Porch {
    async fn accept(&mut self) -> Option<Incoming> {
        self.0.recv().await
    }
}

struct Reached;

#[async_trait]
impl Probe for Reached {
    async fn reach(&self, _: &GatewayAddress, _: u16, _: Duration) -> Result<(), String> {
        Ok(())
    }
}

pub(super) fn objects(member: &str, number: u8) -> Vec<Value> {
    let istio =
        json!({ "name": "istio-system", "labels": { "topology.istio.io/network": member } });
    vec![
        json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": istio }),
        json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "shop" } }),
        json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": "n1", "labels": {
                    "topology.kubernetes.io/region": format!("r-{member}"), "topology.kubernetes.io/zone": "z1" } },
                "status": { "conditions": [{ "type": "Ready", "status": "True" }] } }),
        json!({ "apiVersion": "v1", "kind": "Service",
                "metadata": { "namespace": "istio-system", "name": "istio-eastwestgateway",
                    "labels": { "topology.istio.io/network": member } },
                "spec": { "type": "LoadBalancer", "ports": [{ "name": "tls", "port": 15443, "protocol": "TCP" }] },
                "status": { "loadBalancer": { "ingress": [{ "ip": format!("192.0.2.{}", number + 10) }] } } }),
        json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "name": "cart", "namespace": "shop" },
                "spec": { "selector": { "app": "cart" }, "clusterIP": "10.0.0.9",
                          "ports": [{ "name": "http", "port": 80, "protocol": "TCP" }] } }),
        json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "cart-1", "namespace": "shop" },
                "spec": { "serviceAccountName": "cart", "containers": [{ "name": "c", "image": "i" }] } }),
        json!({ "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
                "metadata": { "name": "cart-1", "namespace": "shop", "labels": { "kubernetes.io/service-name": "cart" } },
                "endpoints": [{ "addresses": [format!("10.{number}.0.1")], "conditions": { "ready": true },
                    "nodeName": "n1", "targetRef": { "kind": "Pod", "name": "cart-1", "namespace": "shop" } }],
                "ports": [{ "name": "http", "port": 8080 }] }),
        json!({ "apiVersion": "multicluster.x-k8s.io/v1alpha1", "kind": "ServiceExport",
                "metadata": { "name": "cart", "namespace": "shop" } }),
    ]
}

const MEMBERS: [&str; 3] = ["a", "b", "c"];

pub(super) struct World {
    pub(super) env: Env,
    door: Door,
    folder: tempfile::TempDir,
    pub(super) clusters: Vec<MemoryMember>,
    agents: Vec<Option<Agent>>,
    replica: Option<Replica>,
}

impl World {
    pub(super) async fn start() -> Self {
        let env = real::env();
        let cluster = |(number, name): (u8, &&str)| {
            let cluster = MemoryMember::new(Config::new(name), env.clone());
            for object in objects(name, number) {
                cluster.put(object).unwrap();
            }
            cluster
        };
        let clusters = (1..).zip(&MEMBERS).map(cluster).collect();
        let folder = tempfile::tempdir().unwrap();
        let mut world = Self {
            env,
            door: Door::default(),
            folder,
            clusters,
            agents: vec![None, None, None],
            replica: None,
        };
        world.controller("one").await;
        world.register().await;
        for at in 0..MEMBERS.len() {
            world.agent(at);
        }
        world
            .until("every mesh is written", |world| {
                (0..3).all(|at| world.entries(at).len() == 2)
            })
            .await;
        world.env.sleep(Duration::from_secs(8)).await;
        world
    }

    async fn register(&self) {
        for name in MEMBERS {
            let spec = MemberSpec {
                mode: Mode::Federate,
                ..MemberSpec::minimal(name.parse().unwrap())
            };
            let command = Command::PutMember(spec);
            self.replica().shared.propose(command).await.unwrap();
        }
    }

    pub(super) fn replica(&self) -> &Replica {
        self.replica.as_ref().unwrap()
    }

    async fn controller(&mut self, folder: &str) {
        if let Some(replica) = self.replica.take() {
            *self.door.lock().unwrap() = None;
            replica.stop().await;
        }
        let (open, porch) = mpsc::channel(8);
        let config = ReplicaConfig {
            id: ReplicaId(1),
            domain: "here".parse().unwrap(),
            root_namespace: "causeway-system".parse().unwrap(),
            probe: ProbeTimes::default(),
        };
        let disk = Arc::new(Folder::open(Path::new(self.folder.path()).join(folder)).unwrap());
        let replica = Replica::start(
            self.env.clone(),
            disk,
            None,
            Box::new(Porch(porch)),
            Arc::new(Reached),
            Metrics::new("controller"),
            config,
        );
        self.replica = Some(replica.await.unwrap());
        *self.door.lock().unwrap() = Some(open);
    }

    fn agent(&mut self, at: usize) {
        let member: MemberName = MEMBERS[at].parse().unwrap();
        let dialer = Hall {
            env: self.env.clone(),
            member: member.clone(),
            door: self.door.clone(),
        };
        let random = self.env.random().next_u64();
        let folder = self.folder.path().join(format!("agent-{at}-{random}"));
        let config = AgentConfig {
            proxies: Vec::new(),
            identity: format!("{member}-{random}"),
            member,
            controllers: vec!["it".to_owned()],
        };
        let disk = Arc::new(Folder::open(folder).unwrap());
        let client = self.clusters[at].client();
        self.agents[at] = Some(Agent::start(
            &self.env,
            client,
            Arc::new(dialer),
            disk,
            config,
        ));
    }

    /// Name and version of each object of ours.
    pub(super) fn ours(&self, at: usize) -> Vec<(String, String)> {
        let kinds = [
            ("Gateway", "gateway.networking.k8s.io/v1"),
            ("DestinationRule", "networking.istio.io/v1"),
            ("ServiceEntry", "networking.istio.io/v1"),
            ("WorkloadEntry", "networking.istio.io/v1"),
        ];
        let all = kinds
            .iter()
            .flat_map(|(kind, version)| self.clusters[at].objects(version, kind).unwrap());
        let text =
            |object: &Value, path| object.pointer(path).unwrap().as_str().unwrap().to_owned();
        all.map(|object| {
            (
                text(&object, "/metadata/name"),
                text(&object, "/metadata/resourceVersion"),
            )
        })
        .collect()
    }

    fn entries(&self, at: usize) -> Vec<String> {
        let entries = self.clusters[at]
            .objects("networking.istio.io/v1", "WorkloadEntry")
            .unwrap();
        entries
            .iter()
            .map(|entry| {
                entry
                    .pointer("/metadata/name")
                    .unwrap()
                    .as_str()
                    .unwrap()
                    .to_owned()
            })
            .collect()
    }

    fn connected(&self, at: usize) -> bool {
        self.replica()
            .shared
            .sessions
            .of(&MEMBERS[at].parse().unwrap())
            .is_some()
    }

    pub(super) async fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let began = self.env.now();
        while !holds(self) {
            assert!(
                self.env.now().since(began) < Duration::from_secs(120),
                "not within two minutes: {what}"
            );
            self.env.sleep(Duration::from_millis(100)).await;
        }
    }

    pub(super) async fn stop(self) {
        self.replica.unwrap().stop().await;
        for agent in self.agents.into_iter().flatten() {
            agent.stop().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_controller_that_restarts_touches_no_object() {
    let mut world = World::start().await;
    let before: Vec<_> = (0..3).map(|at| world.ours(at)).collect();
    world.controller("one").await;
    world
        .until("all are back", |world| (0..3).all(|at| world.connected(at)))
        .await;
    world.env.sleep(Duration::from_secs(30)).await;
    let after: Vec<_> = (0..3).map(|at| world.ours(at)).collect();
    assert_eq!(after, before);
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn neither_does_one_whose_agents_restart_with_it_while_a_member_is_dark() {
    let mut world = World::start().await;
    let before = [world.entries(0), world.entries(1)];
    for agent in &mut world.agents {
        agent.take().unwrap().stop().await;
    }
    // Upgraded together, with empty folders; the third has not come up again, and its gateway answers.
    world.controller("one").await;
    world.agent(0);
    world.agent(1);
    world
        .until("both are back", |world| {
            world.connected(0) && world.connected(1)
        })
        .await;
    for _ in 0..60 {
        assert_eq!([world.entries(0), world.entries(1)], before);
        world.env.sleep(Duration::from_secs(1)).await;
    }
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_controller_that_lost_its_log_is_refused_aloud_and_changes_nothing() {
    let mut world = World::start().await;
    let before: Vec<_> = (0..3).map(|at| world.ours(at)).collect();
    world.controller("wiped").await;
    world.register().await;
    world
        .until("each is told", |world| {
            world.replica().shared.refusals.all().len() == 3
        })
        .await;
    for refused in world.replica().shared.refusals.all().values() {
        assert_eq!(refused.kind, shared::RefusedKind::LostDecisions);
        assert!(refused.reason.contains("wiped"), "{}", refused.reason);
    }
    world.env.sleep(Duration::from_secs(60)).await;
    let after: Vec<_> = (0..3).map(|at| world.ours(at)).collect();
    assert_eq!(after, before);
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_member_whose_lease_began_anew_is_believed_by_those_who_heard_it_before() {
    let mut world = World::start().await;
    // The Lease has passed on often, and then it is gone, and the controller remembers no facts.
    world.agents[1].take().unwrap().stop().await;
    for _ in 0..3 {
        world.agent(1);
        world.until("it is back", |world| world.connected(1)).await;
        world.env.sleep(Duration::from_secs(20)).await;
        world.agents[1].take().unwrap().stop().await;
    }
    world.clusters[1]
        .delete(
            "coordination.k8s.io/v1",
            "Lease",
            "causeway-system",
            "causeway-agent",
        )
        .unwrap();
    world.controller("one").await;
    world.agent(1);
    world
        .until("all are back", |world| (0..3).all(|at| world.connected(at)))
        .await;
    let export = (
        "multicluster.x-k8s.io/v1alpha1",
        "ServiceExport",
        "shop",
        "cart",
    );
    assert!(
        world.clusters[1]
            .delete(export.0, export.1, export.2, export.3)
            .unwrap()
    );
    world
        .until("its word arrives", |world| {
            world.entries(0).len() == 1 && world.entries(2).len() == 1
        })
        .await;
    world.env.sleep(Duration::from_secs(30)).await;
    let (a, b): (MemberName, MemberName) = ("a".parse().unwrap(), "b".parse().unwrap());
    let held = world
        .replica()
        .shared
        .sessions
        .of(&a)
        .unwrap()
        .hello
        .holds
        .owners
        .get(&b)
        .copied();
    let said = world
        .replica()
        .shared
        .facts()
        .owner(&b)
        .map(|facts| facts.version);
    assert!(said > held, "{said:?} after {held:?}");
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_may_not_renew_its_lease_says_so_and_goes_on_once_it_may() {
    let mut world = World::start().await;
    let before = world.ours(1);
    let lease = |verb| Deny::of(verb, "coordination.k8s.io", "leases");
    let said = |world: &World| -> Option<String> {
        let sessions =
            status::session::some(&world.replica().shared, &status::scope::Scope::Everything);
        let applied = sessions.get("b")?.applied.clone()?;
        let such = |one: &&MeshCondition| one.reason == "LeaseNotTaken";
        applied
            .conditions
            .iter()
            .find(such)
            .map(|one| one.message.clone())
    };
    assert_eq!(said(&world), None);
    // It holds the Lease, and may not renew it.
    world.clusters[1].deny([lease("update")]);
    world
        .until("its time has run out", |world| {
            said(world)
                .is_some_and(|text| text.contains("cannot update") && text.contains("leases"))
        })
        .await;
    // One that never held it.
    world.agents[1].take().unwrap().stop().await;
    world.clusters[1].deny([lease("get")]);
    world.agent(1);
    world
        .until("it may not even look", |world| {
            said(world).is_some_and(|text| text.contains("cannot get") && text.contains("leases"))
        })
        .await;
    assert_eq!(world.ours(1), before, "nobody writes without it");
    world.clusters[1].allow_everything();
    world
        .until("the Lease is taken", |world| {
            let sessions =
                status::session::some(&world.replica().shared, &status::scope::Scope::Everything);
            said(world).is_none() && sessions.get("b").is_some_and(|session| session.epoch > 1)
        })
        .await;
    world.env.sleep(Duration::from_secs(30)).await;
    assert_eq!(world.ours(1), before, "nothing had changed");
    world.stop().await;
}
