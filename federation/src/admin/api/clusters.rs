//! `GET /v1/clusters`: the members.

use causeway_api::facts::{ApiFact, MeshFact};
use causeway_api::generation::Generation;
use causeway_api::ids::{MemberName, NetworkName, Region};
use causeway_api::spec::Mode;
use causeway_api::verdict::VerdictState;
use serde::{Deserialize, Serialize};

/// One member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterRow {
    /// Its name.
    pub name: MemberName,
    /// Its region.
    pub region: Option<Region>,
    /// Its network.
    pub network: Option<NetworkName>,
    /// What its agent may do.
    pub mode: Mode,
    /// Whether writing is suspended.
    pub suspended: bool,
    /// The verdict on it.
    pub verdict: VerdictState,
    /// How long that has held, in milliseconds of cluster time.
    pub verdict_ago_ms: Option<u64>,
    /// Its agent's session with the replica that answers.
    pub agent: AgentRow,
    /// Its API server's version; `None`: nobody said yet.
    pub kubernetes_version: Option<String>,
    /// The mesh that was found.
    pub mesh: Option<MeshFact>,
    /// Whether its API server answers its own agent.
    pub api: Option<ApiFact>,
    /// Its gateways.
    pub gateways: Vec<GatewayRow>,
    /// Services that it exports.
    pub exported: u64,
    /// Services that are imported into it.
    pub imported: u64,
    /// The generation of its view.
    pub view: Option<Generation>,
    /// The generation that its agent has applied.
    pub applied: Option<Generation>,
    /// How long its agent has been behind its view, in milliseconds; 0: it is not; `None`: nothing was applied yet.
    pub lag_ms: Option<u64>,
    /// Objects of ours in its mesh.
    pub objects: Option<u64>,
    /// Objects that differ from the view and were not written.
    pub would_change: Option<u64>,
    /// Objects that other owners' rules keep us from writing.
    pub foreign_conflicts: u64,
    /// The conditions of its MemberCluster.
    pub conditions: Vec<Condition>,
}

impl ClusterRow {
    /// The condition of that type.
    #[must_use]
    pub fn condition(&self, kind: &str) -> Option<&Condition> {
        self.conditions
            .iter()
            .find(|condition| condition.kind == kind)
    }
}

/// An agent's session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct AgentRow {
    /// Whether it has a session now.
    pub connected: bool,
    /// When it was last heard, in milliseconds ago; `None`: never.
    pub heard_ago_ms: Option<u64>,
    /// Its version.
    pub version: Option<String>,
    /// The epoch of its Lease; `None` or 0: it holds none.
    pub epoch: Option<u64>,
    /// The age of its facts, in milliseconds.
    pub facts_age_ms: Option<u64>,
}

/// A gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewayRow {
    /// Its name.
    pub name: String,
    /// Where it answers, as `address:port`; several are joined by commas.
    pub address: String,
    /// The verdict on it.
    pub verdict: VerdictState,
}

/// A condition, as the Kubernetes API conventions have it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Condition {
    /// Its type, such as `AgentConnected`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether it holds.
    pub status: ConditionStatus,
    /// A word in CamelCase.
    pub reason: String,
    /// A sentence that names the object and the remedy.
    pub message: String,
}

/// Whether a condition holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ConditionStatus {
    /// It does.
    True,
    /// It does not.
    False,
    /// Nobody can say.
    Unknown,
}

impl std::fmt::Display for ConditionStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        })
    }
}
