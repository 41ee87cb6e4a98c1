//! The ports of a service that cross networks: those of the local Service, else those that other members state.
//!
//! An Istio gateway carries what mTLS wraps: TCP. The number that clients call is part of the name by which the far
//! gateway is asked (SNI `outbound_.<port>_._.<host>`), so members have to agree about it.

use std::collections::BTreeMap;

use causeway_api::ServiceKey;
use causeway_api::facts::{Protocol, ServicePort, TargetPort};
use causeway_api::ids::PortName;
use causeway_api::view::MeshCondition;

use crate::condition::{of_service, reason};
use crate::input::ServiceInputs;

/// A port that is carried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CarriedPort {
    /// Its name.
    pub name: PortName,
    /// The number that clients call.
    pub port: u16,
    /// The protocol in Istio's words; `None`: Istio finds out by itself.
    pub protocol: Option<&'static str>,
    /// Where local pods listen; `None` where there is no local Service.
    pub target: Option<TargetPort>,
}

impl CarriedPort {
    /// The name in a ServiceEntry, which wants one.
    #[must_use]
    pub fn entry_name(&self) -> String {
        match self.name.as_str() {
            "" => format!("port-{}", self.port),
            name => name.to_owned(),
        }
    }

    fn is_http2(&self) -> bool {
        matches!(self.protocol, Some("HTTP2" | "GRPC" | "GRPC-Web"))
    }
}

/// The ports that are carried, by number, and what is in the way of others.
#[must_use]
pub fn carried(
    service: &ServiceKey,
    inputs: &ServiceInputs,
) -> (Vec<CarriedPort>, Vec<MeshCondition>) {
    let mut conditions = Vec::new();
    let local = inputs.local.exists;
    let mut ports = Vec::new();
    for port in stated(inputs).into_values() {
        if port.protocol == Protocol::Tcp {
            ports.push(CarriedPort {
                name: port.name.clone(),
                port: port.port,
                protocol: istio_protocol(&port),
                target: local.then_some(port.target),
            });
        } else {
            conditions.push(of_service(
                reason::PROTOCOL,
                service,
                "",
                format!(
                    "port {} ({:?}) is not federated: an Istio gateway carries TCP only. Calls to it stay in the \
                     cluster.",
                    port.port, port.protocol
                ),
            ));
        }
    }
    ports.sort_by_key(|port| port.port);
    conditions.extend(disagreements(service, inputs, &ports));
    if let Some(port) = ports.iter().find(|port| port.is_http2()) {
        conditions.push(of_service(
            reason::HTTP2_KEEP_ALIVE,
            service,
            "",
            format!(
                "port {} speaks HTTP/2, and a DestinationRule has no HTTP/2 keep-alive: a network that falls silent \
                 holds its open connections until the plan withdraws it. An EnvoyFilter with connection_keepalive for \
                 this service closes them within seconds.",
                port.port
            ),
        ));
    }
    (ports, conditions)
}

/// The local Service's ports, else those of other members (the first by name of member wins), by name.
fn stated(inputs: &ServiceInputs) -> BTreeMap<PortName, ServicePort> {
    let mut ports = BTreeMap::new();
    if inputs.local.exists {
        for port in &inputs.local.ports {
            ports.insert(port.name.clone(), port.clone());
        }
        return ports;
    }
    let mut words: Vec<_> = inputs.owners.iter().collect();
    words.sort_by(|a, b| a.owner.cmp(&b.owner));
    for port in words.into_iter().flat_map(|word| &word.service.ports) {
        ports
            .entry(port.name.clone())
            .or_insert_with(|| port.clone());
    }
    ports
}

/// Members that lack a port or number it otherwise.
fn disagreements(
    service: &ServiceKey,
    inputs: &ServiceInputs,
    ports: &[CarriedPort],
) -> Vec<MeshCondition> {
    let mut conditions = Vec::new();
    for port in ports {
        for word in &inputs.owners {
            let there = &word.service.ports;
            if there.iter().any(|other| other.port == port.port) {
                continue;
            }
            let found = there
                .iter()
                .find(|other| other.name == port.name)
                .map_or("has no such port".to_owned(), |other| {
                    format!("has it as {}", other.port)
                });
            conditions.push(of_service(
                reason::PORT_CONFLICT,
                service,
                "",
                format!(
                    "port {:?} is {} here, and member {} {found}: calls that fail over there are reset by its \
                     gateway. Give the Service the same ports in all members.",
                    port.name.as_str(),
                    port.port,
                    word.owner
                ),
            ));
        }
    }
    conditions
}

/// Istio's protocol of a port: `appProtocol` first, then the beginning of the name
/// (Istio, *Protocol Selection*). `None`: neither says.
fn istio_protocol(port: &ServicePort) -> Option<&'static str> {
    let named = port.name.as_str();
    match port.app_protocol.as_deref() {
        Some("kubernetes.io/h2c") => Some("HTTP2"),
        Some("kubernetes.io/ws") => Some("HTTP"),
        Some(other) => by_word(other),
        None if named.starts_with("grpc-web") => Some("GRPC-Web"),
        None => by_word(named.split_once('-').map_or(named, |(first, _)| first)),
    }
}

fn by_word(word: &str) -> Option<&'static str> {
    Some(match word.to_ascii_lowercase().as_str() {
        "http" => "HTTP",
        "http2" => "HTTP2",
        "https" => "HTTPS",
        "grpc" => "GRPC",
        "grpc-web" => "GRPC-Web",
        "tcp" => "TCP",
        "tls" => "TLS",
        "mongo" => "MONGO",
        "redis" => "REDIS",
        "mysql" => "MYSQL",
        _ => return None,
    })
}
