//! A member in memory, its observer, and what a replica would hold of it.

use std::time::Duration;

use causeway_api::facts::ApiFact;
use causeway_api::{MemberName, ServiceKey};
use causeway_discovery::{Observer, ObserverConfig};
use causeway_index::FactStore;
use causeway_memory::{Config, MemoryMember};
use causeway_seam::{Env, real};
use serde_json::{Value, json};

pub(crate) const MCS: &str = "multicluster.x-k8s.io/v1alpha1";
pub(crate) const EXPORTS: &str = "serviceexports.multicluster.x-k8s.io";

/// A member, its observer, and what a replica would hold of it.
pub(crate) struct Stage {
    pub(crate) env: Env,
    pub(crate) member: MemoryMember,
    pub(crate) observer: Observer,
    pub(crate) store: FactStore,
}

pub(crate) fn key() -> ServiceKey {
    "shop/cart".parse().unwrap()
}

pub(crate) fn member_name() -> MemberName {
    MemberName::new("ack").unwrap()
}

pub(crate) fn service(name: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "name": name, "namespace": "shop" },
            "spec": { "selector": { "app": name }, "clusterIP": "10.0.0.9", "ports": [{ "name": "http", "port": 80 }] } })
}

pub(crate) fn slice(name: &str, of: &str, pods: &[&str]) -> Value {
    let endpoints = (1..).zip(pods).map(|(n, pod)| {
        json!({ "addresses": [format!("10.1.0.{n}")], "conditions": { "ready": true }, "nodeName": "n1",
                "targetRef": { "kind": "Pod", "name": pod, "namespace": "shop" } })
    });
    json!({ "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
            "metadata": { "name": name, "namespace": "shop", "labels": { "kubernetes.io/service-name": of } },
            "endpoints": endpoints.collect::<Vec<_>>(), "ports": [{ "name": "http", "port": 8080 }] })
}

pub(crate) fn pod(name: &str, account: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": name, "namespace": "shop" },
            "spec": { "serviceAccountName": account, "containers": [{ "name": "c", "image": "i" }] } })
}

pub(crate) fn node(zone: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": "n1", "labels": {
                "topology.kubernetes.io/region": "r1", "topology.kubernetes.io/zone": zone } },
            "status": { "conditions": [{ "type": "Ready", "status": "True" }] } })
}

pub(crate) fn export(name: &str) -> Value {
    json!({ "apiVersion": MCS, "kind": "ServiceExport", "metadata": { "name": name, "namespace": "shop" } })
}

/// A member with one exported service of two pods in a zone.
pub(crate) fn shop(env: &Env, config: Config) -> MemoryMember {
    let exports = config.served.contains_key(EXPORTS);
    let member = MemoryMember::new(config, env.clone());
    let namespace =
        json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "shop" } });
    for object in [
        namespace,
        node("z1"),
        service("cart"),
        slice("cart-1", "cart", &["cart-1-a", "cart-1-b"]),
        pod("cart-1-a", "cart"),
        pod("cart-1-b", "cart"),
    ] {
        member.put(object).unwrap();
    }
    if exports {
        member.put(export("cart")).unwrap();
    }
    member
}

impl Stage {
    pub(crate) fn new(config: Config) -> Self {
        Self::prepared(config, |_, _| {})
    }

    pub(crate) fn prepared(
        config: Config,
        prepare: impl FnOnce(&MemoryMember, &mut ObserverConfig),
    ) -> Self {
        let env = real::env();
        let member = shop(&env, config);
        let mut config = ObserverConfig::new(member_name());
        prepare(&member, &mut config);
        let observer = Observer::start(&env, member.client(), config);
        Self {
            env,
            member,
            observer,
            store: FactStore::new(),
        }
    }

    pub(crate) fn pass_on(&mut self) {
        if let Some(delta) = self.observer.take_delta() {
            self.store.apply(delta).unwrap();
        }
    }

    /// Passes deltas on until something holds; virtual time, so that waiting costs none.
    pub(crate) async fn until(&mut self, what: &str, holds: impl Fn(&Self) -> bool) -> Duration {
        let began = self.env.now();
        let mut changed = self.observer.subscribe();
        loop {
            self.pass_on();
            if holds(self) {
                return self.env.now().since(began);
            }
            let waited = self.env.now().since(began);
            assert!(
                waited < Duration::from_secs(300),
                "{what}: not after {waited:?}; held: {:#?}; missing: {:?}",
                self.store.snapshot(&member_name()),
                self.observer.missing(),
            );
            let _ = self
                .env
                .timeout(Duration::from_millis(500), changed.changed())
                .await;
        }
    }

    /// Passes deltas on for a while.
    pub(crate) async fn run(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.env.sleep(Duration::from_secs(1)).await;
            self.pass_on();
        }
    }

    pub(crate) fn ready(&self) -> Option<u32> {
        let facts = self.store.owner(&member_name())?;
        let rows = facts.endpoints(&key());
        rows.map(|(_, _, counts)| counts.ready).reduce(|a, b| a + b)
    }

    pub(crate) fn place(&self) -> String {
        let facts = self.store.owner(&member_name()).unwrap();
        facts
            .endpoints(&key())
            .map(|(_, place, _)| place.to_string())
            .collect()
    }

    pub(crate) fn api(&self) -> ApiFact {
        let facts = self.store.owner(&member_name()).unwrap();
        facts.member.as_ref().unwrap().api
    }

    pub(crate) fn problems(&self) -> String {
        self.observer.problems().join("\n")
    }
}
