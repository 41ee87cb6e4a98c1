//! Objects of a member as its API server sends them, cut down to what facts are made of.
//!
//! Texts are still texts here: the index parses each part by itself, so that one bad address costs that address alone
//! and leaves a sentence about it, and everything else goes on.

use std::collections::BTreeMap;

/// A Service (core/v1).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Service {
    /// `metadata.namespace`.
    pub namespace: String,
    /// `metadata.name`.
    pub name: String,
    /// `metadata.labels`, at least those that begin with `topology.istio.io/` or `networking.istio.io/`.
    pub labels: BTreeMap<String, String>,
    /// `metadata.annotations`, at least those that begin with `networking.istio.io/`.
    pub annotations: BTreeMap<String, String>,
    /// `spec.selector`.
    pub selector: BTreeMap<String, String>,
    /// `spec.type`.
    pub kind: Option<String>,
    /// `spec.clusterIP`; `None` as a text is headless.
    pub cluster_ip: Option<String>,
    /// `spec.externalIPs`.
    pub external_ips: Vec<String>,
    /// `status.loadBalancer.ingress`.
    pub ingress: Vec<Ingress>,
    /// `spec.ports`.
    pub ports: Vec<Port>,
}

/// One address of a load balancer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ingress {
    /// `ip`.
    pub ip: Option<String>,
    /// `hostname`.
    pub hostname: Option<String>,
}

/// A port of a Service.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Port {
    /// `name`.
    pub name: Option<String>,
    /// `port`.
    pub port: i64,
    /// `protocol`; absent: TCP.
    pub protocol: Option<String>,
    /// `appProtocol`.
    pub app_protocol: Option<String>,
    /// `targetPort`; absent: the same as `port`.
    pub target: Option<Target>,
}

/// A number or a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A number.
    Number(i64),
    /// A container port's name.
    Name(String),
}

/// An EndpointSlice (discovery.k8s.io/v1).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Slice {
    /// `metadata.namespace`.
    pub namespace: String,
    /// `metadata.name`.
    pub name: String,
    /// The label `kubernetes.io/service-name`; absent: the slice is of no service.
    pub service: Option<String>,
    /// `addressType`: IPv4 or IPv6; what else there is cannot be counted.
    pub address_type: String,
    /// `endpoints`.
    pub endpoints: Vec<Endpoint>,
    /// `ports`.
    pub ports: Vec<SlicePort>,
}

/// An endpoint of a slice.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Endpoint {
    /// `addresses`; they are interchangeable, and the first is taken, as kube-proxy does.
    pub addresses: Vec<String>,
    /// `conditions.ready`; absent means ready.
    pub ready: Option<bool>,
    /// `conditions.serving`; absent means as `ready`.
    pub serving: Option<bool>,
    /// `conditions.terminating`; absent means not.
    pub terminating: Option<bool>,
    /// `nodeName`.
    pub node: Option<String>,
    /// `zone`.
    pub zone: Option<String>,
    /// `targetRef`, where it is a Pod.
    pub pod: Option<PodTarget>,
}

/// A Pod behind an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PodTarget {
    /// Its name; its namespace is the slice's.
    pub name: String,
    /// Its UID, where the slice's writer gave it.
    pub uid: Option<String>,
}

/// A port of a slice.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SlicePort {
    /// `name`: that of the Service's port.
    pub name: Option<String>,
    /// `port`: where the pods listen; absent means any port.
    pub port: Option<i64>,
}

/// A Node (core/v1).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Node {
    /// `metadata.name`.
    pub name: String,
    /// The label `topology.kubernetes.io/region`.
    pub region: Option<String>,
    /// The label `topology.kubernetes.io/zone`.
    pub zone: Option<String>,
    /// Whether its condition Ready is True.
    pub ready: bool,
}

/// A ServiceExport (multicluster.x-k8s.io, v1alpha1 or v1beta1).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Export {
    /// `metadata.namespace`.
    pub namespace: String,
    /// `metadata.name`: that of the Service.
    pub name: String,
    /// Whether `metadata.deletionTimestamp` is set: its owner has withdrawn it already.
    pub deleting: bool,
}

/// A Namespace (core/v1).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Namespace {
    /// `metadata.name`.
    pub name: String,
    /// The label `topology.istio.io/network`.
    pub network: Option<String>,
}
