//! Never an empty set: a source has a destination while any is usable.

use causeway_api::plan::{PlanInputs, ServicePlan};

use super::usable::has_any;
use super::{Report, name, paired};

pub(super) fn check(inputs: &PlanInputs, plan: &ServicePlan, report: &mut Report) {
    for (source, source_plan) in paired(inputs, plan) {
        if source_plan.shares.is_empty() && has_any(inputs, source) {
            report.found(format!(
                "{} has no destination, though one is usable",
                name(source_plan)
            ));
        }
    }
}
