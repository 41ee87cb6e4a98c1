//! Shares sum to the whole.

use causeway_api::plan::{PlanInputs, ServicePlan, WHOLE};

use super::{Report, name};

pub(super) fn check(_inputs: &PlanInputs, plan: &ServicePlan, report: &mut Report) {
    for source in plan
        .sources
        .iter()
        .filter(|source| !source.shares.is_empty())
    {
        let sum: u64 = source
            .shares
            .iter()
            .map(|share| u64::from(share.parts))
            .sum();
        if sum != u64::from(WHOLE) {
            report.found(format!(
                "the shares of {} sum to {sum} of {WHOLE}",
                name(source)
            ));
        }
    }
}
