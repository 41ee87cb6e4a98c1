//! What a view may be, from a roll of dice.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use causeway_api::facts::{GatewayAddress, Protocol, ServicePort, TargetPort};
use causeway_api::ids::{PortName, Zone};
use causeway_api::plan::{Destination, PlanKind, Rate, Share, Source as From, SourcePlan};
use causeway_api::view::{GatewayEndpoint, NetworkView, OwnerService, ServiceView};
use causeway_api::{Generation, MemberName, NetworkName, ServiceKey};
use causeway_mesh::{Source, Versions};
use causeway_render::{MemberInputs, OwnerWord, ServiceInputs};

pub(crate) const NETWORKS: [&str; 3] = ["net2", "net3", "net4"];
pub(crate) const SERVICES: [&str; 4] = ["cart", "pay", "search", "user"];

/// A sequence of numbers from a seed.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

pub(crate) struct View {
    pub(crate) member: MemberInputs,
    pub(crate) services: BTreeMap<ServiceKey, ServiceInputs>,
    pub(crate) index: u64,
}

pub(crate) struct Held(pub(crate) Mutex<View>);

impl Source for Held {
    fn is_complete(&self) -> bool {
        true
    }
    fn member(&self) -> Option<Arc<MemberInputs>> {
        Some(Arc::new(self.0.lock().unwrap().member.clone()))
    }
    fn services(&self) -> Vec<ServiceKey> {
        self.0.lock().unwrap().services.keys().cloned().collect()
    }
    fn service(&self, key: &ServiceKey) -> ServiceInputs {
        let view = self.0.lock().unwrap();
        view.services.get(key).cloned().unwrap_or_default()
    }
    fn versions(&self) -> Versions {
        Versions {
            generation: generation(self.0.lock().unwrap().index),
            owners: BTreeMap::new(),
            incarnation: 1,
        }
    }
}

pub(crate) fn generation(index: u64) -> Generation {
    Generation {
        incarnation: 1,
        term: 1,
        index,
    }
}

pub(crate) fn network(name: &str) -> NetworkName {
    NetworkName::new(name).unwrap()
}

pub(crate) fn key(name: &str) -> ServiceKey {
    ServiceKey::new("shop", name).unwrap()
}

pub(crate) fn ports() -> Vec<ServicePort> {
    vec![ServicePort {
        name: PortName::new("http").unwrap(),
        port: 80,
        protocol: Protocol::Tcp,
        app_protocol: None,
        target: TargetPort::Number(8080),
    }]
}

pub(crate) fn plan(dice: &mut Dice) -> ServiceView {
    let offered: BTreeSet<_> = NETWORKS
        .iter()
        .filter(|_| dice.roll(3) > 0)
        .map(|name| network(name))
        .collect();
    let member = MemberName::new("one").unwrap();
    let zone = Some(Zone::new("z1").unwrap());
    let local = Destination::Zone {
        member: member.clone(),
        zone: zone.clone(),
    };
    let mut shares = vec![(local, 4_000)];
    shares.extend(
        offered
            .iter()
            .map(|name| (Destination::Network(name.clone()), 2_000)),
    );
    let source = SourcePlan {
        source: From { member, zone },
        kind: if dice.roll(2) == 0 {
            PlanKind::Nearest
        } else {
            PlanKind::Spill
        },
        shares: shares
            .into_iter()
            .map(|(destination, parts)| Share {
                destination,
                tier: 0,
                parts,
                rate: Rate(0),
            })
            .collect(),
        standby: Vec::new(),
        unserved: Rate(0),
        shed: causeway_api::plan::Rate::default(),
    };
    ServiceView {
        sources: vec![source],
        hosts: BTreeSet::new(),
        failover: Vec::new(),
        offered,
        withdrawn: BTreeMap::new(),
    }
}

pub(crate) fn words(dice: &mut Dice) -> Vec<OwnerWord> {
    NETWORKS
        .iter()
        .map(|name| OwnerWord {
            owner: MemberName::new(&format!("m-{name}")).unwrap(),
            network: network(name),
            service: OwnerService {
                ready: dice.roll(4) as u32,
                ports: ports(),
                selector: BTreeMap::new(),
                service_accounts: vec!["web".parse().unwrap()],
            },
        })
        .collect()
}

pub(crate) fn gateways(dice: &mut Dice) -> NetworkView {
    let gateways = (0..dice.roll(3)).map(|at| GatewayEndpoint {
        address: GatewayAddress::Ip(format!("203.0.113.{}", at + 1).parse().unwrap()),
        port: 15443,
    });
    NetworkView {
        gateways: gateways.collect(),
        locality: "r2/z1".parse().unwrap(),
    }
}
