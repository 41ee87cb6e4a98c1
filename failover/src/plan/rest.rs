//! What finds no known room: where policy says best effort, it goes to ways of unknown capacity, or of which only a floor is
//! known, the nearest first.

use causeway_api::rules::WhenUnknown;

use super::apportion::apportion;
use super::bounds::gateway_limit;
use super::fleet::Fleet;
use super::flows::Flows;
use super::tiers::{To, Way};
use super::unplanned::admitted;

/// Sends what is left over to the nearest ways that may carry more than is known, in proportion to ready endpoints.
pub(super) fn send(fleet: &Fleet<'_>, ways: &[Vec<Way<'_>>], flows: &mut Flows) {
    if fleet.inputs.policy.when_unknown != WhenUnknown::BestEffort || !flows.any_left() {
        return;
    }
    for (at, ways) in ways.iter().enumerate() {
        let Some(source) = fleet.sources.get(at).map(|source| &source.source) else {
            continue;
        };
        let mut ways = ways.as_slice();
        while let Some(first) = ways.first() {
            let end = ways.partition_point(|way| way.tier <= first.tier);
            let (here, farther) = ways.split_at(end);
            let cells: Vec<(usize, To)> = here
                .iter()
                .flat_map(|way| way.cells.iter().map(|cell| (*cell, way.to)))
                .filter(|(cell, _)| fleet.may_carry_more(*cell))
                .collect();
            let weights: Vec<u64> = cells
                .iter()
                .map(|(cell, _)| admitted(fleet, source, *cell))
                .collect();
            for ((cell, to), rate) in cells
                .into_iter()
                .zip(apportion(flows.left_of(at), &weights))
            {
                let rate = rate.min(entry(fleet, to, flows));
                flows.add(at, cell, rate);
                flows.serve(at, rate);
            }
            ways = farther;
        }
    }
}

/// What a network's gateways still let in.
fn entry(fleet: &Fleet<'_>, to: To, flows: &Flows) -> u64 {
    let To::Network(network) = to else {
        return u64::MAX;
    };
    let Some(limit) = gateway_limit(fleet, network) else {
        return u64::MAX;
    };
    let outside = |source: &usize| {
        let name = fleet.networks.get(network).map(|network| network.name);
        fleet.sources.get(*source).map(|source| &source.network) != name
    };
    let entering = (0..fleet.sources.len()).filter(outside).flat_map(|source| {
        let row = flows.row(source).iter().zip(&fleet.cells);
        row.filter(|(_, cell)| cell.network == network)
            .map(|(rate, _)| *rate)
    });
    limit.saturating_sub(entering.fold(0, u64::saturating_add))
}
