//! `allowedRegions` is a refusal, never a preference. A member's own endpoints serve its own callers: nothing leaves it.

use causeway_api::plan::{Destination, PlanInputs, ServicePlan};

use super::usable::{answers, permitted};
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
            let own = matches!(&destination, Destination::Zone { member, .. } if *member == source.source.member);
            let mut live = behind(inputs, &destination)
                .filter(|zone| zone.exported && zone.ready > 0 && answers(inputs, zone));
            if !own && live.any(|zone| !permitted(inputs, zone)) {
                report.found(format!(
                    "{} is sent to {destination}, where a region answers that allowedRegions leave out",
                    name(source_plan)
                ));
            }
        }
    }
}
