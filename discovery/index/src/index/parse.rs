//! Texts of objects → identifiers, each with a sentence where it cannot be one.

use std::net::IpAddr;

use causeway_api::facts::{Protocol, ServicePort, TargetPort};
use causeway_api::ids::PortName;
use causeway_api::{Name, ServiceKey};

use crate::border;

/// Namespace and name of an object; `None` where the API server itself would have refused them.
pub(super) fn key(namespace: &str, name: &str) -> Option<ServiceKey> {
    ServiceKey::new(namespace, name).ok()
}

/// Text for a sentence: cut, so that no object can fill memory or a screen.
pub(super) fn cut(text: &str) -> String {
    text.chars().take(80).collect()
}

/// An IP address that endpoints can have.
pub(super) fn address(text: &str) -> Option<IpAddr> {
    let address: IpAddr = text.parse().ok()?;
    (!address.is_unspecified() && !address.is_multicast()).then_some(address)
}

/// A host name, as a load balancer may have.
pub(super) fn host(text: &str) -> Option<String> {
    let lower = text.trim_end_matches('.').to_ascii_lowercase();
    Name::new(&lower.replace('_', "-")).ok().map(|_| lower)
}

pub(super) fn number(port: i64) -> Option<u16> {
    u16::try_from(port).ok().filter(|port| *port != 0)
}

/// Ports of a Service; one that is malformed is left out, with a sentence.
pub(super) fn service_ports(
    ports: &[border::Port],
    problems: &mut Vec<String>,
) -> Vec<ServicePort> {
    let parsed = ports
        .iter()
        .filter_map(|port| service_port(port).map_err(|e| problems.push(e)).ok());
    let mut parsed: Vec<ServicePort> = parsed.collect();
    parsed.sort();
    parsed
}

fn service_port(port: &border::Port) -> Result<ServicePort, String> {
    let name = PortName::new(port.name.as_deref().unwrap_or_default())
        .map_err(|e| format!("spec.ports: {e}"))?;
    let range = |what: &str, found: i64| {
        format!("spec.ports[{name}].{what}: {found} is no port: use 1 to 65535")
    };
    let target = match &port.target {
        None => None,
        // Zero and the empty text stand for "the same".
        Some(border::Target::Number(0)) => None,
        Some(border::Target::Name(name)) if name.is_empty() => None,
        Some(border::Target::Number(n)) => Some(TargetPort::Number(
            number(*n).ok_or_else(|| range("targetPort", *n))?,
        )),
        Some(border::Target::Name(name)) => Some(TargetPort::Name {
            name: cut(name),
            resolved: None,
        }),
    };
    let protocol = match port.protocol.as_deref() {
        None | Some("TCP") => Protocol::Tcp,
        Some("UDP") => Protocol::Udp,
        Some("SCTP") => Protocol::Sctp,
        Some(other) => {
            return Err(format!(
                "spec.ports[{name}].protocol: {:?} is unknown: use TCP, UDP or SCTP",
                cut(other)
            ));
        }
    };
    let port_number = number(port.port).ok_or_else(|| range("port", port.port))?;
    Ok(ServicePort {
        target: target.unwrap_or(TargetPort::Number(port_number)),
        port: port_number,
        protocol,
        app_protocol: port.app_protocol.as_deref().map(cut),
        name,
    })
}
