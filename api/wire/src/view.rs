//! `view.proto`: what changed in a view, part by part.

use causeway_api::contingency::ContentHash;
use causeway_api::ids::{Locality, NetworkName, ServiceKey};
use causeway_api::spec::{HostKind, Mode};
use causeway_api::view::{
    CoarseCut, GatewayEndpoint, MeshSettings, NetworkView, OwnerDelta, OwnerService, ServiceView,
    Versioned, ViewDelta,
};

use crate::error::WireError;
use crate::proto;
use crate::read::{At, optional, or_empty, texts};

impl From<&ViewDelta> for proto::ViewDelta {
    fn from(value: &ViewDelta) -> Self {
        Self {
            settings: value.settings.as_ref().map(Into::into),
            services: value.services.iter().map(Into::into).collect(),
            networks: value.networks.iter().map(Into::into).collect(),
            owners: value.owners.iter().map(Into::into).collect(),
            complete: value.complete,
            coarse: value.coarse.as_ref().map(Into::into),
        }
    }
}

impl TryFrom<proto::ViewDelta> for ViewDelta {
    type Error = WireError;
    fn try_from(wire: proto::ViewDelta) -> Result<Self, WireError> {
        let at = |field| At("ViewDelta", field);
        Ok(Self {
            settings: optional(wire.settings)?,
            services: at("services").rows(wire.services)?,
            networks: at("networks").rows(wire.networks)?,
            owners: at("owners").rows(wire.owners)?,
            complete: wire.complete,
            coarse: optional(wire.coarse)?,
        })
    }
}

impl From<&Versioned<CoarseCut>> for proto::CoarseCutPart {
    fn from(part: &Versioned<CoarseCut>) -> Self {
        let cut = |value: &CoarseCut| proto::CoarseCut {
            domain: or_empty(value.domain.as_ref()),
            contingency: value
                .contingency
                .map_or_else(Vec::new, |hash| hash.0.to_vec()),
            networks: texts(&value.networks),
            stay: value.stay.iter().map(Into::into).collect(),
        };
        Self {
            generation: Some((&part.generation).into()),
            value: part.value.as_ref().map(cut),
        }
    }
}

impl TryFrom<proto::CoarseCutPart> for Versioned<CoarseCut> {
    type Error = WireError;
    fn try_from(wire: proto::CoarseCutPart) -> Result<Self, WireError> {
        Ok(Self {
            generation: At("CoarseCutPart", "generation").needed(wire.generation)?,
            value: optional(wire.value)?,
        })
    }
}

impl TryFrom<proto::CoarseCut> for CoarseCut {
    type Error = WireError;
    fn try_from(wire: proto::CoarseCut) -> Result<Self, WireError> {
        let at = |field| At("CoarseCut", field);
        let stay: Vec<ServiceKey> = at("stay").rows(wire.stay)?;
        Ok(Self {
            domain: at("domain").known(&wire.domain)?,
            // Told for people alone: one of another length is of a form that is not known here.
            contingency: wire.contingency.try_into().ok().map(ContentHash),
            networks: at("networks").name_set(wire.networks)?,
            stay: stay.into_iter().collect(),
        })
    }
}

impl From<&Versioned<MeshSettings>> for proto::SettingsPart {
    fn from(part: &Versioned<MeshSettings>) -> Self {
        let settings = |value: &MeshSettings| proto::MeshSettings {
            mode: match value.mode {
                Mode::Observe => proto::Mode::Observe,
                Mode::Federate => proto::Mode::Federate,
            }
            .into(),
            suspend: value.suspend,
            network: value.network.to_string(),
            region: or_empty(value.region.as_ref()),
            native_localities: value.native_localities.iter().map(Into::into).collect(),
        };
        Self {
            generation: Some((&part.generation).into()),
            value: part.value.as_ref().map(settings),
        }
    }
}

impl TryFrom<proto::SettingsPart> for Versioned<MeshSettings> {
    type Error = WireError;
    fn try_from(wire: proto::SettingsPart) -> Result<Self, WireError> {
        Ok(Self {
            generation: At("SettingsPart", "generation").needed(wire.generation)?,
            value: optional(wire.value)?,
        })
    }
}

impl TryFrom<proto::MeshSettings> for MeshSettings {
    type Error = WireError;
    fn try_from(wire: proto::MeshSettings) -> Result<Self, WireError> {
        let at = |field| At("MeshSettings", field);
        Ok(Self {
            mode: match wire.mode() {
                proto::Mode::Observe => Mode::Observe,
                proto::Mode::Federate => Mode::Federate,
                proto::Mode::Unspecified => return Err(at("mode").unknown(wire.mode)),
            },
            suspend: wire.suspend,
            network: at("network").name(&wire.network)?,
            region: at("region").known(&wire.region)?,
            native_localities: at("native_localities").map(wire.native_localities)?,
        })
    }
}

impl From<(&Locality, &Locality)> for proto::NativeLocality {
    fn from((ours, native): (&Locality, &Locality)) -> Self {
        Self {
            ours: Some(ours.into()),
            native: Some(native.into()),
        }
    }
}

impl TryFrom<proto::NativeLocality> for (Locality, Locality) {
    type Error = WireError;
    fn try_from(wire: proto::NativeLocality) -> Result<Self, WireError> {
        let at = |field| At("NativeLocality", field);
        Ok((
            at("ours").needed(wire.ours)?,
            at("native").needed(wire.native)?,
        ))
    }
}

impl From<&(ServiceKey, Versioned<ServiceView>)> for proto::ServicePart {
    fn from((service, part): &(ServiceKey, Versioned<ServiceView>)) -> Self {
        Self {
            service: Some(service.into()),
            generation: Some((&part.generation).into()),
            value: part.value.as_ref().map(Into::into),
        }
    }
}

impl TryFrom<proto::ServicePart> for (ServiceKey, Versioned<ServiceView>) {
    type Error = WireError;
    fn try_from(wire: proto::ServicePart) -> Result<Self, WireError> {
        let part = Versioned {
            generation: At("ServicePart", "generation").needed(wire.generation)?,
            value: optional(wire.value)?,
        };
        Ok((At("ServicePart", "service").needed(wire.service)?, part))
    }
}

impl From<&ServiceView> for proto::ServiceView {
    fn from(value: &ServiceView) -> Self {
        let host = |kind: &HostKind| match kind {
            HostKind::ClusterLocal => proto::HostKind::ClusterLocal.into(),
            HostKind::ClusterSet => proto::HostKind::ClusterSet.into(),
        };
        Self {
            sources: value.sources.iter().map(Into::into).collect(),
            hosts: value.hosts.iter().map(host).collect(),
            failover: texts(&value.failover),
            offered: texts(&value.offered),
            withdrawn: value.withdrawn.iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<proto::ServiceView> for ServiceView {
    type Error = WireError;
    fn try_from(wire: proto::ServiceView) -> Result<Self, WireError> {
        let at = |field| At("ServiceView", field);
        // To pass over a kind would leave an empty set, which means all of them.
        let host = |number| match proto::HostKind::try_from(number) {
            Ok(proto::HostKind::ClusterLocal) => Ok(HostKind::ClusterLocal),
            Ok(proto::HostKind::ClusterSet) => Ok(HostKind::ClusterSet),
            Ok(proto::HostKind::Unspecified) | Err(_) => Err(at("hosts").unknown(number)),
        };
        Ok(Self {
            sources: at("sources").items(wire.sources, TryFrom::try_from)?,
            hosts: at("hosts").items(wire.hosts, host)?.into_iter().collect(),
            failover: at("failover").names(wire.failover)?,
            offered: at("offered").name_set(wire.offered)?,
            withdrawn: at("withdrawn").map(wire.withdrawn)?,
        })
    }
}

impl From<&(NetworkName, Versioned<NetworkView>)> for proto::NetworkPart {
    fn from((network, part): &(NetworkName, Versioned<NetworkView>)) -> Self {
        let endpoint = |gateway: &GatewayEndpoint| proto::GatewayEndpoint {
            address: Some((&gateway.address).into()),
            port: gateway.port.into(),
        };
        let view = |value: &NetworkView| proto::NetworkView {
            gateways: value.gateways.iter().map(endpoint).collect(),
            locality: Some((&value.locality).into()),
        };
        Self {
            network: network.to_string(),
            generation: Some((&part.generation).into()),
            value: part.value.as_ref().map(view),
        }
    }
}

impl TryFrom<proto::NetworkPart> for (NetworkName, Versioned<NetworkView>) {
    type Error = WireError;
    fn try_from(wire: proto::NetworkPart) -> Result<Self, WireError> {
        let part = Versioned {
            generation: At("NetworkPart", "generation").needed(wire.generation)?,
            value: optional(wire.value)?,
        };
        Ok((At("NetworkPart", "network").name(&wire.network)?, part))
    }
}

impl TryFrom<proto::NetworkView> for NetworkView {
    type Error = WireError;
    fn try_from(wire: proto::NetworkView) -> Result<Self, WireError> {
        let gateway = |wire: proto::GatewayEndpoint| {
            Ok(GatewayEndpoint {
                address: At("GatewayEndpoint", "address").needed(wire.address)?,
                port: At("GatewayEndpoint", "port").port(wire.port)?,
            })
        };
        let gateways = At("NetworkView", "gateways").items(wire.gateways, gateway)?;
        Ok(Self {
            gateways: gateways.into_iter().collect(),
            locality: At("NetworkView", "locality").needed(wire.locality)?,
        })
    }
}

impl From<&OwnerDelta> for proto::OwnerDelta {
    fn from(value: &OwnerDelta) -> Self {
        let row = |(service, value): &(ServiceKey, Option<OwnerService>)| proto::OwnerServiceRow {
            service: Some(service.into()),
            value: value.as_ref().map(|value| proto::OwnerService {
                ready: value.ready,
                ports: value.ports.iter().map(Into::into).collect(),
                selector: value.selector.clone(),
                service_accounts: texts(&value.service_accounts),
            }),
        };
        Self {
            owner: value.owner.to_string(),
            base: value.base.as_ref().map(Into::into),
            version: Some((&value.version).into()),
            network: value.network.to_string(),
            services: value.services.iter().map(row).collect(),
        }
    }
}

impl TryFrom<proto::OwnerDelta> for OwnerDelta {
    type Error = WireError;
    fn try_from(wire: proto::OwnerDelta) -> Result<Self, WireError> {
        let at = |field| At("OwnerDelta", field);
        Ok(Self {
            owner: at("owner").name(&wire.owner)?,
            base: optional(wire.base)?,
            version: at("version").needed(wire.version)?,
            network: at("network").name(&wire.network)?,
            services: at("services").rows(wire.services)?,
        })
    }
}

impl TryFrom<proto::OwnerServiceRow> for (ServiceKey, Option<OwnerService>) {
    type Error = WireError;
    fn try_from(wire: proto::OwnerServiceRow) -> Result<Self, WireError> {
        Ok((
            At("OwnerServiceRow", "service").needed(wire.service)?,
            optional(wire.value)?,
        ))
    }
}

impl TryFrom<proto::OwnerService> for OwnerService {
    type Error = WireError;
    fn try_from(wire: proto::OwnerService) -> Result<Self, WireError> {
        let at = |field| At("OwnerService", field);
        Ok(Self {
            ready: wire.ready,
            ports: at("ports").items(wire.ports, TryFrom::try_from)?,
            selector: at("selector").labels(wire.selector)?,
            service_accounts: at("service_accounts").names(wire.service_accounts)?,
        })
    }
}
