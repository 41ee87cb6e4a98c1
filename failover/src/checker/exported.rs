//! Only exported endpoints serve callers of other members (KEP-1645), and those of a member that is leaving only where nobody
//! else can.

use causeway_api::plan::{Destination, DestinationInput, PlanInputs, ServicePlan};

use super::{Report, behind, name, paired};

pub(super) fn check(inputs: &PlanInputs, plan: &ServicePlan, report: &mut Report) {
    let stays = |zone: &&DestinationInput| {
        !zone.draining && zone.exported && zone.withdrawn.is_none() && zone.ready > 0
    };
    let staying = inputs.destinations.iter().filter(stays).count();
    let leaving = inputs.destinations.iter().filter(|zone| zone.draining);
    for zone in leaving.filter(|zone| zone.exported != (staying == 0)) {
        report.found(format!(
            "{} is leaving and counts as {}, where {staying} others can serve",
            zone.member,
            if zone.exported {
                "exporting it"
            } else {
                "not exporting it"
            },
        ));
    }
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
