//! Only exported endpoints serve callers of other members (KEP-1645).

use causeway_api::plan::{Destination, PlanInputs, ServicePlan};

use super::{Report, behind, name, paired};

pub(super) fn check(inputs: &PlanInputs, plan: &ServicePlan, report: &mut Report) {
    for (source, source_plan) in paired(inputs, plan) {
        let standby = source_plan
            .standby
            .iter()
            .cloned()
            .map(Destination::Network);
        let shares = source_plan
            .shares
            .iter()
            .map(|share| share.destination.clone());
        for destination in shares.chain(standby) {
            let mut zones = behind(inputs, &destination);
            let own = matches!(&destination, Destination::Zone { member, .. } if *member == source.source.member);
            if !own && !zones.any(|zone| zone.exported) {
                report.found(format!(
                    "{} is sent to {destination}, which does not export it",
                    name(source_plan)
                ));
            }
        }
    }
}
