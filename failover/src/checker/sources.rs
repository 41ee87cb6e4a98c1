//! Each source of the inputs has a plan, and no other has.

use std::collections::BTreeSet;

use causeway_api::plan::{PlanInputs, ServicePlan, Source};

use super::Report;

pub(super) fn check(inputs: &PlanInputs, plan: &ServicePlan, report: &mut Report) {
    let asked: BTreeSet<&Source> = inputs.sources.iter().map(|s| &s.source).collect();
    let planned: BTreeSet<&Source> = plan.sources.iter().map(|s| &s.source).collect();
    for source in asked.difference(&planned) {
        report.found(format!("{source:?} has no plan"));
    }
    for source in planned.difference(&asked) {
        report.found(format!("{source:?} has a plan and is in no inputs"));
    }
}
