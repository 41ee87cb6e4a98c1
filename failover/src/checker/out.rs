//! What is withdrawn gets nothing from elsewhere, and what is evacuated nothing at all. The one exception: a source without
//! any usable destination keeps one that is out by verdict, by a person or by its health, since never an empty set.

use causeway_api::plan::{
    Destination, DestinationInput, PlanInputs, ServicePlan, SourceInput, Withdrawal,
};

use super::usable::{has_any, reason, usable};
use super::{Report, behind, name, paired};

pub(super) fn check(inputs: &PlanInputs, plan: &ServicePlan, report: &mut Report) {
    for (source, source_plan) in paired(inputs, plan) {
        let from = name(source_plan);
        for share in &source_plan.shares {
            if let Some(reason) = out(inputs, source, &share.destination) {
                report.found(format!(
                    "{from} is sent to {}, which is out: {reason}",
                    share.destination
                ));
            }
        }
        for network in &source_plan.standby {
            let destination = Destination::Network(network.clone());
            let up = behind(inputs, &destination).any(|zone| usable(inputs, source, zone));
            if !up {
                report.found(format!(
                    "{from} has network {network} on standby, which is not usable"
                ));
            }
        }
    }
}

fn out(inputs: &PlanInputs, source: &SourceInput, destination: &Destination) -> Option<Withdrawal> {
    let zones = || behind(inputs, destination).filter(|zone| zone.ready > 0);
    if zones().any(|zone| usable(inputs, source, zone)) {
        return None;
    }
    let offered = |zone: &&DestinationInput| zone.exported || zone.member == source.source.member;
    let said: Vec<Option<Withdrawal>> = zones()
        .filter(offered)
        .map(|zone| reason(inputs, zone))
        .collect();
    if said.contains(&None) {
        // One that is up is behind it: whether it is reached from here, and allowed, others check.
        return None;
    }
    let reasons: Vec<Withdrawal> = said.into_iter().flatten().collect();
    let last = |reason: &Withdrawal| {
        !matches!(
            reason,
            Withdrawal::NoGateway | Withdrawal::NotAllowed | Withdrawal::ConflictingGateways
        )
    };
    if reasons.iter().any(last) && !has_any(inputs, source) {
        return None;
    }
    reasons.into_iter().min()
}
