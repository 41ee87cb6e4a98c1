//! Distances agree with the inputs, shares stand nearest first, and a nearest-only plan stays in one tier.

use causeway_api::plan::{
    Destination, DestinationInput, PlanInputs, PlanKind, ServicePlan, SourceInput,
};

use super::{Report, behind, name, paired};

pub(super) fn check(inputs: &PlanInputs, plan: &ServicePlan, report: &mut Report) {
    for (source, source_plan) in paired(inputs, plan) {
        let from = name(source_plan);
        for share in &source_plan.shares {
            let zones: Vec<&DestinationInput> = behind(inputs, &share.destination)
                .filter(|zone| zone.ready > 0)
                .collect();
            if !plausible(source, &share.destination, &zones, share.tier) {
                report.found(format!(
                    "{from} counts {} as tier {}",
                    share.destination, share.tier
                ));
            }
        }
        if !source_plan.shares.is_sorted_by_key(|share| share.tier) {
            report.found(format!("the shares of {from} do not stand nearest first"));
        }
        let first = source_plan.shares.first().map(|share| share.tier);
        let one = source_plan
            .shares
            .iter()
            .all(|share| Some(share.tier) == first);
        if source_plan.kind == PlanKind::Nearest && !one {
            report.found(format!(
                "{from} is planned nearest-only and has shares in several tiers"
            ));
        }
    }
}

fn plausible(
    source: &SourceInput,
    to: &Destination,
    zones: &[&DestinationInput],
    tier: u8,
) -> bool {
    let same_region =
        |zone: &&DestinationInput| zone.region.is_some() && zone.region == source.region;
    match to {
        Destination::Zone { member, zone } => {
            let own = *member == source.source.member;
            let here = own && *zone == source.source.zone;
            let unknown = zones.iter().any(|z| z.region.is_none()) || source.region.is_none();
            let near = zones.iter().all(same_region) || (own && unknown);
            (tier == 0) == here && (here || (tier == 1) == near) && tier != 2
        }
        // Which zones of a network answer is not said by the share: near where all are, far where none is.
        Destination::Network(_) => {
            let (all, none) = (
                zones.iter().all(same_region),
                !zones.iter().any(same_region),
            );
            tier >= 2 && (!all || tier == 2) && (!none || tier > 2)
        }
    }
}
