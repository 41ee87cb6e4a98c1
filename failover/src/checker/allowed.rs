//! `allowedRegions` is a refusal, never a preference. A member's own endpoints serve its own callers: nothing leaves it.
//!
//! Where something is up, only what answers beside it counts. Where nothing is, what is out may answer all the same: a source
//! that is sent there for want of anything else must not find a forbidden region, whatever is concluded of it.

use causeway_api::plan::{Destination, PlanInputs, ServicePlan};

use super::usable::{answers, permitted, reason};
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
            let offered =
                || behind(inputs, &destination).filter(|zone| zone.exported && zone.ready > 0);
            let any_up = offered().any(|zone| reason(inputs, zone).is_none());
            let mut live = offered().filter(|zone| !any_up || answers(inputs, zone));
            if !own && live.any(|zone| !permitted(inputs, zone)) {
                report.found(format!(
                    "{} is sent to {destination}, where a region answers that allowedRegions leave out",
                    name(source_plan)
                ));
            }
        }
    }
}
