//! `GET /v1/explain/...`: why traffic goes where it goes, and why something counts as lost.
//!
//! An explanation is the planner's own report, and beside it what the decision was made from and what was decided, so
//! that whoever doubts the report can check it.

use causeway_api::domain::Domain;
use causeway_api::generation::Generation;
use causeway_api::ids::{MemberName, ServiceKey};
use causeway_api::plan::{PlanInputs, ServicePlan};
use causeway_api::shift::ShiftKey;
use causeway_api::verdict::{Subject, Verdict};
use causeway_api::view::MeshCondition;
use causeway_failover::explain::PlanReport;
use serde::{Deserialize, Serialize};

use super::circumstances::Circumstances;
use super::origin::Origin;
use super::overrides::ShiftReport;
use super::past::Moment;

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
    /// What each member's agent has done with it; empty in an answer about a moment of the past, which the log does not tell.
    pub applied: Vec<AppliedRow>,
    /// What else holds.
    #[serde(default)]
    pub around: Circumstances,
    /// The moment that was asked for; `None`: now.
    #[serde(default)]
    pub at: Option<Moment>,
}

impl Explanation {
    /// Explains a committed plan to those who ask for callers in `from`; `verdict` tells what is concluded of a subject.
    /// What is not of the plan itself is left to be filled.
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
            around: Circumstances::default(),
            at: None,
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
    /// The verdict, with votes and why some were not counted; of very many some on each subject, and how many more there are.
    pub verdict: Verdict,
    /// How long it has held, in milliseconds.
    pub since_ago_ms: u64,
    /// Verdicts that it was concluded from (a region: its members; a member: its gateways and session).
    pub rests_on: Vec<Verdict>,
    /// Services whose plan leaves it out because of it.
    pub services: Vec<ServiceKey>,
    /// How much of the hold-down is left, while it recovers, in milliseconds of cluster time.
    #[serde(default)]
    pub hold_down_left_ms: Option<u64>,
    /// What is held against it for having been lost before, in thousandths of one loss; it lengthens the next hold-down.
    #[serde(default)]
    pub penalty: u32,
    /// What else holds.
    #[serde(default)]
    pub around: Circumstances,
    /// The moment that was asked for; `None`: now.
    #[serde(default)]
    pub at: Option<Moment>,
}

/// What a domain is that members declare, and how it stands with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DomainExplanation {
    /// Which, as `domain/NAME`.
    pub domain: Domain,
    /// The verdicts on the members that declare it, each with its evidence. Nobody votes on the domain itself.
    pub members: Vec<Verdict>,
    /// Services whose plan leaves one of these out because of its verdict.
    pub services: Vec<ServiceKey>,
    /// What else holds; with it what is prepared for the loss of them all.
    pub around: Circumstances,
    /// Cluster time, in milliseconds, by which verdicts are dated.
    pub cluster_time_ms: u64,
    /// The moment that was asked for; `None`: now.
    pub at: Option<Moment>,
}

/// What an override does, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShiftExplanation {
    /// Which.
    pub shift: ShiftKey,
    /// The override; `None` where it has ended, of which the audit tells.
    pub report: Option<ShiftReport>,
    /// Who approved it, when and why.
    pub approvals: Vec<ApprovalRow>,
    /// How many planned services it is about.
    pub services: u64,
    /// What else holds: its acts, and traffic that returns to what it left.
    pub around: Circumstances,
    /// The moment that was asked for; `None`: now.
    pub at: Option<Moment>,
}

/// One person's approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalRow {
    /// Who, as authenticated.
    pub by: String,
    /// How long ago, in milliseconds of cluster time.
    pub ago_ms: u64,
    /// Why.
    pub reason: String,
}
