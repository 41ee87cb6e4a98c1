//! `GET /v1/registry`: which host cluster owns which declaration; `POST /v1/registry/move` and `/v1/registry/confirm`.

use causeway_api::registry::{Host, ObjectKey};
use serde::{Deserialize, Serialize};

/// The registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct RegistryReport {
    /// The host clusters in which replicas stand or stood.
    pub hosts: Vec<HostRow>,
    /// The declarations, MemberClusters first.
    pub objects: Vec<RegistryRow>,
}

/// A host cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostRow {
    /// Which, and what it is called.
    #[serde(flatten)]
    pub host: Host,
    /// The replicas that stand in it.
    pub replicas: Vec<String>,
    /// Whether the replica that answers is one of them.
    pub here: bool,
}

/// A declaration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistryRow {
    /// Which object.
    pub object: ObjectKey,
    /// The host cluster that owns it; `None`: none has declared it since owners are known.
    pub owner: Option<Host>,
    /// `InForce`, `Moved` (its new owner does not have it yet), or the stage of its removal.
    pub state: String,
    /// What stands in the host cluster of the replica that answers: `Owner`, `Mirror`, `Missing`, or why what stands there
    /// is not applied.
    pub here: String,
    /// A sentence where a person should look.
    pub note: Option<String>,
}

/// A question to move an object to another host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MoveRequest {
    /// Which object.
    pub object: ObjectKey,
    /// The host's name or UID.
    pub to: String,
}

/// A person's word that an object is to go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfirmRequest {
    /// Which object.
    pub object: ObjectKey,
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// Whether anything changed.
    pub changed: bool,
    /// A sentence.
    pub message: String,
}
