//! What kind of cluster a member is: what its silence and its capacity mean.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema;

/// Kinds of clusters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub enum Class {
    /// A cluster with nodes of its own, always reachable.
    #[default]
    Standard,
    /// Nodes are virtual and come with the pods: capacity beyond what runs is unproven.
    Serverless,
    /// May be absent for hours, as announced, without having failed.
    Edge,
    /// Run by others: no cloud API.
    External,
}

/// For how long a member may be absent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Absence {
    /// Until it has been silent for so long it is Away and not Lost: its traffic goes elsewhere, and nobody is paged.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32), regex(pattern = schema::DURATION))]
    #[schemars(extend("x-kubernetes-validations" = [{
        "rule": "duration(self) >= duration('1s') && duration(self) <= duration('720h')",
        "message": "tolerateFor is out of range: give 1s to 720h",
    }]))]
    pub tolerate_for: Option<String>,
}
