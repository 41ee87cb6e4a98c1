//! Members in memory: namespaces, a node, an east-west gateway, and services whose endpoints come and go.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use causeway_memory::{Config, MemoryMember};
use causeway_seam::Env;
use serde_json::{Value, json};

use super::witness::text;

/// The namespace in which everything runs.
pub const NAMESPACE: &str = "shop";

/// The most services of a member.
pub static SERVICES: [&str; 3] = ["cart", "pay", "search"];

/// A member cluster and what runs in it.
pub struct Member {
    /// Its name, which is also its network's.
    pub name: String,
    /// Its number, in addresses.
    pub number: u8,
    /// Its API server.
    pub cluster: MemoryMember,
    /// Ready endpoints, by service.
    ready: Mutex<BTreeMap<&'static str, u32>>,
    /// The services that run in it.
    services: &'static [&'static str],
}

impl Member {
    /// A member in which these services run and are exported, two endpoints each.
    #[must_use]
    pub fn new(name: &str, number: u8, env: Env, services: &'static [&'static str]) -> Self {
        let cluster = MemoryMember::new(Config::new(name).seed(u64::from(number)), env);
        let member = Self {
            name: name.to_owned(),
            number,
            cluster,
            ready: Mutex::default(),
            services,
        };
        for object in member.furniture() {
            member.put(object);
        }
        for service in services {
            member.scale(service, 2);
            member.export(service, true);
        }
        member
    }

    /// The address at which its gateway answers.
    #[must_use]
    pub fn gateway(&self) -> String {
        format!("192.0.2.{}", self.number)
    }

    /// How many endpoints of a service are ready.
    #[must_use]
    pub fn ready(&self, service: &str) -> u32 {
        let ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        ready.get(service).copied().unwrap_or_default()
    }

    fn put(&self, object: Value) {
        // Everything put here is known to the member.
        let _ = self.cluster.put(object);
    }

    fn furniture(&self) -> Vec<Value> {
        let name = &self.name;
        let network = json!({ "topology.istio.io/network": name });
        let mut objects = vec![
            json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "istio-system", "labels": network } }),
            json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "causeway-system" } }),
            json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": NAMESPACE } }),
            json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": "n1", "labels": {
                        "topology.kubernetes.io/region": format!("region-{name}"), "topology.kubernetes.io/zone": "z1" } },
                    "status": { "conditions": [{ "type": "Ready", "status": "True" }] } }),
            json!({ "apiVersion": "v1", "kind": "Service",
                    "metadata": { "namespace": "istio-system", "name": "istio-eastwestgateway", "labels": network },
                    "spec": { "type": "LoadBalancer", "ports": [{ "name": "tls", "port": 15443, "protocol": "TCP" }] },
                    "status": { "loadBalancer": { "ingress": [{ "ip": self.gateway() }] } } }),
        ];
        for (at, service) in self.services.iter().enumerate() {
            objects.push(
                json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "name": service, "namespace": NAMESPACE },
                        "spec": { "selector": { "app": service }, "clusterIP": format!("10.0.0.{}", at + 1),
                                  "ports": [{ "name": "http", "port": 80, "protocol": "TCP" }] } }),
            );
        }
        objects
    }

    /// So many endpoints of a service are ready from now on.
    pub fn scale(&self, service: &'static str, ready: u32) {
        self.ready
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(service, ready);
        let at = SERVICES
            .iter()
            .position(|known| *known == service)
            .unwrap_or(0);
        let endpoint = |n: u32| json!({ "addresses": [format!("10.{}.{at}.{n}", self.number)], "conditions": { "ready": true }, "nodeName": "n1" });
        let endpoints: Vec<Value> = (1..=ready).map(endpoint).collect();
        self.put(
            json!({ "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
                    "metadata": { "name": format!("{service}-1"), "namespace": NAMESPACE,
                                  "labels": { "kubernetes.io/service-name": service } },
                    "endpoints": endpoints, "ports": [{ "name": "http", "port": 8080 }] }),
        );
    }

    /// Exports a service, or takes its export away.
    pub fn export(&self, service: &str, exported: bool) {
        let (version, kind) = ("multicluster.x-k8s.io/v1alpha1", "ServiceExport");
        if exported {
            self.put(json!({ "apiVersion": version, "kind": kind, "metadata": { "name": service, "namespace": NAMESPACE } }));
        } else {
            let _ = self.cluster.delete(version, kind, NAMESPACE, service);
        }
    }

    /// Whether it exports a service.
    #[must_use]
    pub fn exports(&self, service: &str) -> bool {
        self.cluster.has(
            "multicluster.x-k8s.io/v1alpha1",
            "ServiceExport",
            NAMESPACE,
            service,
        )
    }

    /// The networks to which its mesh has entries of a service.
    #[must_use]
    pub fn entries(&self, service: &str) -> BTreeSet<String> {
        let prefix = format!("cw-{service}.");
        let entries = self.ours("networking.istio.io/v1", "WorkloadEntry");
        let networks = entries.iter().filter_map(|entry| {
            let name = text(entry, "/metadata/name");
            Some(name.strip_prefix(&prefix)?.to_owned())
        });
        networks.collect()
    }

    /// The gateways that its mesh knows, by network, each with its first address.
    #[must_use]
    pub fn gateways(&self) -> BTreeMap<String, String> {
        let gateways = self.ours("gateway.networking.k8s.io/v1", "Gateway");
        let known = gateways.iter().map(|gateway| {
            let network = text(gateway, "/metadata/labels/topology.istio.io~1network");
            let address = text(gateway, "/spec/addresses/0/value");
            (network.to_owned(), address.to_owned())
        });
        known
            .filter(|(network, _)| network != "causeway-void")
            .collect()
    }

    fn ours(&self, version: &str, kind: &str) -> Vec<Value> {
        self.cluster.objects(version, kind).unwrap_or_default()
    }
}
