//! No destination is planned beyond what it carries: the sums of all sources, against ready endpoints times what people declared
//! of one, times the share of it that a plan may use. Added up here anew, and not by the checker that `apply` asks.

use std::collections::BTreeMap;

use causeway_api::ids::{MemberName, NetworkName};
use causeway_api::plan::{CapacitySource, Destination, DestinationInput, Rate};
use causeway_state::CommittedPlan;

/// Judges a plan that came into force, where one endpoint carries `each`. Where a demand or a capacity is unknown there is nothing
/// to add up.
///
/// # Errors
/// Who is to carry too much.
pub fn judge(committed: &CommittedPlan, each: Rate) -> Result<(), String> {
    let inputs = &committed.inputs;
    let known = inputs.sources.iter().all(|source| source.demand.is_some())
        && inputs.destinations.iter().all(|zone| {
            zone.ready == 0
                || zone.capacity.is_some() && zone.capacity_source == CapacitySource::Declared
        });
    if !known {
        return Ok(());
    }
    let mut members: BTreeMap<&MemberName, u128> = BTreeMap::new();
    let mut networks: BTreeMap<&NetworkName, u128> = BTreeMap::new();
    for share in committed.plan.sources.iter().flat_map(|plan| &plan.shares) {
        let rate = u128::from(share.rate.0);
        match &share.destination {
            Destination::Zone { member, .. } => *members.entry(member).or_default() += rate,
            Destination::Network(network) => *networks.entry(network).or_default() += rate,
        }
    }
    let carries = |fits: &dyn Fn(&DestinationInput) -> bool| -> u128 {
        let zones = inputs.destinations.iter().filter(|zone| fits(zone));
        zones
            .map(|zone| {
                let ready = u128::from(zone.ready) * u128::from(each.0);
                let all = zone
                    .capacity
                    .map_or(0, |rate| u128::from(rate.0).min(ready));
                all * u128::from(zone.max_utilization_percent) / 100
            })
            .sum()
    };
    let service = &inputs.service;
    for (member, rate) in &members {
        let limit = carries(&|zone| zone.member == **member);
        if *rate > limit {
            return Err(format!(
                "{service}: {member} is to carry {rate} thousandths a second, and may carry {limit}"
            ));
        }
    }
    for (network, rate) in &networks {
        let within = inputs.destinations.iter();
        let within = within.filter(|zone| zone.network == **network);
        let here: u128 = within
            .map(|zone| &zone.member)
            .collect::<std::collections::BTreeSet<_>>()
            .into_iter()
            .filter_map(|member| members.get(member))
            .sum();
        let limit = carries(&|zone| zone.network == **network && zone.withdrawn.is_none());
        if *rate > 0 && rate + here > limit {
            return Err(format!(
                "{service}: network {network} is to carry {rate} thousandths a second from elsewhere and {here} of its own, and may carry {limit}"
            ));
        }
    }
    let gateways = inputs.gateways.iter().filter_map(|gateway| {
        let rate = networks.get(&gateway.network)?;
        (*rate > u128::from(gateway.limit.0)).then(|| {
            format!(
                "{service}: {rate} thousandths a second are to go through the gateways of {}, which let in {} of it",
                gateway.network, gateway.limit.0
            )
        })
    });
    gateways.map(Err).next().unwrap_or(Ok(()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::invariant::samples::{EACH, committed, overfull};

    #[test]
    fn who_is_to_carry_too_much_is_found() {
        judge(&committed(), EACH).unwrap();
        assert!(judge(&overfull(), EACH).is_err());
        assert!(judge(&committed(), Rate(EACH.0 / 2)).is_err());
    }
}
