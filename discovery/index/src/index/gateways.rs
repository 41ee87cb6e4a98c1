//! East-west gateways, as Istio finds them: Services with the label `topology.istio.io/network`.
//!
//! The port is 15443 unless `networking.istio.io/gatewayPort` says otherwise; the addresses are those of the load
//! balancer and `spec.externalIPs` (Istio, *Install Multi-Primary on different networks*).

use std::collections::BTreeMap;

use causeway_api::facts::{GatewayAddress, GatewayFact};
use causeway_api::spec::defaults;
use causeway_api::{Name, NetworkName, ServiceKey};

use super::Index;
use super::parse::{address, cut, host};
use crate::border;

const NETWORK: &str = "topology.istio.io/network";
const PORT: &str = "networking.istio.io/gatewayPort";

/// What is found of a gateway.
pub(super) type Gateway = GatewayFact;

impl Index {
    pub(super) fn apply_gateway(
        &mut self,
        key: &ServiceKey,
        service: &border::Service,
        found: &mut Vec<String>,
    ) {
        match parse(service, found) {
            None => self.remove_gateway(key),
            Some(gateway) => {
                if self.gateways.get(key) != Some(&gateway) {
                    self.gateways.insert(key.clone(), gateway);
                    self.dirty_gateways = true;
                    self.dirty_member = true;
                }
            }
        }
    }

    pub(super) fn remove_gateway(&mut self, key: &ServiceKey) {
        if self.gateways.remove(key).is_some() {
            self.dirty_gateways = true;
            self.dirty_member = true;
        }
    }

    /// The gateways by the names that facts give them: the Service's, and where several namespaces have one of that
    /// name, each but the first with its namespace behind it.
    pub(super) fn gateways_now(&self) -> BTreeMap<Name, GatewayFact> {
        let mut named = BTreeMap::new();
        for (key, gateway) in &self.gateways {
            let name = if named.contains_key(&key.name) {
                Name::new(&format!("{}.{}", key.name, key.namespace)).ok()
            } else {
                Some(key.name.clone())
            };
            if let Some(name) = name {
                named.insert(name, gateway.clone());
            }
        }
        named
    }

    /// The network that all gateways name, if they agree.
    pub(super) fn gateways_network(&self) -> Option<NetworkName> {
        let mut networks = self.gateways.values().map(|gateway| &gateway.network);
        let first = networks.next()?;
        networks.all(|other| other == first).then(|| first.clone())
    }
}

fn parse(service: &border::Service, found: &mut Vec<String>) -> Option<Gateway> {
    let network = service.labels.get(NETWORK).filter(|n| !n.is_empty())?;
    let network = match NetworkName::new(network) {
        Ok(network) => network,
        Err(error) => {
            found.push(format!("label {NETWORK}: {error}"));
            return None;
        }
    };
    let declared = service.labels.get(PORT).or(service.annotations.get(PORT));
    let port = match declared.map(|text| (text, text.parse::<u16>())) {
        None => defaults::GATEWAY_PORT,
        Some((_, Ok(port))) if port != 0 => port,
        Some((text, _)) => {
            found.push(format!(
                "{PORT} is {:?}, which is no port: {} is used",
                cut(text),
                defaults::GATEWAY_PORT
            ));
            defaults::GATEWAY_PORT
        }
    };
    let mut addresses = Vec::new();
    let ips = service.ingress.iter().filter_map(|i| i.ip.as_ref());
    for text in ips.chain(&service.external_ips).filter(|t| !t.is_empty()) {
        match address(text) {
            Some(ip) => addresses.push(GatewayAddress::Ip(ip)),
            None => found.push(format!("{:?} is no IP address of a gateway", cut(text))),
        }
    }
    let names = service.ingress.iter().filter_map(|i| i.hostname.as_ref());
    for text in names.filter(|text| !text.is_empty()) {
        match host(text) {
            Some(host) => addresses.push(GatewayAddress::Host(host)),
            None => found.push(format!("{:?} is no host name of a gateway", cut(text))),
        }
    }
    addresses.sort();
    addresses.dedup();
    if addresses.is_empty() {
        found.push(format!(
            "the east-west gateway of network {network} has no address: give it a load balancer or spec.externalIPs, \
             or declare the address in the MemberCluster"
        ));
    }
    if !service.ports.iter().any(|p| p.port == i64::from(port)) {
        found.push(format!(
            "the east-west gateway of network {network} has no port {port}: add it, or name the right one by the label \
             {PORT}"
        ));
    }
    Some(Gateway {
        network,
        addresses,
        port,
    })
}
