//! Each destination exists, and is a zone inside the source's network or a network outside it.

use causeway_api::plan::{Destination, PlanInputs, ServicePlan, SourceInput};

use super::{Report, behind, name, paired};

pub(super) fn check(inputs: &PlanInputs, plan: &ServicePlan, report: &mut Report) {
    for (source, source_plan) in paired(inputs, plan) {
        let from = name(source_plan);
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
            if let Some(wrong) = wrong(inputs, source, &destination) {
                report.found(format!("{from} is sent to {destination}, {wrong}"));
            }
        }
        for share in &source_plan.shares {
            if share.parts == 0 {
                report.found(format!(
                    "{from} has a share of nothing in {}",
                    share.destination
                ));
            }
            let ready = behind(inputs, &share.destination).any(|input| input.ready > 0);
            if !ready {
                report.found(format!(
                    "{from} is sent to {}, where nothing is ready",
                    share.destination
                ));
            }
        }
        for share in &source_plan.shares {
            if let Destination::Network(network) = &share.destination
                && source_plan.standby.contains(network)
            {
                report.found(format!(
                    "{from} has network {network} both in shares and on standby"
                ));
            }
        }
    }
}

fn wrong(
    inputs: &PlanInputs,
    source: &SourceInput,
    destination: &Destination,
) -> Option<&'static str> {
    let mut zones = behind(inputs, destination).peekable();
    if zones.peek().is_none() {
        return Some("which is in no inputs");
    }
    match destination {
        Destination::Network(network) if *network == source.network => {
            Some("its own network, which it reaches without a gateway")
        }
        Destination::Zone { .. } if zones.any(|zone| zone.network != source.network) => {
            Some("a zone of another network, which only its gateways reach")
        }
        _ => None,
    }
}
