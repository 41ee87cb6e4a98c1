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
    /// WorkloadEntries by namespace.
    pub entries: BTreeMap<String, Vec<Entry>>,
    /// DestinationRules by namespace and host.
    pub rules: BTreeMap<(String, String), Rule>,
    /// ServiceEntries with a workload selector, by namespace and host.
    pub hosts: BTreeMap<(String, String), Labels>,
    /// Addresses of the gateways of each network.
    pub gateways: BTreeMap<String, BTreeSet<String>>,
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
        for entry in entries {
            let namespace = text(entry, "/metadata/namespace").to_owned();
            mesh.entries
                .entry(namespace)
                .or_default()
                .push(read_entry(entry));
        }
        for rule in rules {
            let host = text(rule, "/spec/host").to_owned();
            mesh.rules.insert(
                (text(rule, "/metadata/namespace").to_owned(), host),
                read_rule(rule),
            );
        }
        for host in hosts {
            let selector = labels(host.pointer("/spec/workloadSelector/labels"));
            for name in list(host, "/spec/hosts").filter_map(Value::as_str) {
                let namespace = text(host, "/metadata/namespace").to_owned();
                mesh.hosts
                    .insert((namespace, name.to_owned()), selector.clone());
            }
        }
        for gateway in gateways
            .iter()
            .filter(|gateway| text(gateway, "/spec/gatewayClassName") == "istio-remote")
        {
            let network = labels(gateway.pointer("/metadata/labels")).remove(NETWORK);
            let port = gateway
                .pointer("/spec/listeners/0/port")
                .and_then(Value::as_u64)
                .unwrap_or(15443);
            let addresses = list(gateway, "/spec/addresses")
                .map(|address| format!("{}:{port}", text(address, "/value")));
            if let Some(network) = network {
                mesh.gateways.entry(network).or_default().extend(addresses);
            }
        }
        mesh.gateways.retain(|_, addresses| !addresses.is_empty());
        mesh
    }
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
