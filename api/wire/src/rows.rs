//! The rows of a delta of facts: a key, and a value or the owner's word that it is gone.

use causeway_api::facts::{
    Change, EndpointCounts, EndpointKey, GatewayFact, NamespaceFact, ServiceFact,
};
use causeway_api::ids::{Name, PortName, ServiceKey};

use crate::error::WireError;
use crate::proto;
use crate::read::{At, optional};

impl From<&Change<Name, NamespaceFact>> for proto::NamespaceRow {
    fn from(row: &Change<Name, NamespaceFact>) -> Self {
        Self {
            name: row.key.to_string(),
            value: row.value.as_ref().map(|_| proto::NamespaceFact {}),
        }
    }
}

impl TryFrom<proto::NamespaceRow> for Change<Name, NamespaceFact> {
    type Error = WireError;
    fn try_from(wire: proto::NamespaceRow) -> Result<Self, WireError> {
        Ok(Self {
            key: At("NamespaceRow", "name").name(&wire.name)?,
            value: wire.value.map(|_| NamespaceFact {}),
        })
    }
}

impl From<&Change<Name, GatewayFact>> for proto::GatewayRow {
    fn from(row: &Change<Name, GatewayFact>) -> Self {
        Self {
            name: row.key.to_string(),
            value: row.value.as_ref().map(Into::into),
        }
    }
}

impl TryFrom<proto::GatewayRow> for Change<Name, GatewayFact> {
    type Error = WireError;
    fn try_from(wire: proto::GatewayRow) -> Result<Self, WireError> {
        Ok(Self {
            key: At("GatewayRow", "name").name(&wire.name)?,
            value: optional(wire.value)?,
        })
    }
}

impl From<&Change<ServiceKey, ServiceFact>> for proto::ServiceRow {
    fn from(row: &Change<ServiceKey, ServiceFact>) -> Self {
        Self {
            service: Some((&row.key).into()),
            value: row.value.as_ref().map(Into::into),
        }
    }
}

impl TryFrom<proto::ServiceRow> for Change<ServiceKey, ServiceFact> {
    type Error = WireError;
    fn try_from(wire: proto::ServiceRow) -> Result<Self, WireError> {
        Ok(Self {
            key: At("ServiceRow", "service").needed(wire.service)?,
            value: optional(wire.value)?,
        })
    }
}

impl From<&Change<EndpointKey, EndpointCounts>> for proto::EndpointRow {
    fn from(row: &Change<EndpointKey, EndpointCounts>) -> Self {
        Self {
            service: Some((&row.key.service).into()),
            port: row.key.port.to_string(),
            locality: Some((&row.key.locality).into()),
            value: row.value.as_ref().map(|counts| proto::EndpointCounts {
                ready: counts.ready,
                serving: counts.serving,
                total: counts.total,
            }),
        }
    }
}

impl TryFrom<proto::EndpointRow> for Change<EndpointKey, EndpointCounts> {
    type Error = WireError;
    fn try_from(wire: proto::EndpointRow) -> Result<Self, WireError> {
        let at = |field| At("EndpointRow", field);
        Ok(Self {
            key: EndpointKey {
                service: at("service").needed(wire.service)?,
                port: PortName(at("port").known(&wire.port)?),
                locality: at("locality").needed(wire.locality)?,
            },
            value: wire.value.map(|counts| EndpointCounts {
                ready: counts.ready,
                serving: counts.serving,
                total: counts.total,
            }),
        })
    }
}
