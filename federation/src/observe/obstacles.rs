//! What is in the way of federating these clusters, each with its remedy.

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::facts::{MeshFact, Protocol};
use causeway_api::ids::{MemberName, NetworkName, ServiceKey};
use causeway_index::LocalService;

use super::fleet::Fleet;
use super::reading::Reading;
use super::report::{Obstacle, Weight};

/// Of the clusters.
pub(super) fn of_clusters(readings: &[Reading], fleet: &Fleet) -> Vec<Obstacle> {
    let mut found = Vec::new();
    for reading in readings {
        of_cluster(reading, fleet, &mut found);
    }
    found.extend(same_cluster(readings, fleet));
    found.extend(different_gateways(fleet));
    found
}

fn of_cluster(reading: &Reading, fleet: &Fleet, found: &mut Vec<Obstacle>) {
    let mut note = |weight, reason: &str, message: String| {
        found.push(Obstacle {
            weight,
            reason: reason.to_owned(),
            context: Some(reading.context.clone()),
            object: String::new(),
            message,
        });
    };
    for unread in &reading.unread {
        note(
            Weight::Limits,
            "CannotRead",
            format!("{}: {}", unread.kind, unread.reason),
        );
    }
    let Some(owner) = fleet.facts().owner(&reading.member) else {
        return;
    };
    let Some(fact) = &owner.member else { return };
    let readable = |kind| !reading.unread.iter().any(|unread| unread.kind == kind);
    if fact.mesh == MeshFact::None && readable("customresourcedefinitions") {
        note(
            Weight::Blocks,
            "NoIstio",
            "Istio's kinds are not served: install Istio for multiple networks, else the agent reports and writes nothing".to_owned(),
        );
    }
    if owner.gateways.is_empty() && readable("services") {
        note(
            Weight::Blocks,
            "NoGateway",
            "no Service carries the label topology.istio.io/network: install an east-west gateway (port 15443), or name \
             one in the MemberCluster's spec.network.gateways; until then other networks cannot be sent here"
                .to_owned(),
        );
    }
    for (name, gateway) in owner
        .gateways
        .iter()
        .filter(|(_, gateway)| gateway.addresses.is_empty())
    {
        note(
            Weight::Blocks,
            "GatewayWithoutAddress",
            format!(
                "gateway {name} of network {} has no address: is its load balancer still being made?",
                gateway.network
            ),
        );
    }
    let nodes: u32 = fact.nodes.values().sum();
    let without = |missing: fn(&causeway_api::Locality) -> bool| -> u32 {
        fact.nodes
            .iter()
            .filter(|(place, _)| missing(place))
            .map(|(_, number)| number)
            .sum()
    };
    let (no_region, no_zone) = (
        without(|place| place.region.is_none()),
        without(|place| place.zone.is_none()),
    );
    if no_region > 0 {
        note(
            Weight::Limits,
            "NoRegion",
            format!(
                "{no_region} of {nodes} ready nodes lack the label topology.kubernetes.io/region: label them, or set the \
                 MemberCluster's spec.topology.region; distance and loss are judged by region"
            ),
        );
    }
    if no_zone > 0 {
        note(
            Weight::Notice,
            "NoZone",
            format!(
                "{no_zone} of {nodes} ready nodes lack the label topology.kubernetes.io/zone: zones there are one"
            ),
        );
    }
    for problem in &fact.problems {
        note(Weight::Limits, "Problem", problem.clone());
    }
}

/// Two contexts that lead to one cluster.
fn same_cluster(readings: &[Reading], fleet: &Fleet) -> Vec<Obstacle> {
    let mut by_uid: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for reading in readings {
        let fact = fleet
            .facts()
            .owner(&reading.member)
            .and_then(|owner| owner.member.as_ref());
        if let Some(fact) = fact.filter(|fact| !fact.cluster_uid.is_empty()) {
            by_uid
                .entry(&fact.cluster_uid)
                .or_default()
                .push(&reading.context);
        }
    }
    let doubles = by_uid.into_values().filter(|contexts| contexts.len() > 1);
    let obstacle = |contexts: Vec<&str>| Obstacle {
        weight: Weight::Blocks,
        reason: "SameCluster".to_owned(),
        context: None,
        object: String::new(),
        message: format!(
            "contexts {} lead to one and the same cluster: name it once",
            contexts.join(" and ")
        ),
    };
    doubles.map(obstacle).collect()
}

/// Members of one network whose gateways differ.
fn different_gateways(fleet: &Fleet) -> Vec<Obstacle> {
    let mut by_network: BTreeMap<&NetworkName, Vec<(&MemberName, BTreeSet<String>)>> =
        BTreeMap::new();
    for (name, member) in fleet.members() {
        if let Some(placement) = &member.placement {
            let addresses = placement.gateways.values().flat_map(|gateway| {
                gateway
                    .addresses
                    .iter()
                    .map(|address| format!("{address}:{}", gateway.port))
            });
            by_network
                .entry(&placement.network)
                .or_default()
                .push((name, addresses.collect()));
        }
    }
    let mut found = Vec::new();
    for (network, members) in by_network {
        let with: Vec<_> = members
            .iter()
            .filter(|(_, gateways)| !gateways.is_empty())
            .collect();
        let differ = with
            .windows(2)
            .any(|pair| matches!(pair, [a, b] if a.1 != b.1));
        if differ {
            let each: Vec<String> = with
                .iter()
                .map(|(name, gateways)| {
                    format!(
                        "{name}: {}",
                        gateways.iter().cloned().collect::<Vec<_>>().join(" ")
                    )
                })
                .collect();
            found.push(Obstacle {
                weight: Weight::Blocks,
                reason: "ConflictingGateways".to_owned(),
                context: None,
                object: format!("network {network}"),
                message: format!(
                    "its members have different gateways ({}): give each network a name of its own, or declare the same \
                     gateways in each MemberCluster",
                    each.join("; ")
                ),
            });
        }
    }
    found
}

/// Of one service that several clusters have.
pub(super) fn of_service(
    service: &ServiceKey,
    members: &BTreeMap<MemberName, LocalService>,
    readings: &[Reading],
) -> Vec<Obstacle> {
    let context = |member: &MemberName| {
        readings
            .iter()
            .find(|reading| reading.member == *member)
            .map(|r| r.context.clone())
    };
    let mut found = Vec::new();
    let mut note = |weight, reason: &str, member: Option<&MemberName>, message: String| {
        found.push(Obstacle {
            weight,
            reason: reason.to_owned(),
            context: member.and_then(context),
            object: service.to_string(),
            message,
        });
    };
    for (member, local) in members {
        if local.headless {
            note(
                Weight::Blocks,
                "Headless",
                Some(member),
                "is headless: Istio connects to what DNS answers, so entries of other clusters have no effect; give it a cluster IP".to_owned(),
            );
        }
        if local.selector.is_empty() {
            note(
                Weight::Limits,
                "NoSelector",
                Some(member),
                "has no selector: other clusters' capacity joins it through a ServiceEntry of the same host".to_owned(),
            );
        }
        let other: Vec<String> = local
            .ports
            .iter()
            .filter(|port| port.protocol != Protocol::Tcp)
            .map(|port| port.port.to_string())
            .collect();
        if !other.is_empty() {
            note(
                Weight::Limits,
                "NotTcp",
                Some(member),
                format!(
                    "port {} is not TCP: an Istio gateway does not carry it to another network",
                    other.join(", ")
                ),
            );
        }
    }
    for reading in readings
        .iter()
        .filter(|reading| members.contains_key(&reading.member))
    {
        if let Some(rule) = reading.rule_for(service) {
            note(
                Weight::Blocks,
                "ForeignDestinationRule",
                Some(&reading.member),
                format!(
                    "is covered by DestinationRule {rule}, which is somebody else's: Causeway would leave the service alone there"
                ),
            );
        }
    }
    if let Some(message) = conflicting_ports(members) {
        note(Weight::Limits, "ConflictingPorts", None, message);
    }
    found
}

/// Whether the clusters disagree about a port (KEP-1645: then the oldest export wins).
fn conflicting_ports(members: &BTreeMap<MemberName, LocalService>) -> Option<String> {
    let mut by_name: BTreeMap<_, BTreeMap<_, &MemberName>> = BTreeMap::new();
    for (member, local) in members {
        for port in &local.ports {
            by_name
                .entry(&port.name)
                .or_default()
                .entry((port.port, port.protocol))
                .or_insert(member);
        }
    }
    let different = by_name
        .iter()
        .find(|(_, ports)| ports.len() > 1)
        .map(|(name, ports)| {
            let each: Vec<String> = ports
                .iter()
                .map(|((port, _), member)| format!("{port} in {member}"))
                .collect();
            let name = if name.as_str().is_empty() {
                "its port".to_owned()
            } else {
                format!("port {name}")
            };
            format!(
                "{name} is {}: make them equal, else the one that was exported first wins",
                each.join(", ")
            )
        });
    let absent = || {
        by_name.keys().find_map(|name| {
            let lacking = members
                .iter()
                .find(|(_, local)| local.ports.iter().all(|port| port.name != **name))?;
            let name = if name.as_str().is_empty() {
                "the unnamed port".to_owned()
            } else {
                format!("port {name}")
            };
            Some(format!(
                "{name} does not exist in {}: callers of it cannot be sent there",
                lacking.0
            ))
        })
    };
    different.or_else(absent)
}
