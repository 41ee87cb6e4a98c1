//! Nobody is sent to a network that cannot be reached from its place while there is another way.

use causeway_api::plan::{Destination, PlanInputs, ServicePlan};

use super::usable::has_any;
use super::{Report, name, paired};

pub(super) fn check(inputs: &PlanInputs, plan: &ServicePlan, report: &mut Report) {
    for (source, source_plan) in paired(inputs, plan) {
        let from = name(source_plan);
        for share in &source_plan.shares {
            if let Destination::Network(network) = &share.destination
                && source.unreachable.contains(network)
                && has_any(inputs, source)
            {
                report.found(format!(
                    "{from} is sent to network {network}, which cannot be reached from there"
                ));
            }
        }
        for network in &source_plan.standby {
            if source.unreachable.contains(network) {
                report.found(format!(
                    "{from} has network {network} on standby, which cannot be reached from there"
                ));
            }
        }
    }
}
