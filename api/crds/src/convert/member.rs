//! MemberCluster → [`MemberSpec`].

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use causeway_api::facts::GatewayAddress;
use causeway_api::ids::{Locality, MemberName, Name};
use causeway_api::plan::Rate;
use causeway_api::probe;
use causeway_api::rules::MemberClass;
use causeway_api::spec::{self, DeclaredGateway, MemberSpec};

use super::{ConvertError, Object};
use crate::member_cluster::{
    Address, AddressType, Class, Gateway, GatewayProbe, LocalityMapping, MemberCluster, MeshType,
    Mode, Place, Probes,
};

/// Bounds of `absence.tolerateFor`, in milliseconds.
const TOLERATE_MS: std::ops::RangeInclusive<u64> = 1_000..=2_592_000_000;

impl TryFrom<&MemberCluster> for MemberSpec {
    type Error = ConvertError;

    fn try_from(cluster: &MemberCluster) -> Result<Self, ConvertError> {
        let name = cluster.metadata.name.as_deref().unwrap_or_default();
        let object = Object(format!("MemberCluster {name}"));
        let mut member = Self::minimal(object.parse::<MemberName>("metadata.name", name)?);
        let declared = &cluster.spec;

        member.mode = match declared.mode {
            Mode::Observe => spec::Mode::Observe,
            Mode::Federate => spec::Mode::Federate,
        };
        member.suspend = declared.suspend;
        member.class = match declared.class {
            Class::Standard => MemberClass::Standard,
            Class::Serverless => MemberClass::Serverless,
            Class::Edge => MemberClass::Edge,
            Class::External => MemberClass::External,
        };
        member.absence.tolerate_ms = declared
            .absence
            .as_ref()
            .and_then(|absence| absence.tolerate_for.as_deref())
            .map(|text| object.duration_ms("spec.absence.tolerateFor", text, TOLERATE_MS))
            .transpose()?;
        member.gateway_probe = declared
            .probes
            .as_ref()
            .map(|probes| probe(&object, probes))
            .transpose()?
            .unwrap_or_default();
        member.mesh = match declared.mesh.as_ref().map(|mesh| mesh.type_) {
            None | Some(MeshType::Auto) => spec::MeshType::Auto,
            Some(MeshType::Istio) => spec::MeshType::Istio,
            Some(MeshType::None) => spec::MeshType::None,
        };
        if let Some(topology) = &declared.topology {
            member.region = topology
                .region
                .as_deref()
                .map(|region| object.parse("spec.topology.region", region))
                .transpose()?;
            member.failure_domains = topology
                .failure_domains
                .iter()
                .enumerate()
                .map(|(at, domain)| {
                    object.parse(format!("spec.topology.failureDomains[{at}]"), domain)
                })
                .collect::<Result<BTreeSet<_>, _>>()?;
            member.locality_mappings = mappings(&object, &topology.locality_mappings)?;
        }
        if let Some(network) = &declared.network {
            member.network = network
                .name
                .as_deref()
                .map(|name| object.parse("spec.network.name", name))
                .transpose()?;
            member.gateways = gateways(&object, &network.gateways)?;
        }
        member.max_utilization_percent = object.percent(
            "spec.capacity.maxUtilizationPercent",
            declared
                .capacity
                .as_ref()
                .and_then(|capacity| capacity.max_utilization_percent),
        )?;
        Ok(member)
    }
}

fn probe(object: &Object, probes: &Probes) -> Result<probe::GatewayProbe, ConvertError> {
    Ok(match probes.gateway {
        GatewayProbe::Tcp => probe::GatewayProbe::Tcp,
        GatewayProbe::Tls => probe::GatewayProbe::Tls {
            names: probes.server_names.clone(),
        },
        GatewayProbe::Http => {
            let page = probes.http.clone().unwrap_or_default();
            let port = object.bounded("spec.probes.http.port", page.port, 1..=u16::MAX)?;
            probe::GatewayProbe::Http {
                port,
                path: page.path,
            }
        }
    })
}

fn mappings(
    object: &Object,
    declared: &[LocalityMapping],
) -> Result<BTreeMap<Locality, Locality>, ConvertError> {
    let mut mappings = BTreeMap::new();
    for (at, mapping) in declared.iter().enumerate() {
        let field = format!("spec.topology.localityMappings[{at}]");
        let from = place(object, &format!("{field}.from"), &mapping.from)?;
        let to = place(object, &format!("{field}.to"), &mapping.to)?;
        if mappings.insert(from.clone(), to).is_some() {
            return Err(object.error(
                format!("{field}.from"),
                from,
                "another entry has it too, so keep one of them",
            ));
        }
    }
    Ok(mappings)
}

fn place(object: &Object, field: &str, place: &Place) -> Result<Locality, ConvertError> {
    if place.region.is_none() && place.zone.is_none() {
        return Err(object.error(field, "empty", "give region, zone or both"));
    }
    let region = place.region.as_deref();
    let zone = place.zone.as_deref();
    Ok(Locality {
        region: region
            .map(|region| object.parse(format!("{field}.region"), region))
            .transpose()?,
        zone: zone
            .map(|zone| object.parse(format!("{field}.zone"), zone))
            .transpose()?,
    })
}

fn gateways(
    object: &Object,
    declared: &[Gateway],
) -> Result<BTreeMap<Name, DeclaredGateway>, ConvertError> {
    let mut gateways = BTreeMap::new();
    for (at, gateway) in declared.iter().enumerate() {
        let field = format!("spec.network.gateways[{at}]");
        let name: Name = object.parse(format!("{field}.name"), &gateway.name)?;
        if gateway.addresses.is_empty() {
            let remedy = "give the addresses where other networks reach it";
            return Err(object.error(format!("{field}.addresses"), "empty", remedy));
        }
        let addresses = gateway
            .addresses
            .iter()
            .enumerate()
            .map(|(at, value)| address(object, &format!("{field}.addresses[{at}].value"), value))
            .collect::<Result<Vec<_>, _>>()?;
        let port = object.bounded(format!("{field}.port"), gateway.port, 1..=u16::MAX)?;
        let declared = DeclaredGateway {
            addresses,
            port,
            max_rate: gateway
                .max_requests_per_second
                .map(|rate| {
                    let field = format!("{field}.maxRequestsPerSecond");
                    object.bounded(field, rate, 1..=1_000_000_000)
                })
                .transpose()?
                .map(Rate::from_rps),
        };
        if gateways.insert(name, declared).is_some() {
            let remedy = "another gateway has that name, so rename one of them";
            return Err(object.error(format!("{field}.name"), &gateway.name, remedy));
        }
    }
    Ok(gateways)
}

fn address(
    object: &Object,
    field: &str,
    address: &Address,
) -> Result<GatewayAddress, ConvertError> {
    match address.type_ {
        AddressType::IPAddress => {
            let ip: IpAddr = address.value.parse().map_err(|_| {
                let remedy = "give IPv4 or IPv6, or type Hostname";
                object.error(field, format!("{:?}", address.value), remedy)
            })?;
            if ip.is_unspecified() || ip.is_multicast() {
                return Err(object.error(field, ip, "give an address that others can reach"));
            }
            Ok(GatewayAddress::Ip(ip))
        }
        AddressType::Hostname => {
            let name: Name = object.parse(field, &address.value)?;
            if name.as_str().parse::<IpAddr>().is_ok() {
                return Err(object.error(field, name, "give a DNS name, or type IPAddress"));
            }
            Ok(GatewayAddress::Host(name.to_string()))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use serde_json::json;

    use super::*;

    fn convert(name: &str, spec: &serde_json::Value) -> Result<MemberSpec, ConvertError> {
        let cluster: MemberCluster = serde_json::from_value(json!({
            "apiVersion": "causeway.dev/v1alpha1",
            "kind": "MemberCluster",
            "metadata": { "name": name },
            "spec": spec,
        }))
        .unwrap();
        MemberSpec::try_from(&cluster)
    }

    #[test]
    fn an_empty_spec_is_the_minimal_member() {
        let member = convert("ack", &json!({})).unwrap();
        assert_eq!(member, MemberSpec::minimal(MemberName::new("ack").unwrap()));
    }

    #[test]
    fn everything_that_is_declared_arrives() {
        let member = convert(
            "ack",
            &json!({
                "mode": "Federate",
                "suspend": true,
                "mesh": { "type": "Istio" },
                "topology": {
                    "region": "r1",
                    "failureDomains": ["power-b"],
                    "localityMappings": [{ "from": { "region": "cn-r1", "zone": "cn-z1" }, "to": { "region": "r1" } }],
                },
                "network": {
                    "name": "n1",
                    "gateways": [{
                        "name": "eastwest",
                        "addresses": [
                            { "type": "IPAddress", "value": "2001:db8::7" },
                            { "type": "Hostname", "value": "gw.example.com" },
                        ],
                        "maxRequestsPerSecond": 2000,
                    }],
                },
                "capacity": { "maxUtilizationPercent": 75 },
                "class": "Edge",
                "absence": { "tolerateFor": "12h" },
                "probes": { "gateway": "HTTP", "http": { "port": 8080 } },
            }),
        )
        .unwrap();
        assert_eq!(member.mode, spec::Mode::Federate);
        assert!(member.suspend);
        assert_eq!(member.mesh, spec::MeshType::Istio);
        assert_eq!(member.region.unwrap().as_str(), "r1");
        assert_eq!(member.failure_domains.len(), 1);
        let from: Locality = "cn-r1/cn-z1".parse().unwrap();
        assert_eq!(member.locality_mappings[&from].to_string(), "r1/-");
        assert_eq!(member.network.unwrap().as_str(), "n1");
        let gateway = &member.gateways["eastwest"];
        assert_eq!(gateway.port, 15443);
        assert_eq!(gateway.addresses.len(), 2);
        assert_eq!(gateway.max_rate, Some(Rate::from_rps(2_000)));
        assert_eq!(member.class, MemberClass::Edge);
        assert_eq!(member.absence.tolerate_ms, Some(43_200_000));
        let page = probe::GatewayProbe::Http {
            port: 8_080,
            path: "/healthz/ready".to_owned(),
        };
        assert_eq!(member.gateway_probe, page);
        assert_eq!(member.max_utilization_percent, Some(75));
    }

    #[test]
    fn errors_name_object_field_finding_and_remedy() {
        let gateway = |address: serde_json::Value| json!({ "network": { "gateways": [{ "name": "e", "port": 443, "addresses": [address] }] } });
        for (name, spec, part) in [
            (
                "Ack",
                json!({}),
                "MemberCluster Ack: metadata.name is \"Ack\"",
            ),
            (
                "a",
                gateway(json!({ "type": "IPAddress", "value": "300.1.1.1" })),
                "MemberCluster a: spec.network.gateways[0].addresses[0].value is \"300.1.1.1\": give IPv4",
            ),
            (
                "a",
                gateway(json!({ "type": "IPAddress", "value": "0.0.0.0" })),
                "gateways[0].addresses[0].value is 0.0.0.0",
            ),
            (
                "a",
                gateway(json!({ "type": "Hostname", "value": "10.1.1.1" })),
                "or type IPAddress",
            ),
            (
                "a",
                json!({ "capacity": { "maxUtilizationPercent": 101 } }),
                "spec.capacity.maxUtilizationPercent is 101: give 1 to 100",
            ),
            (
                "a",
                json!({ "absence": { "tolerateFor": "1000h" } }),
                "spec.absence.tolerateFor is \"1000h\": give 1s to 2592000s",
            ),
            (
                "a",
                json!({ "probes": { "gateway": "HTTP", "http": { "port": 0 } } }),
                "spec.probes.http.port is 0",
            ),
            (
                "a",
                json!({ "topology": { "localityMappings": [{ "from": {}, "to": { "zone": "z" } }] } }),
                "spec.topology.localityMappings[0].from is empty",
            ),
        ] {
            let text = convert(name, &spec).unwrap_err().to_string();
            assert!(text.contains(part), "{text}");
        }
    }
}
