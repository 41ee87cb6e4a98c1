//! Judges any plan, whoever made it, from the plan and its inputs alone.
//!
//! One check a file; none shares code with the planner, so that a mistake there is not repeated here. A plan with any
//! finding must not be committed.
//!
//! | check | what it refuses |
//! |---|---|
//! | `service` | a plan, or inputs, of another service |
//! | `repetitions` | anything that stands twice: in the inputs, the sources, the shares, the standby |
//! | `sources` | a source left out, or made up |
//! | `destinations` | a destination that the source cannot have: made up, or its own network as a remote one |
//! | `whole` | shares that do not sum to the whole |
//! | `empty` | no destination, while one is usable |
//! | `exported` | a member's endpoints offered to others without its export |
//! | `out` | a destination that is withdrawn, while another is usable |
//! | `allowed` | a region that policy does not allow |
//! | `conserved` | demand that appears or vanishes |
//! | `capacity` | more sent than a destination may carry |
//! | `tiers` | distances that contradict the inputs; nearest-only plans that are not |
//! | `strategy` | regions that an order does not name, or that have no weight; shedding that policy does not want |
//! | `reachable` | a network that a source cannot reach from its place, or that its own proxies eject |

mod allowed;
mod capacity;
mod conserved;
mod destinations;
mod empty;
mod exported;
mod out;
mod reachable;
mod repetitions;
mod service;
mod sources;
mod strategy;
mod tiers;
mod usable;
mod whole;

use causeway_api::plan::{
    Destination, DestinationInput, PlanInputs, ServicePlan, SourceInput, SourcePlan,
};
use serde::{Deserialize, Serialize};

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Finding {
    /// The check's name.
    pub check: String,
    /// What it found, in one sentence that names source and destination.
    pub message: String,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.check, self.message)
    }
}

/// The checks, by name.
pub const CHECKS: [&str; 14] = [
    "service",
    "repetitions",
    "sources",
    "destinations",
    "whole",
    "empty",
    "exported",
    "out",
    "allowed",
    "conserved",
    "capacity",
    "tiers",
    "strategy",
    "reachable",
];

/// Runs all checks, in the order of [`CHECKS`].
#[must_use]
pub fn check(inputs: &PlanInputs, plan: &ServicePlan) -> Vec<Finding> {
    let runs: [fn(&PlanInputs, &ServicePlan, &mut Report); 14] = [
        service::check,
        repetitions::check,
        sources::check,
        destinations::check,
        whole::check,
        empty::check,
        exported::check,
        out::check,
        allowed::check,
        conserved::check,
        capacity::check,
        tiers::check,
        strategy::check,
        reachable::check,
    ];
    let mut report = Report {
        check: "",
        findings: Vec::new(),
    };
    for (name, run) in CHECKS.into_iter().zip(runs) {
        report.check = name;
        run(inputs, plan, &mut report);
    }
    report.findings
}

/// Collects findings under the name of the check that runs.
struct Report {
    check: &'static str,
    findings: Vec<Finding>,
}

impl Report {
    fn found(&mut self, message: String) {
        self.findings.push(Finding {
            check: self.check.to_owned(),
            message,
        });
    }
}

/// `member/zone` of a source, for messages.
fn name(plan: &SourcePlan) -> String {
    let zone = plan.source.zone.as_ref().map_or("-", |zone| zone.as_str());
    format!("{}/{zone}", plan.source.member)
}

/// Plans of sources that the inputs have, each with its input.
fn paired<'a>(
    inputs: &'a PlanInputs,
    plan: &'a ServicePlan,
) -> impl Iterator<Item = (&'a SourceInput, &'a SourcePlan)> {
    plan.sources.iter().filter_map(|source_plan| {
        let input = inputs
            .sources
            .iter()
            .find(|input| input.source == source_plan.source)?;
        Some((input, source_plan))
    })
}

/// The zones behind a destination.
fn behind<'a>(
    inputs: &'a PlanInputs,
    destination: &'a Destination,
) -> impl Iterator<Item = &'a DestinationInput> {
    inputs
        .destinations
        .iter()
        .filter(move |input| match destination {
            Destination::Zone { member, zone } => input.member == *member && input.zone == *zone,
            Destination::Network(network) => input.network == *network,
        })
}
