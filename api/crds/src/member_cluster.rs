//! MemberCluster: a cluster of the clusterset. `spec: {}` suffices; what is left out, the agent reports.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, CustomResourceExt as _};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema;

mod class;
mod probes;

pub use class::{Absence, Class};
pub use probes::{GatewayProbe, Page, Probes};

/// What is declared of a member.
#[derive(CustomResource, Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "causeway.dev",
    version = "v1alpha1",
    kind = "MemberCluster",
    shortname = "mcl",
    category = "causeway",
    status = "MemberClusterStatus",
    derive = "PartialEq",
    doc = "A cluster of the clusterset. Its name is the identity that its agent's certificate proves. An empty spec suffices: topology, network, gateways and mesh are then as the agent reports them.",
    printcolumn(
        name = "Class",
        type_ = "string",
        priority = 1,
        json_path = ".spec.class"
    ),
    printcolumn(name = "Region", type_ = "string", json_path = ".status.region"),
    printcolumn(name = "Mode", type_ = "string", json_path = ".spec.mode"),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status"
    ),
    printcolumn(
        name = "Verdict",
        type_ = "string",
        json_path = ".status.verdict.state"
    ),
    printcolumn(
        name = "Exported",
        type_ = "integer",
        json_path = ".status.services.exported"
    ),
    printcolumn(
        name = "Imported",
        type_ = "integer",
        json_path = ".status.services.imported"
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp"
    ),
    printcolumn(
        name = "Home",
        type_ = "string",
        priority = 1,
        json_path = ".status.session.home"
    ),
    printcolumn(
        name = "Network",
        type_ = "string",
        priority = 1,
        json_path = ".status.network"
    ),
    printcolumn(
        name = "K8s",
        type_ = "string",
        priority = 1,
        json_path = ".status.version.kubernetes"
    ),
    printcolumn(
        name = "Mesh",
        type_ = "string",
        priority = 1,
        json_path = ".status.version.mesh"
    ),
    printcolumn(
        name = "Heard",
        type_ = "date",
        priority = 1,
        json_path = ".status.session.lastHeardTime"
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        priority = 1,
        json_path = ".status.conditions[?(@.type==\"Ready\")].reason"
    )
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [{
    "rule": "!has(oldSelf.network) || !has(oldSelf.network.name) || (has(self.network) && has(self.network.name) && self.network.name == oldSelf.network.name)",
    "message": "spec.network.name is immutable once declared, since every other mesh leads to it by that name: delete this MemberCluster and register the cluster again",
}]))]
pub struct MemberClusterSpec {
    /// What kind of cluster it is: what its silence and its capacity mean. Standard: nodes of its own, always reachable.
    /// Serverless: nodes come with the pods, so that capacity beyond what runs is unproven. Edge: may be absent for hours
    /// without having failed. External: run by others.
    #[serde(default)]
    pub class: Class,
    /// What the agent may do in the member. Observe: write nothing, show the exact difference (`causeway diff`).
    /// Federate: write our endpoints and gateways.
    #[serde(default)]
    pub mode: Mode,
    /// Stop writing now. What is there stays.
    #[serde(default)]
    pub suspend: bool,
    /// The mesh.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mesh: Option<Mesh>,
    /// Where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topology: Option<Topology>,
    /// How it is reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<Network>,
    /// How much of what it has may be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capacity: Option<Capacity>,
    /// For how long it may be absent without having failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub absence: Option<Absence>,
    /// How it is probed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probes: Option<Probes>,
}

/// What an agent may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub enum Mode {
    /// Write nothing, show the exact difference.
    #[default]
    Observe,
    /// Write our endpoints and gateways.
    Federate,
}

/// The mesh of a member.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Mesh {
    /// Auto: what the agent finds. None: facts only.
    #[serde(default, rename = "type")]
    pub type_: MeshType,
}

/// Kinds of meshes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub enum MeshType {
    /// What the agent finds.
    #[default]
    Auto,
    /// Istio.
    Istio,
    /// None: facts only.
    None,
}

/// Where a member is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Topology {
    /// Its region. Default: that of most of its nodes (topology.kubernetes.io/region).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = schema::LABEL_VALUE))]
    pub region: Option<String>,
    /// Domains that it shares with other members or with replicas: what may be lost at one stroke.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(min = 1, max = 63), regex(pattern = schema::LABEL_VALUE)))]
    #[schemars(extend("x-kubernetes-list-type" = "set"))]
    pub failure_domains: Vec<String>,
    /// A cloud's names of places, and ours.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[schemars(extend("x-kubernetes-list-type" = "atomic", "x-kubernetes-validations" = [{
        "rule": "self.all(a, self.exists_one(b, a.from == b.from))",
        "message": "localityMappings has two entries with one from: keep one of them",
    }]))]
    pub locality_mappings: Vec<LocalityMapping>,
}

/// One name of a place, and ours.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct LocalityMapping {
    /// As nodes are labelled. Without a region: that zone in any region. Without a zone: nodes without that label.
    pub from: Place,
    /// As we call it. A part that is left out is unknown.
    pub to: Place,
}

/// A region, a zone, or both.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("x-kubernetes-validations" = [{
    "rule": "has(self.region) || has(self.zone)",
    "message": "give region, zone or both",
}]))]
pub struct Place {
    /// The region.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = schema::LABEL_VALUE))]
    pub region: Option<String>,
    /// The zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = schema::LABEL_VALUE))]
    pub zone: Option<String>,
}

/// How a member is reached.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Network {
    /// The network of its pods (topology.istio.io/network): members of one network reach each other's pods without a
    /// gateway. Default: what the mesh in the member says, else the member's name. Immutable once declared.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = schema::LABEL_VALUE))]
    pub name: Option<String>,
    /// East-west gateways. Default: those that the agent finds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub gateways: Vec<Gateway>,
}

/// An east-west gateway.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Gateway {
    /// Its name, for messages and status.
    #[schemars(length(min = 1, max = 63), regex(pattern = schema::DNS_NAME))]
    pub name: String,
    /// Where other networks reach it.
    #[schemars(length(min = 1, max = 16))]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub addresses: Vec<Address>,
    /// Its port for mTLS by SNI.
    #[serde(default = "gateway_port")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: i32,
    /// What it carries, all services together. Default: no limit that is known.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        rename = "maxRequestsPerSecond"
    )]
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub max_requests_per_second: Option<i64>,
}

fn gateway_port() -> i32 {
    i32::from(causeway_api::spec::defaults::GATEWAY_PORT)
}

/// An address of a gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("x-kubernetes-validations" = [
    {
        "rule": "self.type != 'IPAddress' || self.value.matches('^((25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])[.]){3}(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])$') || (self.value.contains(':') && self.value.matches('^[0-9A-Fa-f:]+$'))",
        "message": "value is no IP address, as type IPAddress demands: give IPv4 or IPv6, or type Hostname",
        "fieldPath": ".value",
    },
    {
        "rule": "self.type != 'Hostname' || (self.value.matches('^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$') && !self.value.matches('^[0-9.]+$'))",
        "message": "value is no host name, as type Hostname demands: give a DNS name, or type IPAddress",
        "fieldPath": ".value",
    },
]))]
pub struct Address {
    /// What the value is.
    #[serde(rename = "type")]
    pub type_: AddressType,
    /// The address.
    #[schemars(length(min = 1, max = 253))]
    pub value: String,
}

/// Kinds of addresses, as Gateway API has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum AddressType {
    /// IPv4 or IPv6.
    IPAddress,
    /// A name.
    Hostname,
}

/// How much may be used.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Capacity {
    /// The share of its capacity that a plan may use, in percent. A policy can only lower it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub max_utilization_percent: Option<i32>,
}

/// What is known of a member.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MemberClusterStatus {
    /// The generation of the spec that this follows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// UID of its kube-system namespace: a rebuilt cluster is not the old one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub id: Option<String>,
    /// The region in force: declared, or that of most nodes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub region: Option<String>,
    /// The network in force: declared, as the mesh says, or the member's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub network: Option<String>,
    /// What runs there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<Versions>,
    /// Its agent's session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<Session>,
    /// What observers conclude of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// Its gateways.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub gateways: Vec<GatewayStatus>,
    /// What its mesh holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub view: Option<ViewStatus>,
    /// How many services.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub services: Option<ServiceCounts>,
    /// Registered, AgentConnected, APIReachable, GatewayReachable, MeshSynced, Compatible, and Ready, which joins them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::conditions")]
    pub conditions: Vec<Condition>,
}

/// What runs in a member.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Versions {
    /// Of its API server.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub kubernetes: Option<String>,
    /// Of its agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub agent: Option<String>,
    /// Of the protocol that agent and replica speak.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<i32>,
    /// Its mesh.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub mesh: Option<String>,
}

/// The session of an agent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// The replica that holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub home: Option<String>,
    /// The epoch of the Lease that the agent holds inside its member.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epoch: Option<i64>,
    /// When it was last heard of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "date_time")]
    pub last_heard_time: Option<Time>,
}

fn date_time(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "type": "string", "format": "date-time" })
}

/// What observers conclude.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Verdict {
    /// Unknown, Serving, Degraded, Lost, Recovering or Away.
    #[schemars(length(max = 63))]
    pub state: String,
    /// Since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "date_time")]
    pub since: Option<Time>,
    /// How many observers voted.
    #[serde(default)]
    pub votes: i32,
    /// How many of the votes counted.
    #[serde(default)]
    pub counted: i32,
    /// In how many distinct failure domains.
    #[serde(default)]
    pub domains: i32,
}

/// What is known of a gateway.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GatewayStatus {
    /// Its name.
    #[schemars(length(max = 253))]
    pub name: String,
    /// Address and port, the first of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 320))]
    pub address: Option<String>,
    /// How many observers reach it.
    #[serde(default)]
    pub reachable_from: i32,
    /// How many try.
    #[serde(default)]
    pub probed_from: i32,
}

/// What a member's mesh holds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ViewStatus {
    /// The decision that its view comes from: incarnation/term/index.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub generation: Option<String>,
    /// The decision that was last applied whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub applied_generation: Option<String>,
    /// Our objects there.
    #[serde(default)]
    pub objects: i64,
    /// Objects of others that stand in the way.
    #[serde(default)]
    pub conflicts: i64,
    /// Objects that differ from the view and were not written.
    #[serde(default)]
    pub would_change: i64,
}

/// How many services a member shares.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct ServiceCounts {
    /// That it exports.
    #[serde(default)]
    pub exported: i32,
    /// That others export and it may call.
    #[serde(default)]
    pub imported: i32,
}

/// The definition.
#[must_use]
pub fn definition() -> CustomResourceDefinition {
    schema::with_short_name(schema::finish(MemberCluster::crd()))
}
