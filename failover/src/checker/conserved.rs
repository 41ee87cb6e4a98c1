//! Demand neither appears nor vanishes: what is assigned and what is not served sum to it.

use causeway_api::plan::{PlanInputs, ServicePlan};

use super::{Report, name, paired};

pub(super) fn check(inputs: &PlanInputs, plan: &ServicePlan, report: &mut Report) {
    for (source, source_plan) in paired(inputs, plan) {
        let from = name(source_plan);
        let assigned: u128 = source_plan
            .shares
            .iter()
            .map(|share| u128::from(share.rate.0))
            .sum();
        let sum = assigned + u128::from(source_plan.unserved.0);
        match source.demand {
            Some(demand) if u128::from(demand.0) != sum => report.found(format!(
                "{from} demands {} thousandths a second, and {sum} are assigned or said to be unserved",
                demand.0
            )),
            None if sum > 0 => report.found(format!("{from} is assigned a rate, and nobody knows its demand")),
            _ => {}
        }
    }
}
