//! A member in region r1 with two zones, and two remote networks: net2 in one zone of r2, net3 in many of r3.

#![allow(dead_code)]

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::facts::{GatewayAddress, Protocol, ServicePort, TargetPort};
use causeway_api::ids::{PortName, Zone};
use causeway_api::plan::{Destination, PlanKind, Rate, Share, Source, SourcePlan, WHOLE};
use causeway_api::spec::Mode;
use causeway_api::view::{
    GatewayEndpoint, MeshSettings, NetworkView, OwnerService, ServiceView, Versioned,
};
use causeway_api::{Generation, MemberName, Name, NetworkName, ServiceKey, WriterStamp};
use causeway_render::{
    DesiredObject, LiveObject, LocalService, MemberInputs, OwnerWord, Rendered, ServiceInputs,
};

pub(crate) fn generation(index: u64) -> Generation {
    Generation {
        incarnation: 1,
        term: 1,
        index,
    }
}

pub(crate) fn stamp(epoch: u64) -> WriterStamp {
    WriterStamp {
        incarnation: 1,
        epoch,
    }
}

pub(crate) fn network(name: &str) -> NetworkName {
    NetworkName::new(name).unwrap()
}

pub(crate) fn service() -> ServiceKey {
    ServiceKey::new("app", "echo").unwrap()
}

pub(crate) fn versioned<T>(index: u64, value: T) -> Versioned<T> {
    Versioned {
        generation: generation(index),
        value: Some(value),
    }
}

pub(crate) fn network_view(addresses: &[&str], locality: &str) -> NetworkView {
    NetworkView {
        gateways: addresses
            .iter()
            .map(|address| GatewayEndpoint {
                address: address.parse().map_or_else(
                    |_| GatewayAddress::Host((*address).to_owned()),
                    GatewayAddress::Ip,
                ),
                port: 15443,
            })
            .collect(),
        locality: locality.parse().unwrap(),
    }
}

pub(crate) fn member() -> MemberInputs {
    MemberInputs {
        settings: MeshSettings {
            mode: Mode::Federate,
            suspend: false,
            network: network("net1"),
            region: Some("r1".parse().unwrap()),
            native_localities: BTreeMap::new(),
        },
        generation: generation(3),
        seen: generation(1_000),
        networks: BTreeMap::from([
            (
                network("net2"),
                versioned(5, network_view(&["203.0.113.2"], "r2/z1")),
            ),
            (
                network("net3"),
                versioned(
                    6,
                    network_view(&["203.0.113.3", "gw.net3.example"], "net3/net3"),
                ),
            ),
        ]),
        mesh_namespace: "istio-system".to_owned(),
    }
}

pub(crate) fn port(name: &str, number: u16, target: TargetPort) -> ServicePort {
    ServicePort {
        name: PortName::new(name).unwrap(),
        port: number,
        protocol: Protocol::Tcp,
        app_protocol: None,
        target,
    }
}

pub(crate) fn http() -> Vec<ServicePort> {
    vec![port("http", 80, TargetPort::Number(8080))]
}

pub(crate) fn selector() -> BTreeMap<String, String> {
    BTreeMap::from([("app".to_owned(), "echo".to_owned())])
}

pub(crate) fn local() -> LocalService {
    LocalService {
        namespace_exists: true,
        exists: true,
        exported: true,
        selector: selector(),
        ports: http(),
        headless: false,
        ready: 3,
        localities: BTreeSet::from(["r1/z1".parse().unwrap(), "r1/z2".parse().unwrap()]),
        also_picked_by: BTreeSet::new(),
    }
}

pub(crate) fn owner(name: &str, net: &str, ready: u32) -> OwnerWord {
    OwnerWord {
        owner: MemberName::new(name).unwrap(),
        network: network(net),
        service: OwnerService {
            ready,
            ports: http(),
            selector: selector(),
            service_accounts: vec![Name::new("echo").unwrap()],
        },
    }
}

pub(crate) fn zone(name: &str) -> Destination {
    Destination::Zone {
        member: MemberName::new("one").unwrap(),
        zone: Some(Zone::new(name).unwrap()),
    }
}

pub(crate) fn to(net: &str) -> Destination {
    Destination::Network(network(net))
}

pub(crate) fn source(
    name: &str,
    kind: PlanKind,
    shares: &[(Destination, u32)],
    standby: &[&str],
) -> SourcePlan {
    SourcePlan {
        source: Source {
            member: MemberName::new("one").unwrap(),
            zone: Some(Zone::new(name).unwrap()),
        },
        kind,
        shares: shares
            .iter()
            .map(|(destination, parts)| Share {
                destination: destination.clone(),
                tier: 0,
                parts: *parts,
                rate: Rate::default(),
            })
            .collect(),
        standby: standby.iter().map(|name| network(name)).collect(),
        unserved: Rate::default(),
        shed: causeway_api::plan::Rate::default(),
    }
}

pub(crate) fn view(sources: Vec<SourcePlan>, offered: &[&str]) -> ServiceView {
    ServiceView {
        sources,
        hosts: BTreeSet::new(),
        failover: Vec::new(),
        offered: offered.iter().map(|name| network(name)).collect(),
        withdrawn: BTreeMap::new(),
    }
}

pub(crate) fn nearest() -> ServiceView {
    view(
        vec![
            source(
                "z1",
                PlanKind::Nearest,
                &[(zone("z1"), WHOLE)],
                &["net2", "net3"],
            ),
            source(
                "z2",
                PlanKind::Nearest,
                &[(zone("z2"), WHOLE)],
                &["net2", "net3"],
            ),
        ],
        &["net2", "net3"],
    )
}

pub(crate) fn spilling() -> ServiceView {
    view(
        vec![
            source(
                "z1",
                PlanKind::Spill,
                &[
                    (zone("z1"), 5_000),
                    (zone("z2"), 1_667),
                    (to("net2"), 3_333),
                ],
                &["net3"],
            ),
            source("z2", PlanKind::Nearest, &[(zone("z2"), WHOLE)], &["net2"]),
        ],
        &["net2", "net3"],
    )
}

pub(crate) fn inputs(view: ServiceView) -> ServiceInputs {
    ServiceInputs {
        plan: Some(versioned(10, view)),
        owners: vec![
            owner("two", "net2", 4),
            owner("three-a", "net3", 5),
            owner("three-b", "net3", 2),
        ],
        unheard: BTreeSet::new(),
        local: local(),
    }
}

/// An object as it stands in the mesh once it was written.
pub(crate) fn written(desired: &DesiredObject, by: WriterStamp) -> LiveObject {
    let mut body = desired.body(by);
    body["metadata"]["uid"] = "00000000-0000-4000-8000-000000000001".into();
    body["metadata"]["resourceVersion"] = "7".into();
    LiveObject::from_json(desired.key.kind, &body).unwrap()
}

/// For golden files: the objects as YAML documents, and the conditions.
pub(crate) fn shown(rendered: &Rendered) -> String {
    let mut out = String::new();
    for object in &rendered.objects {
        out.push_str(&causeway_render::text::yaml(&object.shown()));
        out.push_str("---\n");
    }
    for condition in &rendered.conditions {
        out.push_str(&format!("# {}: {}\n", condition.reason, condition.message));
    }
    out
}
