//! What binds a plan beyond capacity, and what a mesh cannot carry out of it: each named with what would have carried it.

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::ids::{MemberName, NetworkName};
use causeway_api::plan::{
    Destination, DestinationInput, PlanInputs, Rate, ServicePlan, Withdrawal,
};
use causeway_api::rules::Strategy;

use super::words::few;

/// The sentences.
pub(super) fn notes(inputs: &PlanInputs, plan: &ServicePlan) -> Vec<String> {
    let mut notes = Vec::new();
    for gateway in &inputs.gateways {
        notes.push(format!(
            "the gateways of network {} let in {} of this service: they carry others too, and not all \
             fits (MemberCluster spec.gateways maxRequestsPerSecond)",
            gateway.network, gateway.limit
        ));
    }
    for source in inputs
        .sources
        .iter()
        .filter(|source| !source.unreachable.is_empty())
    {
        let networks: Vec<String> = source.unreachable.iter().map(ToString::to_string).collect();
        let zone = source
            .source
            .zone
            .as_ref()
            .map_or("-", |zone| zone.as_str());
        notes.push(format!(
            "{}/{zone} does not reach network {}, though others do: it alone is sent elsewhere",
            source.source.member,
            few(&networks)
        ));
    }
    notes.extend(ejections(inputs, plan));
    if let (Some(policy), true) = (
        &inputs.policy.together,
        inputs
            .sources
            .iter()
            .any(|source| !source.together.is_empty()),
    ) {
        notes.push(format!(
            "it goes where the services of policy {policy} go that move together with it"
        ));
    }
    if inputs.policy.strategy != Strategy::Waterfall {
        notes.push(match inputs.policy.strategy {
            Strategy::Ordered => "only the regions that destinations.failover names are used (strategy Ordered)".to_owned(),
            _ => "shares follow destinations.weights as far as capacity goes (strategy Weighted, or a TrafficShift)".to_owned(),
        });
    }
    let shed = plan
        .sources
        .iter()
        .fold(Rate(0), |sum, source| sum.plus(source.shed));
    if shed > Rate(0) {
        notes.push(format!(
            "{shed} are to be shed, which no object of ours expresses in Istio: they reach the shares above; a VirtualService for \
             {} with an HTTPFault that aborts so much would carry it",
            inputs.service
        ));
    }
    notes.extend(behind_gateways(inputs, plan));
    notes
}

/// What callers' proxies leave out by themselves: once for each member, whose zones share what its agent was told.
fn ejections(inputs: &PlanInputs, plan: &ServicePlan) -> Vec<String> {
    let mut by_member: BTreeMap<&MemberName, &BTreeSet<NetworkName>> = BTreeMap::new();
    for source in inputs.sources.iter().filter(|s| !s.ejected.is_empty()) {
        by_member.insert(&source.source.member, &source.ejected);
    }
    let sentence = |(member, networks): (&MemberName, &BTreeSet<NetworkName>)| {
        let names: Vec<String> = networks.iter().map(ToString::to_string).collect();
        let goes = |destination: &Destination| matches!(destination, Destination::Network(network) if networks.contains(network));
        let theirs = plan.sources.iter().filter(|s| s.source.member == *member);
        let mut shares = theirs.flat_map(|source| &source.shares);
        let then = if shares.any(|share| goes(&share.destination)) {
            "what is left does not carry what they ask for, so they are sent there all the same"
        } else {
            "they alone are sent elsewhere"
        };
        format!(
            "callers in {member} eject network {} (their proxies' outlier detection, for this service): {then}",
            few(&names)
        )
    };
    by_member.into_iter().map(sentence).collect()
}

/// Zones behind the gateways of a network that is used, and that should get less than their gateway gives them.
fn behind_gateways(inputs: &PlanInputs, plan: &ServicePlan) -> Option<String> {
    let used = |zone: &DestinationInput| {
        let mut shares = plan.sources.iter().flat_map(|source| &source.shares);
        shares.any(|share| share.destination == Destination::Network(zone.network.clone()))
    };
    let several = |zone: &DestinationInput| {
        let theirs = inputs
            .destinations
            .iter()
            .filter(|other| other.network == zone.network);
        theirs
            .filter(|other| other.exported && other.ready > 0)
            .count()
            > 1
    };
    let less = |zone: &&DestinationInput| {
        let left = matches!(
            zone.withdrawn,
            Some(Withdrawal::Evacuated | Withdrawal::Unhealthy)
        );
        zone.exported
            && zone.ready > 0
            && (left || (zone.withdrawn.is_none() && zone.admitted_percent < 100))
    };
    let zones = inputs.destinations.iter().filter(less);
    let names: Vec<String> = zones
        .filter(|zone| used(zone) && several(zone))
        .map(|zone| {
            let name = zone.zone.as_ref().map_or("-", |zone| zone.as_str());
            format!("{}/{name}", zone.member)
        })
        .collect();
    (!names.is_empty()).then(|| {
        format!(
            "{} should get less than the gateways of its network give it, which choose the zone by \
             themselves: a DestinationRule inside that member would carry it",
            few(&names)
        )
    })
}
