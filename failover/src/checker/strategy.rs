//! Where policy names all there is, nothing goes elsewhere; where it gives weights, nothing goes without one while a region
//! that has one can serve. What a mesh is to shed is never more than what is not served, and only where policy sheds.

use std::collections::BTreeSet;

use causeway_api::ids::Region;
use causeway_api::plan::{Destination, PlanInputs, ServicePlan, SourceInput};
use causeway_api::rules::{OnOverload, Strategy};

use super::usable::{named, usable};
use super::{Report, behind, name, paired};

pub(super) fn check(inputs: &PlanInputs, plan: &ServicePlan, report: &mut Report) {
    for (source, source_plan) in paired(inputs, plan) {
        let from = name(source_plan);
        for share in &source_plan.shares {
            let destination = &share.destination;
            let own = matches!(destination, Destination::Zone { member, .. } if *member == source.source.member);
            let zones = || behind(inputs, destination).filter(|zone| zone.ready > 0);
            let unnamed =
                zones().next().is_some() && zones().all(|zone| !named(inputs, source, zone));
            if !own && unnamed {
                report.found(format!(
                    "{from} is sent to {destination}, which the policy's order of regions does not name"
                ));
            }
            if without_weight(inputs, source, destination) {
                report.found(format!(
                    "{from} is sent to {destination}, whose region has no weight, though one that has can serve"
                ));
            }
        }
        if source_plan.shed > source_plan.unserved {
            report.found(format!("{from} sheds more than what is not served"));
        }
        if source_plan.shed.0 > 0 && inputs.policy.on_overload != OnOverload::Shed {
            report.found(format!("{from} sheds, and its policy does not say so"));
        }
    }
}

fn without_weight(inputs: &PlanInputs, source: &SourceInput, to: &Destination) -> bool {
    let weights = &inputs.policy.weights;
    let weighs = |region: &Region| weights.get(region).is_some_and(|weight| *weight > 0);
    if inputs.policy.strategy != Strategy::Weighted
        || !source.together.values().all(|weight| *weight == 0)
    {
        return false;
    }
    // A network is of a region where all of its zones that may be used are.
    let of = |destination: &Destination| -> Option<Region> {
        let zones = behind(inputs, destination).filter(|zone| usable(inputs, source, zone));
        let regions: BTreeSet<Option<&Region>> = zones.map(|zone| zone.region.as_ref()).collect();
        match (regions.len(), regions.first()) {
            (1, Some(Some(region))) => Some((*region).clone()),
            _ => None,
        }
    };
    let weighted =
        |destination: &Destination| of(destination).is_some_and(|region| weighs(&region));
    let any = inputs.destinations.iter().any(|zone| {
        let destination = if zone.network == source.network {
            Destination::Zone {
                member: zone.member.clone(),
                zone: zone.zone.clone(),
            }
        } else {
            Destination::Network(zone.network.clone())
        };
        weighted(&destination)
    });
    any && !weighted(to)
}
