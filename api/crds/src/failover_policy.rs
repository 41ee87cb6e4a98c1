//! FailoverPolicy: what may go where, when, and how much of it. In the root namespace `causeway-system`: defaults for
//! all; elsewhere without targets: for that namespace; with targets: for those services. The nearest wins.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, CustomResourceExt as _};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema;

mod rules;

pub use rules::{
    FailbackMode, FailoverMode, Limits, OnOverload, Priority, Stateful, StatefulApproval, Strategy,
    TrafficLimit, Weight, WhenUnknown,
};

/// What is declared of failover.
#[derive(CustomResource, Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "causeway.dev",
    version = "v1alpha1",
    kind = "FailoverPolicy",
    plural = "failoverpolicies",
    namespaced,
    shortname = "fop",
    category = "causeway",
    status = "FailoverPolicyStatus",
    derive = "PartialEq",
    doc = "What may go where, when, and how much of it. In the namespace causeway-system: defaults for all. In another without targetRefs: for that namespace; with targetRefs: for those services. The nearest wins.",
    printcolumn(
        name = "Services",
        type_ = "integer",
        json_path = ".status.services.matched"
    ),
    printcolumn(
        name = "Mode",
        type_ = "string",
        json_path = ".status.effectiveMode.mode"
    ),
    printcolumn(
        name = "Worst",
        type_ = "string",
        json_path = ".status.readiness[0].lose"
    ),
    printcolumn(
        name = "Outcome",
        type_ = "string",
        json_path = ".status.readiness[0].outcome"
    ),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status"
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp"
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        priority = 1,
        json_path = ".status.conditions[?(@.type==\"Ready\")].reason"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct FailoverPolicySpec {
    /// The services that this is about, in the policy's own namespace. Default: all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 128))]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["group", "kind", "name"]))]
    pub target_refs: Vec<TargetRef>,
    /// The names by which clients call: ClusterLocal is NAME.NAMESPACE.svc.cluster.local, ClusterSet is
    /// NAME.NAMESPACE.svc.clusterset.local. Default: both.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 2))]
    #[schemars(extend("x-kubernetes-list-type" = "set"))]
    pub hosts: Vec<Host>,
    /// Who moves traffic when something is lost. Observe: nobody, what would be done is shown. Approve: a person, who
    /// approves what is proposed. Automatic: Causeway. Of several policies the most careful is in force. Default: Automatic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<FailoverMode>,
    /// Which services are served first, and shed last. Default: Standard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
    /// Whether the services that this is about move as one, so that calls among them stay near. Not in the namespace
    /// causeway-system, whose policies are about all services.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub move_together: Option<bool>,
    /// Where traffic may go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destinations: Option<Destinations>,
    /// Requests by region of the callers. Where a region is left out, its demand is unknown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["from"]))]
    pub demand: Vec<Demand>,
    /// What endpoints can take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capacity: Option<Capacity>,
    /// How losses are detected. In the namespace causeway-system alone, since verdicts are of places, not of services.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detection: Option<Detection>,
    /// How far automation may go. Of several policies the tightest is in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
    /// That the services keep state which another side must not also write.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stateful: Option<Stateful>,
    /// How traffic returns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failback: Option<Failback>,
}

/// What a policy is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TargetRef {
    /// The group.
    #[serde(default)]
    pub group: TargetGroup,
    /// The kind.
    #[serde(default)]
    pub kind: TargetKind,
    /// The name of the ServiceExport, which is that of the Service.
    #[schemars(length(min = 1, max = 253), regex(pattern = schema::DNS_NAME))]
    pub name: String,
}

/// Groups of targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub enum TargetGroup {
    /// Multi-Cluster Services.
    #[default]
    #[serde(rename = "multicluster.x-k8s.io")]
    MultiCluster,
}

/// Kinds of targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub enum TargetKind {
    /// An exported service.
    #[default]
    ServiceExport,
}

/// Names by which clients call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Host {
    /// `svc.ns.svc.cluster.local`.
    ClusterLocal,
    /// `svc.ns.svc.clusterset.local`.
    ClusterSet,
}

/// Where traffic may go.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [{
    "rule": "!has(self.allowedRegions) || !has(self.failover) || self.failover.all(f, f.to.all(r, r in self.allowedRegions))",
    "message": "failover leads to a region that allowedRegions leaves out: a failover there would be refused, so add it to allowedRegions or take it out of failover",
    "fieldPath": ".failover",
}, {
    "rule": "(has(self.weights) && size(self.weights) > 0) == (has(self.strategy) && self.strategy == 'Weighted')",
    "message": "weights and strategy Weighted belong together: give both or neither",
    "fieldPath": ".weights",
}, {
    "rule": "!has(self.allowedRegions) || !has(self.weights) || self.weights.all(w, w.region in self.allowedRegions)",
    "message": "weights names a region that allowedRegions leaves out: add it to allowedRegions or take it out of weights",
    "fieldPath": ".weights",
}]))]
pub struct Destinations {
    /// How destinations are chosen. Waterfall: the nearest first, each up to what it may carry, the rest outward.
    /// Ordered: by failover alone, and what it does not name gets nothing. Weighted: by weights. Default: Waterfall.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strategy: Option<Strategy>,
    /// Ordered regions to fail over to, by region of the callers. Default: the nearest with room.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["from"]))]
    pub failover: Vec<Failover>,
    /// Regions where traffic may go at all: a refusal, never a preference. Default: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(min = 1, max = 63), regex(pattern = schema::LABEL_VALUE)))]
    #[schemars(extend("x-kubernetes-list-type" = "set"))]
    pub allowed_regions: Vec<String>,
    /// For strategy Weighted: shares by region, as far as capacity goes. A region that is left out gets none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["region"]))]
    pub weights: Vec<Weight>,
    /// The share of ready endpoints below which a zone takes nothing from elsewhere, in percent. Default: no such share.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub min_healthy_percent: Option<i32>,
}

/// Where callers of one region go when their own is lost.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("x-kubernetes-validations" = [{
    "rule": "!(self.from in self.to)",
    "message": "to names the region of from: a region does not fail over to itself",
    "fieldPath": ".to",
}]))]
pub struct Failover {
    /// The region of the callers.
    #[schemars(length(min = 1, max = 63), regex(pattern = schema::LABEL_VALUE))]
    pub from: String,
    /// Regions, the first first.
    #[schemars(length(min = 1, max = 16), inner(length(min = 1, max = 63), regex(pattern = schema::LABEL_VALUE)))]
    #[schemars(extend("x-kubernetes-list-type" = "set"))]
    pub to: Vec<String>,
}

/// Requests from one region.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Demand {
    /// The region of the callers.
    #[schemars(length(min = 1, max = 63), regex(pattern = schema::LABEL_VALUE))]
    pub from: String,
    /// Requests per second, to each service that this policy is about.
    #[schemars(range(min = 0, max = 1_000_000_000))]
    pub requests_per_second: i64,
}

/// What endpoints can take.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Capacity {
    /// What one ready endpoint serves.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub requests_per_second_per_endpoint: Option<i64>,
    /// The share of it that a plan may use, in percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub max_utilization_percent: Option<i32>,
    /// What becomes of traffic that only destinations of unknown capacity could take. Hold: it is not planned there, they
    /// stand by. BestEffort: it is sent there, and the report says so. Default: Hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when_unknown: Option<WhenUnknown>,
}

/// How losses are detected.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [{
    "rule": "!has(self.minObservers) || !has(self.minFailureDomains) || self.minFailureDomains <= self.minObservers",
    "message": "minFailureDomains is above minObservers: so many observers stand in at most so many domains, so lower it",
    "fieldPath": ".minFailureDomains",
}]))]
pub struct Detection {
    /// How long a quorum must hold something unreachable before it is lost. Default: 10s.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32), regex(pattern = schema::DURATION))]
    #[schemars(extend("x-kubernetes-validations" = [{
        "rule": "duration(self) >= duration('1s') && duration(self) <= duration('1h')",
        "message": "holdFor is out of range: give 1s to 1h",
    }]))]
    pub hold_for: Option<String>,
    /// How many observers must agree; where there are fewer, all of them. Default: 3.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 99))]
    pub min_observers: Option<i32>,
    /// In how many distinct failure domains; where there are fewer, in all of them. Default: 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 99))]
    pub min_failure_domains: Option<i32>,
}

/// How traffic returns.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Failback {
    /// Who lets it. Automatic: it returns after the hold-down. Approve: then, once a person approves. Never: a person
    /// restores it (`causeway restore`). Default: Automatic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<FailbackMode>,
    /// How long what was lost must be well before traffic returns. Default: 1m.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32), regex(pattern = schema::DURATION))]
    #[schemars(extend("x-kubernetes-validations" = [{
        "rule": "duration(self) <= duration('168h')",
        "message": "holdDown is out of range: give at most 168h",
    }]))]
    pub hold_down: Option<String>,
    /// Steps in which it returns: shares of what it carried, in percent, rising, the last 100. Each step is watched for the
    /// interval and taken back where health falls. Default: all at once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::step_weights")]
    pub step_weights: Vec<i32>,
    /// How long each step is watched. Default: 1m.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32), regex(pattern = schema::DURATION))]
    #[schemars(extend("x-kubernetes-validations" = [{
        "rule": "duration(self) >= duration('1s') && duration(self) <= duration('24h')",
        "message": "interval is out of range: give 1s to 24h",
    }]))]
    pub interval: Option<String>,
}

/// What came of a policy.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FailoverPolicyStatus {
    /// The generation of the spec that this follows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Who moves traffic, all things considered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effective_mode: Option<EffectiveMode>,
    /// How many services.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub services: Option<PolicyServices>,
    /// What the loss of single domains would do to these services, the worst first, at most eight.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["lose"]))]
    pub readiness: Vec<PolicyReadiness>,
    /// What was decided last of any of these services. Written at most every 15 seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_decision: Option<LastDecision>,
    /// Accepted, ResolvedRefs, and Ready, which joins them; CapacityProven and LossSurvivable, which are no part of Ready.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::conditions")]
    pub conditions: Vec<Condition>,
}

/// How many services a policy is about.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct PolicyServices {
    /// That exist and that this policy is about.
    #[serde(default)]
    pub matched: i32,
    /// Those of them that are planned, and of which it is declared what endpoints take in every place that has some ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capacity_known: Option<i32>,
}

/// Who moves traffic: the most careful of the root policies, of this policy and those that are about all that it is about,
/// and of the members that have a part in its services.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct EffectiveMode {
    /// Observe: nobody. Approve: a person, who approves what is proposed. Automatic: Causeway.
    pub mode: String,
    /// Which policy or which member makes it so.
    pub because: String,
}

/// What was decided last.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct LastDecision {
    /// The decision's place in the log: `causeway replay` takes it where a plan was committed, and so does `causeway explain --at`.
    pub generation: String,
    /// Committed: a plan came into force. WouldHaveMoved: traffic would have moved, and the mode is Observe.
    /// WaitsForApproval: a person must approve the move. Refused: a safety rule refused it.
    pub outcome: String,
    /// Of which service.
    pub service: String,
}

/// What the loss of a domain would do to the services that a policy is about.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PolicyReadiness {
    /// What would be lost: region/NAME, domain/NAME, member/NAME, zone/REGION/ZONE or gateway/MEMBER/NAME.
    pub lose: String,
    /// The gravest that would happen to any of them: Survives, Saturates, Unproven, Overloads or Orphans.
    pub outcome: String,
    /// The share of the survivors' demand that would be served, in percent, rounded down.
    pub score: i32,
    /// The first service without a destination; else the one with the most demand beyond capacity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// That demand beyond capacity, in percent of what is served.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_percent: Option<i32>,
}

/// The definition.
#[must_use]
pub fn definition() -> CustomResourceDefinition {
    schema::with_short_name(schema::finish(FailoverPolicy::crd()))
}
