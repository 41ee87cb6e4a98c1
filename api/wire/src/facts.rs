//! `facts.proto`: what a member says of itself.

use std::collections::BTreeSet;

use causeway_api::facts::{
    ApiFact, FactDelta, GatewayAddress, GatewayFact, MemberFact, MeshFact, Protocol, ServiceFact,
    ServicePort, TargetPort,
};
use causeway_api::ids::{Locality, NetworkName, PortName, ServiceKey};

use crate::error::WireError;
use crate::proto::{self, gateway_address, service_port};
use crate::read::{At, optional, or_empty, sentence, texts};

/// Bytes of a DNS name (RFC 1035).
const HOST_BYTES: usize = 253;

impl From<&FactDelta> for proto::FactDelta {
    fn from(value: &FactDelta) -> Self {
        Self {
            owner: value.owner.to_string(),
            base: value.base.as_ref().map(Into::into),
            version: Some((&value.version).into()),
            member: value.member.as_ref().map(Into::into),
            namespaces: value.namespaces.iter().map(Into::into).collect(),
            gateways: value.gateways.iter().map(Into::into).collect(),
            services: value.services.iter().map(Into::into).collect(),
            endpoints: value.endpoints.iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<proto::FactDelta> for FactDelta {
    type Error = WireError;
    fn try_from(wire: proto::FactDelta) -> Result<Self, WireError> {
        let at = |field| At("FactDelta", field);
        Ok(Self {
            owner: at("owner").name(&wire.owner)?,
            base: optional(wire.base)?,
            version: at("version").needed(wire.version)?,
            member: optional(wire.member)?,
            namespaces: at("namespaces").rows(wire.namespaces)?,
            gateways: at("gateways").rows(wire.gateways)?,
            services: at("services").rows(wire.services)?,
            endpoints: at("endpoints").rows(wire.endpoints)?,
        })
    }
}

impl From<&MemberFact> for proto::MemberFact {
    fn from(value: &MemberFact) -> Self {
        let mesh = match value.mesh {
            MeshFact::None => proto::MeshFact::None,
            MeshFact::Istio => proto::MeshFact::Istio,
        };
        let api = match value.api {
            ApiFact::Reachable => proto::ApiFact::Reachable,
            ApiFact::Unreachable => proto::ApiFact::Unreachable,
        };
        let nodes = value
            .nodes
            .iter()
            .map(|(locality, ready)| proto::NodeCount {
                locality: Some(locality.into()),
                ready: *ready,
            });
        Self {
            cluster_uid: sentence(&value.cluster_uid),
            kubernetes_version: sentence(&value.kubernetes_version),
            agent_version: sentence(&value.agent_version),
            network: or_empty(value.network.as_ref()),
            region: or_empty(value.region.as_ref()),
            nodes: nodes.collect(),
            mesh: mesh.into(),
            api: api.into(),
            problems: value.problems.iter().map(|text| sentence(text)).collect(),
            ejected: value.ejected.iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<proto::MemberFact> for MemberFact {
    type Error = WireError;
    fn try_from(wire: proto::MemberFact) -> Result<Self, WireError> {
        let at = |field| At("MemberFact", field);
        let api = match wire.api() {
            proto::ApiFact::Reachable => ApiFact::Reachable,
            proto::ApiFact::Unreachable => ApiFact::Unreachable,
            proto::ApiFact::Unspecified => return Err(at("api").unknown(wire.api)),
        };
        // A mesh that was added later is none that we know, which is what this field says of others too.
        let mesh = match wire.mesh() {
            proto::MeshFact::Istio => MeshFact::Istio,
            proto::MeshFact::None | proto::MeshFact::Unspecified => MeshFact::None,
        };
        Ok(Self {
            cluster_uid: at("cluster_uid").sentence(wire.cluster_uid)?,
            kubernetes_version: at("kubernetes_version").sentence(wire.kubernetes_version)?,
            agent_version: at("agent_version").sentence(wire.agent_version)?,
            network: at("network").known(&wire.network)?,
            region: at("region").known(&wire.region)?,
            nodes: at("nodes").map(wire.nodes)?,
            mesh,
            api,
            problems: at("problems").items(wire.problems, |text| at("problems").sentence(text))?,
            ejected: at("ejected").map(wire.ejected)?,
        })
    }
}

impl From<(&ServiceKey, &BTreeSet<NetworkName>)> for proto::Ejection {
    fn from((service, networks): (&ServiceKey, &BTreeSet<NetworkName>)) -> Self {
        Self {
            service: Some(service.into()),
            networks: texts(networks),
        }
    }
}

impl TryFrom<proto::Ejection> for (ServiceKey, BTreeSet<NetworkName>) {
    type Error = WireError;
    fn try_from(wire: proto::Ejection) -> Result<Self, WireError> {
        let at = |field| At("Ejection", field);
        Ok((
            at("service").needed(wire.service)?,
            at("networks").name_set(wire.networks)?,
        ))
    }
}

impl TryFrom<proto::NodeCount> for (Locality, u32) {
    type Error = WireError;
    fn try_from(wire: proto::NodeCount) -> Result<Self, WireError> {
        Ok((
            At("NodeCount", "locality").needed(wire.locality)?,
            wire.ready,
        ))
    }
}

impl From<&GatewayFact> for proto::GatewayFact {
    fn from(value: &GatewayFact) -> Self {
        Self {
            network: value.network.to_string(),
            addresses: value.addresses.iter().map(Into::into).collect(),
            port: value.port.into(),
        }
    }
}

impl TryFrom<proto::GatewayFact> for GatewayFact {
    type Error = WireError;
    fn try_from(wire: proto::GatewayFact) -> Result<Self, WireError> {
        let at = |field| At("GatewayFact", field);
        Ok(Self {
            network: at("network").name(&wire.network)?,
            addresses: at("addresses").items(wire.addresses, GatewayAddress::try_from)?,
            port: at("port").port(wire.port)?,
        })
    }
}

impl From<&GatewayAddress> for proto::GatewayAddress {
    fn from(value: &GatewayAddress) -> Self {
        let kind = match value {
            GatewayAddress::Ip(ip) => gateway_address::Kind::Ip(ip.to_string()),
            GatewayAddress::Host(host) => gateway_address::Kind::Host(host.clone()),
        };
        Self { kind: Some(kind) }
    }
}

impl TryFrom<proto::GatewayAddress> for GatewayAddress {
    type Error = WireError;
    fn try_from(wire: proto::GatewayAddress) -> Result<Self, WireError> {
        let at = |field| At("GatewayAddress", field);
        match wire.kind {
            Some(gateway_address::Kind::Ip(text)) => match text.parse() {
                Ok(ip) => Ok(Self::Ip(ip)),
                Err(_) => Err(at("ip").malformed(format_args!("{text:?} is no IP address"))),
            },
            Some(gateway_address::Kind::Host(host)) => {
                Ok(Self::Host(at("host").text(host, HOST_BYTES)?))
            }
            None => Err(at("kind").unknown_kind()),
        }
    }
}

impl From<&ServiceFact> for proto::ServiceFact {
    fn from(value: &ServiceFact) -> Self {
        Self {
            exported: value.exported,
            selector: value.selector.clone(),
            headless: value.headless,
            ports: value.ports.iter().map(Into::into).collect(),
            service_accounts: texts(&value.service_accounts),
        }
    }
}

impl TryFrom<proto::ServiceFact> for ServiceFact {
    type Error = WireError;
    fn try_from(wire: proto::ServiceFact) -> Result<Self, WireError> {
        let at = |field| At("ServiceFact", field);
        Ok(Self {
            exported: wire.exported,
            selector: at("selector").labels(wire.selector)?,
            headless: wire.headless,
            ports: at("ports").items(wire.ports, ServicePort::try_from)?,
            service_accounts: at("service_accounts").names(wire.service_accounts)?,
        })
    }
}

impl From<&ServicePort> for proto::ServicePort {
    fn from(value: &ServicePort) -> Self {
        let protocol = match value.protocol {
            Protocol::Tcp => proto::Protocol::Tcp,
            Protocol::Udp => proto::Protocol::Udp,
            Protocol::Sctp => proto::Protocol::Sctp,
        };
        let target = match &value.target {
            TargetPort::Number(port) => service_port::Target::TargetNumber((*port).into()),
            TargetPort::Name { name, resolved } => {
                service_port::Target::TargetName(proto::NamedTarget {
                    name: name.clone(),
                    resolved: resolved.map(u32::from),
                })
            }
        };
        Self {
            name: value.name.to_string(),
            port: value.port.into(),
            protocol: protocol.into(),
            app_protocol: value.app_protocol.as_deref().map(sentence),
            target: Some(target),
        }
    }
}

impl TryFrom<proto::ServicePort> for ServicePort {
    type Error = WireError;
    fn try_from(wire: proto::ServicePort) -> Result<Self, WireError> {
        let at = |field| At("ServicePort", field);
        let protocol = match wire.protocol() {
            proto::Protocol::Tcp => Protocol::Tcp,
            proto::Protocol::Udp => Protocol::Udp,
            proto::Protocol::Sctp => Protocol::Sctp,
            proto::Protocol::Unspecified => return Err(at("protocol").unknown(wire.protocol)),
        };
        let target = match wire.target {
            Some(service_port::Target::TargetNumber(number)) => {
                TargetPort::Number(at("target_number").port(number)?)
            }
            Some(service_port::Target::TargetName(named)) => TargetPort::Name {
                name: At("NamedTarget", "name").sentence(named.name)?,
                resolved: named
                    .resolved
                    .map(|number| At("NamedTarget", "resolved").port(number))
                    .transpose()?,
            },
            None => return Err(at("target").unknown_kind()),
        };
        let app_protocol = wire
            .app_protocol
            .map(|text| at("app_protocol").sentence(text));
        Ok(Self {
            name: PortName(at("name").known(&wire.name)?),
            port: at("port").port(wire.port)?,
            protocol,
            app_protocol: app_protocol.transpose()?,
            target,
        })
    }
}
