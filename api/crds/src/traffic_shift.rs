//! TrafficShift: a person's override, with a time to live. In the root namespace `causeway-system` it may be about all
//! services; elsewhere it names them. Its spec does not change once it is created, except for how long it lasts.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, CustomResourceExt as _};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::failover_policy::{TargetRef, Weight};
use crate::schema;

/// What is overridden.
#[derive(CustomResource, Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "causeway.dev",
    version = "v1alpha1",
    kind = "TrafficShift",
    plural = "trafficshifts",
    namespaced,
    shortname = "tsh",
    category = "causeway",
    status = "TrafficShiftStatus",
    derive = "PartialEq",
    doc = "A person's override of where traffic goes, with a time to live. In the namespace causeway-system without targetRefs: of all services; elsewhere it names them. Its spec does not change once created, except for expiresAfter. Deleting it ends it.",
    printcolumn(name = "Action", type_ = "string", json_path = ".spec.action"),
    printcolumn(name = "Away-From", type_ = "string", json_path = ".status.domain"),
    printcolumn(name = "State", type_ = "string", json_path = ".status.state"),
    printcolumn(name = "Step", type_ = "string", json_path = ".status.step"),
    printcolumn(name = "Expires", type_ = "string", json_path = ".status.expires"),
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
        name = "By",
        type_ = "string",
        priority = 1,
        json_path = ".status.requestedBy"
    ),
    printcolumn(
        name = "Ticket",
        type_ = "string",
        priority = 1,
        json_path = ".spec.ticket"
    ),
    printcolumn(
        name = "Why",
        type_ = "string",
        priority = 1,
        json_path = ".spec.reason"
    )
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    {
        "rule": "has(self.awayFrom) == (self.action in ['Evacuate', 'Restore'])",
        "message": "awayFrom names what Evacuate leaves and Restore returns to: give it with these actions, and with no other",
        "fieldPath": ".awayFrom",
    },
    {
        "rule": "(has(self.weights) && size(self.weights) > 0) == (self.action == 'Weigh')",
        "message": "weights and action Weigh belong together: give both or neither",
        "fieldPath": ".weights",
    },
    {
        "rule": "!has(self.ramp) || self.action == 'Evacuate'",
        "message": "ramp is for the action Evacuate: leave it out",
        "fieldPath": ".ramp",
    },
    {
        "rule": "!has(self.ramp) || self.urgency == 'Planned'",
        "message": "ramp is for urgency Planned: an Emergency moves at once, so leave it out",
        "fieldPath": ".ramp",
    },
    {
        "rule": "!has(self.startTime) || self.action != 'Restore'",
        "message": "startTime is not for the action Restore, which is for now: leave it out, or give the evacuation an endTime",
        "fieldPath": ".startTime",
    },
    {
        "rule": "!has(self.startTime) || !has(self.endTime) || self.endTime > self.startTime",
        "message": "endTime is not after startTime: give a later time",
        "fieldPath": ".endTime",
    },
    {
        "rule": "self.action == oldSelf.action && self.urgency == oldSelf.urgency && self.onExpiry == oldSelf.onExpiry && self.approvalsRequired == oldSelf.approvalsRequired && self.dryRun == oldSelf.dryRun && self.reason == oldSelf.reason && has(self.awayFrom) == has(oldSelf.awayFrom) && (!has(self.awayFrom) || self.awayFrom == oldSelf.awayFrom) && has(self.weights) == has(oldSelf.weights) && (!has(self.weights) || self.weights == oldSelf.weights) && has(self.targetRefs) == has(oldSelf.targetRefs) && (!has(self.targetRefs) || self.targetRefs == oldSelf.targetRefs) && has(self.ramp) == has(oldSelf.ramp) && (!has(self.ramp) || self.ramp == oldSelf.ramp) && has(self.overrideRules) == has(oldSelf.overrideRules) && (!has(self.overrideRules) || self.overrideRules == oldSelf.overrideRules) && has(self.startTime) == has(oldSelf.startTime) && (!has(self.startTime) || self.startTime == oldSelf.startTime) && has(self.endTime) == has(oldSelf.endTime) && (!has(self.endTime) || self.endTime == oldSelf.endTime) && has(self.requestedBy) == has(oldSelf.requestedBy) && (!has(self.requestedBy) || self.requestedBy == oldSelf.requestedBy)",
        "message": "spec is immutable except for expiresAfter and ticket, so that what was approved is what happens: delete this TrafficShift and create another",
    },
]))]
pub struct TrafficShiftSpec {
    /// What is done. Evacuate: traffic leaves awayFrom. Restore: traffic returns to awayFrom now, hold-down and ramp are over.
    /// Weigh: shares by region. Pin: plans stay as they are. Freeze: automation stops, people still may.
    pub action: Action,
    /// What Evacuate leaves, and Restore returns to: exactly one of its fields.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub away_from: Option<AwayFrom>,
    /// For action Weigh: shares by region.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["region"]))]
    pub weights: Vec<Weight>,
    /// The services that it is about, in its own namespace. Required outside causeway-system.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 128))]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["group", "kind", "name"]))]
    pub target_refs: Vec<TargetRef>,
    /// Planned: in the steps of ramp. Emergency: at once. Safety rules bind both.
    #[serde(default)]
    pub urgency: Urgency,
    /// Steps of a planned move. Default: at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ramp: Option<Ramp>,
    /// It takes effect at this time. Default: as soon as it has its approvals, which may be given before. Not for Restore.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxLength" = 64))]
    pub start_time: Option<Time>,
    /// It ends at this time, as expiresAfter ends it, unless that is over before.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxLength" = 64))]
    pub end_time: Option<Time>,
    /// It ends so long after it was accepted, or after its startTime; at most what limits.maxShiftDuration of the root policy allows.
    #[schemars(length(max = 32), regex(pattern = schema::DURATION))]
    #[schemars(extend("x-kubernetes-validations" = [{
        "rule": "duration(self) >= duration('10s') && duration(self) <= duration('720h')",
        "message": "expiresAfter is out of range: give 10s to 720h",
    }]))]
    pub expires_after: String,
    /// What happens then. Restore: traffic returns by the steps of failback. Hold: it stays until a person decides.
    #[serde(default)]
    pub on_expiry: OnExpiry,
    /// Safety rules that it overrides, by name, such as HoldDown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 16),
        inner(length(min = 1, max = 63), regex(pattern = "^[A-Za-z]+$"))
    )]
    #[schemars(extend("x-kubernetes-list-type" = "set"))]
    pub override_rules: Vec<String>,
    /// How many people other than the requester must approve it (`causeway approve`) before it takes effect.
    #[serde(default)]
    #[schemars(range(min = 0, max = 9))]
    pub approvals_required: i32,
    /// Plan, judge and report, and change nothing.
    #[serde(default)]
    pub dry_run: bool,
    /// Why.
    #[schemars(length(min = 1, max = 256))]
    pub reason: String,
    /// A reference into a system of change requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    pub ticket: Option<String>,
    /// Who asks for it. The guides' admission policy requires that it is the user who creates the object.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub requested_by: Option<String>,
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Action {
    /// Traffic leaves a domain.
    Evacuate,
    /// Traffic returns to a domain now.
    Restore,
    /// Shares by region.
    Weigh,
    /// Plans stay as they are.
    Pin,
    /// Automation stops.
    Freeze,
}

/// A failure domain: exactly one field is given.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [{
    "rule": "[has(self.region), has(self.zone), has(self.member), has(self.gateway), has(self.failureDomain)].filter(given, given).size() == 1",
    "message": "awayFrom names exactly one of region, zone, member, gateway and failureDomain",
}]))]
pub struct AwayFrom {
    /// A region, with all members in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = schema::LABEL_VALUE))]
    pub region: Option<String>,
    /// A zone, as REGION/ZONE.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 3, max = 127),
        regex(pattern = "^[A-Za-z0-9._-]+/[A-Za-z0-9._-]+$")
    )]
    pub zone: Option<String>,
    /// A member.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = schema::DNS_NAME))]
    pub member: Option<String>,
    /// An east-west gateway, as MEMBER/GATEWAY.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 3, max = 127),
        regex(pattern = "^[a-z0-9.-]+/[a-z0-9.-]+$")
    )]
    pub gateway: Option<String>,
    /// All members that declare this failure domain.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = schema::LABEL_VALUE))]
    pub failure_domain: Option<String>,
}

/// How fast.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub enum Urgency {
    /// In steps.
    #[default]
    Planned,
    /// At once.
    Emergency,
}

/// What happens when its time is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub enum OnExpiry {
    /// Traffic returns by the steps of failback.
    #[default]
    Restore,
    /// It stays until a person decides.
    Hold,
}

/// Steps of a planned move.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Ramp {
    /// Shares of what is to move, in percent, rising, the last 100.
    #[schemars(schema_with = "schema::step_weights")]
    pub step_weights: Vec<i32>,
    /// How long each step is watched.
    #[schemars(length(max = 32), regex(pattern = schema::DURATION))]
    #[schemars(extend("x-kubernetes-validations" = [{
        "rule": "duration(self) >= duration('1s') && duration(self) <= duration('24h')",
        "message": "interval is out of range: give 1s to 24h",
    }]))]
    pub interval: String,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrafficShiftStatus {
    /// The generation of the spec that this follows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Pending, Waiting (for approvals), Scheduled (for its startTime), Active, Partly (refused for some services), Held (past its time, for a person to
    /// decide), DryRun, Refused; and Expired or Ended once it is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub state: Option<String>,
    /// What it leaves, as commands take it, such as member/ack-hangzhou.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub domain: Option<String>,
    /// Who asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub requested_by: Option<String>,
    /// Who approved it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(max = 253)))]
    #[schemars(extend("x-kubernetes-list-type" = "set"))]
    pub approved_by: Vec<String>,
    /// How far a planned move has come, such as 2/3.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub step: Option<String>,
    /// When it ends, as text, such as `in about 3h`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub expires: Option<String>,
    /// How many services it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub services: Option<i32>,
    /// Accepted, Approved, Active, and Ready, which joins them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::conditions")]
    pub conditions: Vec<Condition>,
}

/// The definition.
#[must_use]
pub fn definition() -> CustomResourceDefinition {
    schema::with_short_name(schema::finish(TrafficShift::crd()))
}
