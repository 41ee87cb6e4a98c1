//! `GET /v1/services`: the services.

use causeway_api::generation::Generation;
use causeway_api::ids::{Locality, MemberName, Name, NetworkName, ServiceKey};
use causeway_api::plan::{Rate, Withdrawal};
use causeway_api::spec::PolicyKey;
use causeway_api::view::MeshCondition;
use serde::{Deserialize, Serialize};

/// Which services.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct ServiceQuery {
    /// Only of this namespace.
    pub namespace: Option<Name>,
    /// Those that exist in several members and that nobody exports, instead of those that somebody does.
    #[serde(default)]
    pub candidates: bool,
}

/// One service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceRow {
    /// The service.
    pub service: ServiceKey,
    /// The members that export it (of a candidate: none).
    pub exported_by: Vec<MemberName>,
    /// The members in which it exists, exported or not.
    pub present_in: Vec<MemberName>,
    /// The members whose callers may be sent elsewhere.
    pub imported_by: Vec<MemberName>,
    /// Its endpoints by place.
    pub endpoints: Vec<LocalityRow>,
    /// The generation of its committed plan.
    pub generation: Option<Generation>,
    /// The policies in force for it, the most general first.
    pub policies: Vec<PolicyKey>,
    /// Whether some source's nearest tier cannot carry all.
    pub spilling: bool,
    /// Demand beyond all capacity, over all sources.
    pub unserved: Rate,
    /// Networks that are out, and why.
    pub withdrawn: Vec<(NetworkName, Withdrawal)>,
    /// Why the checker refused the plan that was proposed last, where it did.
    pub refused: Option<String>,
    /// What meshes could not express or were refused for it.
    pub conditions: Vec<MeshCondition>,
}

impl ServiceRow {
    /// Ready endpoints and all endpoints, over all places.
    #[must_use]
    pub fn ready_of_total(&self) -> (u64, u64) {
        self.endpoints.iter().fold((0, 0), |(ready, total), row| {
            (ready + u64::from(row.ready), total + u64::from(row.total))
        })
    }
}

/// Endpoints of a service in one place, the least over its ports.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LocalityRow {
    /// The member.
    pub member: MemberName,
    /// Where in it.
    pub locality: Locality,
    /// Ready endpoints.
    pub ready: u32,
    /// All endpoints.
    pub total: u32,
}
