//! The objects that are watched, in types so narrow that everything else is skipped while it is read: no managed
//! fields, no annotations of other people, no statuses of Pods ever get into memory.

use std::collections::{BTreeMap, BTreeSet};

use causeway_index::{Index, border};
use prost::bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

mod slices;

pub(crate) use slices::EndpointSlice;

/// Reads an object of a kind from what an API server writes as protobuf; an error says why it cannot be read.
pub(crate) type FromProtobuf<K> = fn(&Bytes) -> Result<K, String>;

/// A kind that is watched.
pub(crate) trait Watched: DeserializeOwned + Clone + Send + 'static {
    /// Its group; empty for the core.
    const GROUP: &'static str;
    /// Its name in URLs.
    const PLURAL: &'static str;
    /// Reads it from protobuf, where watches are to bring it so; else they bring JSON.
    const PROTOBUF: Option<FromProtobuf<Self>> = None;

    /// What is known of it beside its content.
    fn meta(&self) -> &Meta;
    /// Hands it to the index.
    fn apply(self, index: &mut Index);
    /// Takes an object out of the index.
    fn delete(index: &mut Index, namespace: &str, name: &str);
    /// Ends a fresh list: what it did not name goes.
    fn retain(index: &mut Index, listed: &BTreeSet<(&str, &str)>);
}

/// What is read of `metadata`: the labels and annotations that mean something to us are fields of it.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Meta {
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) resource_version: String,
    pub(crate) uid: String,
    deletion_timestamp: Option<String>,
    #[serde(deserialize_with = "or_default")]
    labels: Labels,
    #[serde(deserialize_with = "or_default")]
    annotations: Annotations,
}

#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
struct Labels {
    #[serde(rename = "kubernetes.io/service-name")]
    service: Option<String>,
    #[serde(rename = "topology.kubernetes.io/region")]
    region: Option<String>,
    #[serde(rename = "topology.kubernetes.io/zone")]
    zone: Option<String>,
    #[serde(rename = "topology.istio.io/network")]
    network: Option<String>,
    #[serde(rename = "networking.istio.io/gatewayPort")]
    gateway_port: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
struct Annotations {
    #[serde(rename = "networking.istio.io/gatewayPort")]
    gateway_port: Option<String>,
}

/// Lists and maps that are empty may come as `null`.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// core/v1.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Service {
    metadata: Meta,
    spec: ServiceSpec,
    status: ServiceStatus,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ServiceSpec {
    #[serde(deserialize_with = "or_default")]
    selector: BTreeMap<String, String>,
    r#type: Option<String>,
    #[serde(rename = "clusterIP")]
    cluster_ip: Option<String>,
    #[serde(rename = "externalIPs", deserialize_with = "or_default")]
    external_ips: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    ports: Vec<Port>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Port {
    name: Option<String>,
    port: i64,
    protocol: Option<String>,
    app_protocol: Option<String>,
    target_port: Option<IntOrString>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum IntOrString {
    Int(i64),
    String(String),
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ServiceStatus {
    #[serde(deserialize_with = "or_default")]
    load_balancer: LoadBalancer,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct LoadBalancer {
    #[serde(deserialize_with = "or_default")]
    ingress: Vec<Ingress>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Ingress {
    ip: Option<String>,
    hostname: Option<String>,
}

impl Watched for Service {
    const GROUP: &'static str = "";
    const PLURAL: &'static str = "services";

    fn meta(&self) -> &Meta {
        &self.metadata
    }

    fn apply(self, index: &mut Index) {
        let Meta {
            name,
            namespace,
            labels,
            annotations,
            ..
        } = self.metadata;
        let map = |pairs: [(&str, Option<String>); 2]| {
            let there = pairs
                .into_iter()
                .filter_map(|(key, value)| Some((key.to_owned(), value?)));
            there.collect::<BTreeMap<_, _>>()
        };
        let ports = self.spec.ports.into_iter().map(|port| border::Port {
            name: port.name,
            port: port.port,
            protocol: port.protocol,
            app_protocol: port.app_protocol,
            target: port.target_port.map(|target| match target {
                IntOrString::Int(n) => border::Target::Number(n),
                IntOrString::String(name) => border::Target::Name(name),
            }),
        });
        let ingress = self.status.load_balancer.ingress.into_iter();
        index.apply_service(&border::Service {
            namespace,
            name,
            labels: map([
                ("topology.istio.io/network", labels.network),
                ("networking.istio.io/gatewayPort", labels.gateway_port),
            ]),
            annotations: map([
                ("networking.istio.io/gatewayPort", annotations.gateway_port),
                ("", None),
            ]),
            selector: self.spec.selector,
            kind: self.spec.r#type,
            cluster_ip: self.spec.cluster_ip,
            external_ips: self.spec.external_ips,
            ingress: ingress
                .map(|at| border::Ingress {
                    ip: at.ip,
                    hostname: at.hostname,
                })
                .collect(),
            ports: ports.collect(),
        });
    }

    fn delete(index: &mut Index, namespace: &str, name: &str) {
        index.delete_service(namespace, name);
    }

    fn retain(index: &mut Index, listed: &BTreeSet<(&str, &str)>) {
        index.retain_services(listed);
    }
}

/// core/v1.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Node {
    metadata: Meta,
    status: NodeStatus,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct NodeStatus {
    #[serde(deserialize_with = "or_default")]
    conditions: Vec<Condition>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Condition {
    r#type: String,
    status: String,
}

impl Watched for Node {
    const GROUP: &'static str = "";
    const PLURAL: &'static str = "nodes";

    fn meta(&self) -> &Meta {
        &self.metadata
    }

    fn apply(self, index: &mut Index) {
        let mut conditions = self.status.conditions.iter();
        let ready = conditions.any(|c| c.r#type == "Ready" && c.status == "True");
        let Meta { name, labels, .. } = self.metadata;
        index.apply_node(&border::Node {
            name,
            region: labels.region,
            zone: labels.zone,
            ready,
        });
    }

    fn delete(index: &mut Index, _namespace: &str, name: &str) {
        index.delete_node(name);
    }

    fn retain(index: &mut Index, listed: &BTreeSet<(&str, &str)>) {
        index.retain_nodes(listed);
    }
}

/// core/v1.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Namespace {
    metadata: Meta,
}

impl Watched for Namespace {
    const GROUP: &'static str = "";
    const PLURAL: &'static str = "namespaces";

    fn meta(&self) -> &Meta {
        &self.metadata
    }

    fn apply(self, index: &mut Index) {
        index.apply_namespace(&border::Namespace {
            name: self.metadata.name,
            network: self.metadata.labels.network,
        });
    }

    fn delete(index: &mut Index, _namespace: &str, name: &str) {
        index.delete_namespace(name);
    }

    fn retain(index: &mut Index, listed: &BTreeSet<(&str, &str)>) {
        index.retain_namespaces(listed);
    }
}

/// multicluster.x-k8s.io, v1alpha1 or v1beta1: only that it is there matters.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ServiceExport {
    metadata: Meta,
}

impl Watched for ServiceExport {
    const GROUP: &'static str = "multicluster.x-k8s.io";
    const PLURAL: &'static str = "serviceexports";

    fn meta(&self) -> &Meta {
        &self.metadata
    }

    fn apply(self, index: &mut Index) {
        index.apply_export(&border::Export {
            deleting: self.metadata.deletion_timestamp.is_some(),
            namespace: self.metadata.namespace,
            name: self.metadata.name,
        });
    }

    fn delete(index: &mut Index, namespace: &str, name: &str) {
        index.delete_export(namespace, name);
    }

    fn retain(index: &mut Index, listed: &BTreeSet<(&str, &str)>) {
        index.retain_exports(listed);
    }
}

/// core/v1: of a Pod, only its account.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Pod {
    pub(crate) spec: PodSpec,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct PodSpec {
    pub(crate) service_account_name: Option<String>,
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )]
    use causeway_api::MemberName;

    use super::*;

    fn read<K: Watched>(json: serde_json::Value) -> K {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn empty_lists_may_be_null_and_what_is_unknown_is_skipped() {
        let mut index = Index::new(MemberName::new("m").unwrap());
        read::<EndpointSlice>(serde_json::json!({
            "metadata": {"name": "a", "namespace": "shop", "managedFields": [{"x": 1}], "labels": null,
                         "annotations": {"endpoints.kubernetes.io/last-change-trigger-time": "t"}},
            "addressType": "IPv4", "endpoints": null, "ports": null, "future": {"a": [1, null]},
        }))
        .apply(&mut index);
        read::<Service>(serde_json::json!({
            "metadata": {"name": "a", "namespace": "shop"},
            "spec": {"selector": null, "ports": [
                {"port": 80, "targetPort": "web"}, {"name": "b", "port": 81, "targetPort": 8081}]},
            "status": {"loadBalancer": {}},
        }))
        .apply(&mut index);
        let key = "shop/a".parse().unwrap();
        let local = index.local(&key).unwrap();
        assert_eq!(local.ports.len(), 2);
        read::<Node>(serde_json::json!({
            "metadata": {"name": "n", "labels": {"topology.kubernetes.io/zone": "z", "other": "x"}},
            "status": {"conditions": [{"type": "Ready", "status": "True", "reason": "x"}], "images": []},
        }))
        .apply(&mut index);
        let member = index.take_delta().unwrap().member.unwrap();
        assert_eq!(member.nodes.values().sum::<u32>(), 1);
    }

    #[test]
    fn an_export_that_is_being_deleted_is_withdrawn() {
        let mut index = Index::new(MemberName::new("m").unwrap());
        read::<ServiceExport>(serde_json::json!({
            "metadata": {"name": "a", "namespace": "shop", "deletionTimestamp": "2026-11-23T00:00:00Z"},
        }))
        .apply(&mut index);
        assert!(index.take_delta().unwrap().services.is_empty());
    }
}
