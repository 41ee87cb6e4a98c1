//! Where a member is and how it is reached: its declaration first, its agent's word where nothing is declared.

use std::collections::BTreeMap;

use causeway_api::facts::GatewayFact;
use causeway_api::ids::{Name, NetworkName};
use causeway_api::spec::{MemberSpec, Placement};
use causeway_index::OwnerFacts;

/// Joins a declaration with what the agent reported; `None` while it has reported nothing.
#[must_use]
pub fn placement(spec: &MemberSpec, facts: &OwnerFacts) -> Option<Placement> {
    let member = facts.member.as_ref()?;
    // A member's name is a valid network name: its characters are a subset and its length the same.
    let network = spec
        .network
        .clone()
        .or_else(|| member.network.clone())
        .or_else(|| NetworkName::new(spec.name.as_str()).ok())?;
    Some(Placement {
        cluster_uid: member.cluster_uid.clone(),
        region: spec.region.clone().or_else(|| member.region.clone()),
        zones: member
            .nodes
            .keys()
            .filter_map(|locality| locality.zone.clone())
            .collect(),
        gateways: gateways(spec, facts, &network),
        network,
    })
}

fn gateways(
    spec: &MemberSpec,
    facts: &OwnerFacts,
    network: &NetworkName,
) -> BTreeMap<Name, GatewayFact> {
    if spec.gateways.is_empty() {
        let own = facts
            .gateways
            .iter()
            .filter(|(_, gateway)| gateway.network == *network);
        return own
            .map(|(name, gateway)| (name.clone(), gateway.clone()))
            .collect();
    }
    let declared = spec.gateways.iter().map(|(name, gateway)| {
        let fact = GatewayFact {
            network: network.clone(),
            addresses: gateway.addresses.clone(),
            port: gateway.port,
        };
        (name.clone(), fact)
    });
    declared.collect()
}
