//! Nobody is sent to a network that cannot be reached from its place while there is another way, nor to one that its own
//! proxies eject while there is enough elsewhere.

use causeway_api::plan::{
    CapacitySource, Destination, DestinationInput, PlanInputs, ServicePlan, SourceInput,
};
use causeway_api::rules::Strategy;

use super::usable::{has_any, in_steps, usable};
use super::{Report, name, paired};

pub(super) fn check(inputs: &PlanInputs, plan: &ServicePlan, report: &mut Report) {
    for (source, source_plan) in paired(inputs, plan) {
        let from = name(source_plan);
        for share in &source_plan.shares {
            let Destination::Network(network) = &share.destination else {
                continue;
            };
            if source.unreachable.contains(network) && has_any(inputs, source) {
                report.found(format!(
                    "{from} is sent to network {network}, which cannot be reached from there"
                ));
            }
            if source.ejected.contains(network) && enough_elsewhere(inputs, source) {
                report.found(format!(
                    "{from} is sent to network {network}, which its proxies eject"
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

/// Whether what a source's proxies do not eject can carry all that it asks for, as far as anybody knows. What binds it to
/// regions goes before that.
fn enough_elsewhere(inputs: &PlanInputs, source: &SourceInput) -> bool {
    let bound = inputs.policy.together.is_some()
        || !source.together.is_empty()
        || inputs.policy.strategy == Strategy::Weighted;
    let rest: Vec<&DestinationInput> = inputs
        .destinations
        .iter()
        .filter(|zone| usable(inputs, source, zone))
        .filter(|zone| zone.network == source.network || !source.ejected.contains(&zone.network))
        .collect();
    let unknown = |zone: &&DestinationInput| {
        zone.capacity.is_none() || zone.capacity_source == CapacitySource::Learned
    };
    if bound || rest.is_empty() {
        return false;
    }
    let room = rest.iter().map(|zone| {
        let limit = |percent: u8, of: u128| of * u128::from(percent.min(100)) / 100;
        let all = limit(
            zone.max_utilization_percent,
            u128::from(zone.capacity.unwrap_or_default().0),
        );
        if in_steps(zone) {
            limit(zone.admitted_percent, all)
        } else {
            all
        }
    });
    rest.iter().any(unknown)
        || room.sum::<u128>() >= u128::from(source.demand.unwrap_or_default().0)
}
