//! A member's objects, as its API server holds them, as far as they decide where requests go.

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::ids::ServiceKey;
use serde_json::Value;

use super::place::Place;

const REGION: &str = "topology.kubernetes.io/region";
const ZONE: &str = "topology.kubernetes.io/zone";
const NETWORK: &str = "topology.istio.io/network";
const SERVICE_NAME: &str = "kubernetes.io/service-name";
const TLS_MODE: &str = "security.istio.io/tlsMode";

/// Labels.
pub type Labels = BTreeMap<String, String>;

/// What a member has of its own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LocalObjects {
    /// Its Services.
    pub services: BTreeMap<ServiceKey, LocalService>,
    /// The places of its nodes: where callers are.
    pub places: BTreeSet<Place>,
}

/// A Service and its ready pods.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LocalService {
    /// Its selector.
    pub selector: Labels,
    /// Address and place of each ready pod. An address counts once.
    pub pods: BTreeMap<String, Place>,
}

impl LocalObjects {
    /// Out of lists of Services, EndpointSlices, Pods and Nodes. The place of a pod is its node's.
    #[must_use]
    pub fn read(services: &[Value], slices: &[Value], pods: &[Value], nodes: &[Value]) -> Self {
        let nodes: BTreeMap<&str, Place> = nodes
            .iter()
            .map(|node| (text(node, "/metadata/name"), place_of_node(node)))
            .collect();
        let place_of_pod = |pod: &Value| nodes.get(text(pod, "/spec/nodeName")).cloned();
        let pods: BTreeMap<(&str, &str), Place> = pods
            .iter()
            .filter_map(|pod| {
                Some((
                    (
                        text(pod, "/metadata/namespace"),
                        text(pod, "/metadata/name"),
                    ),
                    place_of_pod(pod)?,
                ))
            })
            .collect();
        let mut local = Self {
            services: BTreeMap::new(),
            places: nodes.values().cloned().collect(),
        };
        for service in services {
            if let Some(key) = key(service, text(service, "/metadata/name")) {
                let selector = labels(service.pointer("/spec/selector"));
                local.services.insert(
                    key,
                    LocalService {
                        selector,
                        pods: BTreeMap::new(),
                    },
                );
            }
        }
        for slice in slices {
            let owner = labels(slice.pointer("/metadata/labels"));
            let owner = owner.get(SERVICE_NAME).and_then(|name| key(slice, name));
            let Some(service) = owner.and_then(|key| local.services.get_mut(&key)) else {
                continue;
            };
            let namespace = text(slice, "/metadata/namespace");
            for endpoint in list(slice, "/endpoints") {
                // No word on readiness means ready, as the API says.
                if endpoint.pointer("/conditions/ready") == Some(&Value::Bool(false)) {
                    continue;
                }
                let pod = (namespace, text(endpoint, "/targetRef/name"));
                let place = pods.get(&pod).cloned().unwrap_or_default();
                for address in list(endpoint, "/addresses").filter_map(Value::as_str) {
                    service.pods.insert(address.to_owned(), place.clone());
                }
            }
        }
        local
    }
}

/// What a member's mesh has been told.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MeshObjects {
    /// WorkloadEntries by namespace and name.
    pub entries: BTreeMap<String, BTreeMap<String, Entry>>,
    /// DestinationRules by namespace and host.
    pub rules: BTreeMap<(String, String), Rule>,
    /// ServiceEntries with a workload selector, by namespace and host.
    pub hosts: BTreeMap<(String, String), Labels>,
    /// Addresses of the gateways of each network.
    pub gateways: BTreeMap<String, BTreeSet<String>>,
    /// What each object said that is not keyed by its own name above.
    said: BTreeMap<(Kind, String), Said>,
}

/// The kinds that are read of a mesh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// WorkloadEntry.
    Entry,
    /// DestinationRule.
    Rule,
    /// ServiceEntry.
    Host,
    /// Gateway of the Gateway API.
    Gateway,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Entry, Self::Rule, Self::Host, Self::Gateway];

    /// Its API version and name.
    #[must_use]
    pub fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Entry => ("networking.istio.io/v1", "WorkloadEntry"),
            Self::Rule => ("networking.istio.io/v1", "DestinationRule"),
            Self::Host => ("networking.istio.io/v1", "ServiceEntry"),
            Self::Gateway => ("gateway.networking.k8s.io/v1", "Gateway"),
        }
    }
}

/// What an object said, under which it is found again when it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Said {
    Hosts(Vec<(String, String)>),
    Addresses(String, BTreeSet<String>),
}

/// Whom a change concerns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Touched {
    /// All services: the way into a network changed.
    Everything,
    /// Services of a namespace that select these labels.
    Labels(String, Labels),
    /// The service of this namespace with this host.
    Host(String, String),
}

/// A WorkloadEntry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its labels.
    pub labels: Labels,
    /// Its address; empty: that of its network's gateways.
    pub address: String,
    /// Its network.
    pub network: String,
    /// Its place.
    pub place: Place,
    /// Its weight; none or 0 means 1.
    pub weight: u32,
    /// Whether mTLS is known to work there: an endpoint behind a gateway without it is left out.
    pub mtls: bool,
}

/// A DestinationRule, as far as it decides about localities.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rule {
    /// Without it localities count for nothing.
    pub outlier_detection: bool,
    /// Locality load balancing is not switched off.
    pub localities: bool,
    /// `from` and `to` region.
    pub failover: Vec<(String, String)>,
    /// `from`, and the weight of each `to`.
    pub distribute: Vec<(String, BTreeMap<String, u32>)>,
}

impl MeshObjects {
    /// Out of lists of WorkloadEntries, DestinationRules, ServiceEntries and Gateways (Gateway API).
    #[must_use]
    pub fn read(entries: &[Value], rules: &[Value], hosts: &[Value], gateways: &[Value]) -> Self {
        let mut mesh = Self::default();
        for (kind, objects) in Kind::ALL.into_iter().zip([entries, rules, hosts, gateways]) {
            for object in objects {
                let (namespace, name) = (
                    text(object, "/metadata/namespace"),
                    text(object, "/metadata/name"),
                );
                mesh.put(kind, namespace, name, Some(object));
            }
        }
        mesh
    }

    /// One object as it is now; `None`: it is gone. Says whom that concerns.
    pub fn put(
        &mut self,
        kind: Kind,
        namespace: &str,
        name: &str,
        object: Option<&Value>,
    ) -> Vec<Touched> {
        match kind {
            Kind::Entry => self.put_entry(namespace, name, object.map(read_entry)),
            Kind::Rule => {
                let host = object.map(|rule| text(rule, "/spec/host").to_owned());
                let keys = host.map(|host| (namespace.to_owned(), host));
                let rule = object.map(read_rule);
                let rows = keys.into_iter().zip(rule);
                exchange(
                    &mut self.said,
                    &mut self.rules,
                    kind,
                    (namespace, name),
                    rows,
                )
            }
            Kind::Host => {
                let selector =
                    labels(object.and_then(|host| host.pointer("/spec/workloadSelector/labels")));
                let hosts = object
                    .into_iter()
                    .flat_map(|host| list(host, "/spec/hosts"));
                let rows = hosts.filter_map(Value::as_str).map(|host| {
                    let key = (namespace.to_owned(), host.to_owned());
                    (key, selector.clone())
                });
                exchange(
                    &mut self.said,
                    &mut self.hosts,
                    kind,
                    (namespace, name),
                    rows,
                )
            }
            Kind::Gateway => self.put_gateway(namespace, name, object),
        }
    }

    fn put_entry(&mut self, namespace: &str, name: &str, entry: Option<Entry>) -> Vec<Touched> {
        let rows = self.entries.entry(namespace.to_owned()).or_default();
        let before = match entry.clone() {
            Some(entry) => rows.insert(name.to_owned(), entry),
            None => rows.remove(name),
        };
        if before == entry {
            return Vec::new();
        }
        let concerned: BTreeSet<Labels> = [before, entry]
            .into_iter()
            .flatten()
            .map(|entry| entry.labels)
            .collect();
        concerned
            .into_iter()
            .map(|labels| Touched::Labels(namespace.to_owned(), labels))
            .collect()
    }

    fn put_gateway(&mut self, namespace: &str, name: &str, object: Option<&Value>) -> Vec<Touched> {
        let key = (Kind::Gateway, format!("{namespace}/{name}"));
        let remote =
            object.filter(|gateway| text(gateway, "/spec/gatewayClassName") == "istio-remote");
        let now = remote.and_then(|gateway| {
            let network = labels(gateway.pointer("/metadata/labels")).remove(NETWORK)?;
            let port = gateway
                .pointer("/spec/listeners/0/port")
                .and_then(Value::as_u64)
                .unwrap_or(15443);
            let addresses = list(gateway, "/spec/addresses")
                .map(|address| format!("{}:{port}", text(address, "/value")));
            Some(Said::Addresses(network, addresses.collect()))
        });
        let before = match now.clone() {
            Some(now) => self.said.insert(key, now),
            None => self.said.remove(&key),
        };
        if before == now {
            return Vec::new();
        }
        self.gateways.clear();
        for said in self.said.values() {
            if let Said::Addresses(network, addresses) = said {
                let all = self.gateways.entry(network.clone()).or_default();
                all.extend(addresses.iter().cloned());
            }
        }
        self.gateways.retain(|_, addresses| !addresses.is_empty());
        vec![Touched::Everything]
    }
}

/// Gives out the rows that an object had and enters those that it has now; says whom the difference concerns.
fn exchange<T: PartialEq>(
    said: &mut BTreeMap<(Kind, String), Said>,
    all: &mut BTreeMap<(String, String), T>,
    kind: Kind,
    (namespace, name): (&str, &str),
    rows: impl IntoIterator<Item = ((String, String), T)>,
) -> Vec<Touched> {
    let object = (kind, format!("{namespace}/{name}"));
    let keys = match said.remove(&object) {
        Some(Said::Hosts(keys)) => keys,
        _ => Vec::new(),
    };
    let mut before: BTreeMap<(String, String), Option<T>> = BTreeMap::new();
    for key in keys {
        let row = all.remove(&key);
        before.insert(key, row);
    }
    let mut touched = BTreeSet::new();
    let mut now = Vec::new();
    for (key, row) in rows {
        if before.remove(&key).flatten().as_ref() != Some(&row) {
            touched.insert(key.clone());
        }
        now.push(key.clone());
        all.insert(key, row);
    }
    touched.extend(before.into_keys());
    if !now.is_empty() {
        said.insert(object, Said::Hosts(now));
    }
    let host = |(namespace, host)| Touched::Host(namespace, host);
    touched.into_iter().map(host).collect()
}

/// Whether a selector selects these labels. An empty one selects nothing here.
#[must_use]
pub fn selects(selector: &Labels, labels: &Labels) -> bool {
    !selector.is_empty()
        && selector
            .iter()
            .all(|(name, value)| labels.get(name) == Some(value))
}

fn read_entry(entry: &Value) -> Entry {
    let spec_labels = labels(entry.pointer("/spec/labels"));
    let weight = entry.pointer("/spec/weight").and_then(Value::as_u64);
    let tls = spec_labels
        .get(TLS_MODE)
        .is_some_and(|mode| mode == "istio");
    Entry {
        address: text(entry, "/spec/address").to_owned(),
        network: text(entry, "/spec/network").to_owned(),
        place: Place::parse(text(entry, "/spec/locality")),
        weight: u32::try_from(weight.unwrap_or(1))
            .unwrap_or(u32::MAX)
            .max(1),
        mtls: tls || !text(entry, "/spec/serviceAccount").is_empty(),
        labels: spec_labels,
    }
}

fn read_rule(rule: &Value) -> Rule {
    let balancing = rule.pointer("/spec/trafficPolicy/loadBalancer/localityLbSetting");
    let rows = |name: &str| {
        balancing
            .and_then(|setting| setting.get(name))
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
    };
    let weights = |to: &Value| {
        let to = to.as_object().into_iter().flatten();
        to.map(|(place, weight)| {
            (
                place.clone(),
                u32::try_from(weight.as_u64().unwrap_or(0)).unwrap_or(0),
            )
        })
        .collect()
    };
    Rule {
        outlier_detection: rule
            .pointer("/spec/trafficPolicy/outlierDetection")
            .is_some_and(Value::is_object),
        localities: balancing.and_then(|setting| setting.get("enabled"))
            != Some(&Value::Bool(false)),
        failover: rows("failover")
            .map(|row| (text(row, "/from").to_owned(), text(row, "/to").to_owned()))
            .collect(),
        distribute: rows("distribute")
            .map(|row| {
                (
                    text(row, "/from").to_owned(),
                    weights(row.get("to").unwrap_or(&Value::Null)),
                )
            })
            .collect(),
    }
}

fn place_of_node(node: &Value) -> Place {
    let labels = labels(node.pointer("/metadata/labels"));
    let label = |name: &str| labels.get(name).map_or("", String::as_str);
    Place::new(label(REGION), label(ZONE))
}

fn key(object: &Value, name: &str) -> Option<ServiceKey> {
    ServiceKey::new(text(object, "/metadata/namespace"), name).ok()
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn list<'a>(object: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    object
        .pointer(pointer)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

fn labels(object: Option<&Value>) -> Labels {
    let rows = object.and_then(Value::as_object).into_iter().flatten();
    rows.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
        .collect()
}
