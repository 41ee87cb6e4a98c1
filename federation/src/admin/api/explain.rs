//! `GET /v1/explain/...`: why traffic goes where it goes, and why something counts as lost.
//!
//! An explanation is the planner's own report, and beside it what the decision was made from and what was decided, so
//! that whoever doubts the report can check it.

use causeway_api::generation::Generation;
use causeway_api::ids::{MemberName, ServiceKey};
use causeway_api::plan::{PlanInputs, ServicePlan};
use causeway_api::verdict::{Subject, Verdict};
use causeway_api::view::MeshCondition;
use causeway_failover::explain::PlanReport;
use serde::{Deserialize, Serialize};

use super::origin::Origin;

/// Why a service's traffic goes where it goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// The service.
    pub service: ServiceKey,
    /// The decision that the plan comes from.
    pub generation: Generation,
    /// The report, of the sources that were asked for.
    pub report: PlanReport,
    /// What the plan was computed from.
    pub inputs: PlanInputs,
    /// The plan, of all sources.
    pub plan: ServicePlan,
    /// Verdicts on the members and networks that it names, where they are not Serving.
    pub verdicts: Vec<SubjectExplanation>,
    /// What each member's agent has done with it.
    pub applied: Vec<AppliedRow>,
}

impl Explanation {
    /// Explains a committed plan to those who ask for callers in `from`; `verdict` tells what is concluded of a subject.
    /// [`Explanation::verdicts`] and [`Explanation::applied`] are left to be filled.
    #[must_use]
    pub fn of(
        generation: Generation,
        inputs: PlanInputs,
        plan: ServicePlan,
        from: Option<&Origin>,
        verdict: &dyn Fn(&Subject) -> Option<Verdict>,
    ) -> Self {
        let mut report = causeway_failover::explain::report(&inputs, &plan, verdict);
        // Only now: what a destination carries is the sum over all sources.
        report.sources.retain(|source| {
            from.is_none_or(|from| from.matches(&source.source, source.region.as_ref()))
        });
        Self {
            service: plan.service.clone(),
            generation,
            report,
            inputs,
            plan,
            verdicts: Vec::new(),
            applied: Vec::new(),
        }
    }
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
