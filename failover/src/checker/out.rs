//! What is withdrawn gets nothing from elsewhere. The one exception: a source without any usable destination keeps one
//! that is Lost or recovering, since never an empty set.

use causeway_api::plan::{Destination, PlanInputs, ServicePlan, SourceInput, Withdrawal};

use super::usable::{has_any, usable};
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
    let reason = zones().filter_map(|zone| zone.withdrawn).min()?;
    let last = matches!(reason, Withdrawal::Lost | Withdrawal::Recovering);
    (!last || has_any(inputs, source)).then_some(reason)
}
