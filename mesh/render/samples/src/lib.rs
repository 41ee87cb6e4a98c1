//! For tests of whatever renders: the view of a member `one` in region r1 with two zones, of one service, and of two
//! remote networks, net2 in a zone of r2 and net3.
//!
//! Names that are none are mistakes of the test, and panic.

#![allow(
    clippy::unwrap_used,
    reason = "what a test writes down is right, or the test is wrong"
)]

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::facts::{GatewayAddress, Protocol, ServicePort, TargetPort};
use causeway_api::ids::{PortName, Zone};
use causeway_api::plan::{Destination, PlanKind, Rate, Share, Source, SourcePlan, WHOLE};
use causeway_api::spec::Mode;
use causeway_api::view::{GatewayEndpoint, MeshSettings, NetworkView, OwnerService, ServiceView};
use causeway_api::{Generation, MemberName, Name, NetworkName};
use causeway_render::{LocalService, OwnerWord};

/// A decision of the first incarnation and term.
#[must_use]
pub fn generation(index: u64) -> Generation {
    Generation {
        incarnation: 1,
        term: 1,
        index,
    }
}

/// A network.
#[must_use]
pub fn network(name: &str) -> NetworkName {
    name.parse().unwrap()
}

/// What the member is told of itself.
#[must_use]
pub fn settings(mode: Mode) -> MeshSettings {
    MeshSettings {
        mode,
        suspend: false,
        network: network("net1"),
        region: Some("r1".parse().unwrap()),
        native_localities: BTreeMap::new(),
    }
}

/// A network that is reached at these addresses, IP addresses or host names.
#[must_use]
pub fn network_view(addresses: &[&str], locality: &str) -> NetworkView {
    let gateway = |address: &&str| GatewayEndpoint {
        address: address.parse().map_or_else(
            |_| GatewayAddress::Host((*address).to_owned()),
            GatewayAddress::Ip,
        ),
        port: 15443,
    };
    NetworkView {
        gateways: addresses.iter().map(gateway).collect(),
        locality: locality.parse().unwrap(),
    }
}

/// A port of a service.
#[must_use]
pub fn port(name: &str, number: u16, target: TargetPort) -> ServicePort {
    ServicePort {
        name: PortName::new(name).unwrap(),
        port: number,
        protocol: Protocol::Tcp,
        app_protocol: None,
        target,
    }
}

/// The one port that services have here.
#[must_use]
pub fn http() -> Vec<ServicePort> {
    vec![port("http", 80, TargetPort::Number(8080))]
}

/// The selector of the pods of `app`.
#[must_use]
pub fn selector(app: &str) -> BTreeMap<String, String> {
    BTreeMap::from([("app".to_owned(), app.to_owned())])
}

/// The member's own service: three ready endpoints in both zones, exported.
#[must_use]
pub fn local(app: &str) -> LocalService {
    LocalService {
        namespace_exists: true,
        exists: true,
        exported: true,
        selector: selector(app),
        ports: http(),
        ready: 3,
        localities: BTreeSet::from(["r1/z1".parse().unwrap(), "r1/z2".parse().unwrap()]),
        ..LocalService::default()
    }
}

/// What another member says of its service `echo`.
#[must_use]
pub fn owner(name: &str, net: &str, ready: u32) -> OwnerWord {
    OwnerWord {
        owner: name.parse().unwrap(),
        network: network(net),
        service: OwnerService {
            ready,
            ports: http(),
            selector: selector("echo"),
            service_accounts: vec![Name::new("echo").unwrap()],
        },
    }
}

fn own_zone(name: &str) -> (MemberName, Option<Zone>) {
    ("one".parse().unwrap(), Some(Zone::new(name).unwrap()))
}

/// A zone of the member's own.
#[must_use]
pub fn zone(name: &str) -> Destination {
    let (member, zone) = own_zone(name);
    Destination::Zone { member, zone }
}

/// Another network.
#[must_use]
pub fn to(net: &str) -> Destination {
    Destination::Network(network(net))
}

/// Where callers in one of the member's zones are sent.
#[must_use]
pub fn source(
    name: &str,
    kind: PlanKind,
    shares: &[(Destination, u32)],
    standby: &[&str],
) -> SourcePlan {
    let (member, zone) = own_zone(name);
    let share = |(destination, parts): &(Destination, u32)| Share {
        destination: destination.clone(),
        tier: 0,
        parts: *parts,
        rate: Rate::default(),
    };
    SourcePlan {
        source: Source { member, zone },
        kind,
        shares: shares.iter().map(share).collect(),
        standby: standby.iter().map(|name| network(name)).collect(),
        unserved: Rate::default(),
        shed: Rate::default(),
    }
}

/// A plan as the member is told it.
#[must_use]
pub fn view(sources: Vec<SourcePlan>, offered: &[&str]) -> ServiceView {
    ServiceView {
        sources,
        hosts: BTreeSet::new(),
        failover: Vec::new(),
        offered: offered.iter().map(|name| network(name)).collect(),
        withdrawn: BTreeMap::new(),
    }
}

/// Everybody stays in their zone, both networks stand by.
#[must_use]
pub fn nearest() -> ServiceView {
    let standby = ["net2", "net3"];
    let stays = |name: &str| source(name, PlanKind::Nearest, &[(zone(name), WHOLE)], &standby);
    view(vec![stays("z1"), stays("z2")], &standby)
}

/// Half of what zone z1 asks for stays there.
#[must_use]
pub fn spilling() -> ServiceView {
    let shares = [
        (zone("z1"), 5_000),
        (zone("z2"), 1_667),
        (to("net2"), 3_333),
    ];
    view(
        vec![
            source("z1", PlanKind::Spill, &shares, &["net3"]),
            source("z2", PlanKind::Nearest, &[(zone("z2"), WHOLE)], &["net2"]),
        ],
        &["net2", "net3"],
    )
}
