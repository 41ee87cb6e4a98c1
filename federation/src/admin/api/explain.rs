//! `GET /v1/explain/...`: why traffic goes where it goes, and why something counts as lost.
//!
//! An explanation is what the decision was made from and what was decided: whoever reads it can compute the rest, as
//! the CLI does for its tables.

use causeway_api::generation::Generation;
use causeway_api::ids::{MemberName, ServiceKey};
use causeway_api::plan::{PlanInputs, ServicePlan};
use causeway_api::verdict::{Subject, Verdict};
use causeway_api::view::MeshCondition;
use serde::{Deserialize, Serialize};

/// Why a service's traffic goes where it goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// The service.
    pub service: ServiceKey,
    /// The decision that the plan comes from.
    pub generation: Generation,
    /// What the plan was computed from.
    pub inputs: PlanInputs,
    /// The plan.
    pub plan: ServicePlan,
    /// Verdicts on the members and networks that it names, where they are not Serving.
    pub verdicts: Vec<SubjectExplanation>,
    /// What each member's agent has done with it.
    pub applied: Vec<AppliedRow>,
    /// Further sentences of the planner: what is unknown, what would change the plan.
    pub notes: Vec<String>,
}

/// What a member's agent has done with a service's plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppliedRow {
    /// The member.
    pub member: MemberName,
    /// Whether its agent has applied the plan's generation or a later one; `None`: it was not heard since.
    pub applied: Option<bool>,
    /// The generation that it has applied.
    pub generation: Option<Generation>,
    /// What its mesh could not express or was refused, for this service.
    pub conditions: Vec<MeshCondition>,
}

/// Why something counts as lost, or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubjectExplanation {
    /// About what.
    pub subject: Subject,
    /// The verdict, with every vote and why some were not counted.
    pub verdict: Verdict,
    /// How long it has held, in milliseconds of cluster time.
    pub since_ago_ms: u64,
    /// Verdicts that it was concluded from (a region: its members; a member: its gateways and session).
    pub rests_on: Vec<Verdict>,
    /// Services whose plan leaves it out now because of it.
    pub services: Vec<ServiceKey>,
}
