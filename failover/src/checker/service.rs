//! Plan and inputs are of one service.

use causeway_api::plan::{PlanInputs, ServicePlan};

use super::Report;

pub(super) fn check(inputs: &PlanInputs, plan: &ServicePlan, report: &mut Report) {
    if inputs.service != plan.service {
        report.found(format!(
            "the plan is of {} and its inputs of {}",
            plan.service, inputs.service
        ));
    }
}
