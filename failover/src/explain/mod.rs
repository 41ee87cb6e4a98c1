//! Why a plan is as it is: a report for people (a table) and for programs (JSON).
//!
//! Everything in it is derived from a plan, the inputs that were committed with it, and the verdicts: any replica can
//! make it, at any time, for any plan in the log.

mod bound;
mod outside;
mod rows;
mod text;
mod words;

use causeway_api::ids::{MemberName, NetworkName, Region, ServiceKey};
use causeway_api::plan::{
    Destination, PlanInputs, PlanKind, Rate, ServicePlan, Source, Withdrawal,
};
use causeway_api::spec::PolicyKey;
use causeway_api::verdict::{Subject, Verdict};
use serde::{Deserialize, Serialize};

use crate::plan::{Fleet, tiers};

pub use text::text;
pub use words::tier_name;

/// The report on the plan of one service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanReport {
    /// The service.
    pub service: ServiceKey,
    /// The policies in force, the most general first.
    pub policies: Vec<PolicyKey>,
    /// By source, in order.
    pub sources: Vec<SourceReport>,
    /// Networks that are out.
    pub withdrawn: Vec<WithdrawnRow>,
    /// Demand of all sources beyond all capacity.
    pub unserved: Rate,
    /// What is not known, and what would tell it.
    pub notes: Vec<String>,
}

/// The report on one source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceReport {
    /// The source.
    pub source: Source,
    /// Its region.
    pub region: Option<Region>,
    /// Its network.
    pub network: NetworkName,
    /// Its demand; `None`: unknown.
    pub demand: Option<Rate>,
    /// How the mesh carries it out.
    pub kind: PlanKind,
    /// Destinations, the nearest first; then those that get nothing, with the reason.
    pub rows: Vec<Row>,
    /// Demand beyond all capacity.
    pub unserved: Rate,
}

/// One destination of one source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Where.
    pub destination: Destination,
    /// The members behind it, in order.
    pub members: Vec<MemberName>,
    /// Its region; `None`: unknown, or several.
    pub region: Option<Region>,
    /// How far away; `None` where it cannot be used at all.
    pub tier: Option<u8>,
    /// The same in words.
    pub tier_name: String,
    /// The share, in hundredths of a percent.
    pub parts: u32,
    /// The rate that is assigned.
    pub rate: Rate,
    /// Ready endpoints behind it that count.
    pub ready: u64,
    /// What they serve together; `None`: unknown.
    pub capacity: Option<Rate>,
    /// The part of the capacity that a plan may use.
    pub limit: Option<Rate>,
    /// What all sources together are assigned here, in percent of the capacity; `None`: unknown.
    pub in_use_percent: Option<u64>,
    /// Where the capacity comes from, such as `12 ready × 125/s, declared`.
    pub capacity_from: String,
    /// Why it does not get more.
    pub why_not_more: String,
}

/// A network that is out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WithdrawnRow {
    /// The network.
    pub network: NetworkName,
    /// Why.
    pub reason: Withdrawal,
    /// The verdicts behind it, each as a sentence.
    pub verdicts: Vec<String>,
}

/// Explains a plan. `verdicts` tells what is concluded of a subject.
#[must_use]
pub fn report(
    inputs: &PlanInputs,
    plan: &ServicePlan,
    verdicts: &dyn Fn(&Subject) -> Option<Verdict>,
) -> PlanReport {
    let fleet = Fleet::new(inputs);
    let ways = tiers::ways(&fleet);
    let sources = fleet
        .sources
        .iter()
        .zip(&ways)
        .filter_map(|(source, ways)| {
            let source_plan = plan.sources.iter().find(|p| p.source == source.source)?;
            let mut rows = rows::rows(&fleet, plan, source_plan, source, ways);
            rows.extend(outside::rows(&fleet, source, &rows, verdicts));
            Some(SourceReport {
                source: source.source.clone(),
                region: source.region.clone(),
                network: source.network.clone(),
                demand: source.demand,
                kind: source_plan.kind,
                rows,
                unserved: source_plan.unserved,
            })
        });
    let withdrawn = plan.withdrawn.iter().map(|(network, reason)| WithdrawnRow {
        network: network.clone(),
        reason: *reason,
        verdicts: words::verdicts(&fleet, network, verdicts),
    });
    PlanReport {
        service: plan.service.clone(),
        policies: inputs.policy.from.clone(),
        sources: sources.collect(),
        withdrawn: withdrawn.collect(),
        unserved: plan
            .sources
            .iter()
            .fold(Rate(0), |sum, s| sum.plus(s.unserved)),
        notes: words::notes(inputs, plan),
    }
}
