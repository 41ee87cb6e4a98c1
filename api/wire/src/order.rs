//! `order.proto`: generations, versions, keys.

use causeway_api::generation::{FactVersion, Generation, WriterStamp};
use causeway_api::ids::{Locality, MemberName, ServiceKey};

use crate::error::WireError;
use crate::proto;
use crate::read::{At, or_empty};

impl From<&Generation> for proto::Generation {
    fn from(value: &Generation) -> Self {
        Self {
            incarnation: value.incarnation,
            term: value.term,
            index: value.index,
        }
    }
}

impl TryFrom<proto::Generation> for Generation {
    type Error = WireError;
    fn try_from(wire: proto::Generation) -> Result<Self, WireError> {
        Ok(Self {
            incarnation: wire.incarnation,
            term: wire.term,
            index: wire.index,
        })
    }
}

impl From<&FactVersion> for proto::FactVersion {
    fn from(value: &FactVersion) -> Self {
        Self {
            epoch: value.epoch,
            sequence: value.sequence,
        }
    }
}

impl TryFrom<proto::FactVersion> for FactVersion {
    type Error = WireError;
    fn try_from(wire: proto::FactVersion) -> Result<Self, WireError> {
        Ok(Self {
            epoch: wire.epoch,
            sequence: wire.sequence,
        })
    }
}

impl From<&WriterStamp> for proto::WriterStamp {
    fn from(value: &WriterStamp) -> Self {
        Self {
            incarnation: value.incarnation,
            epoch: value.epoch,
        }
    }
}

impl TryFrom<proto::WriterStamp> for WriterStamp {
    type Error = WireError;
    fn try_from(wire: proto::WriterStamp) -> Result<Self, WireError> {
        Ok(Self {
            incarnation: wire.incarnation,
            epoch: wire.epoch,
        })
    }
}

impl From<(&MemberName, &FactVersion)> for proto::OwnerVersion {
    fn from((owner, version): (&MemberName, &FactVersion)) -> Self {
        Self {
            owner: owner.to_string(),
            version: Some(version.into()),
        }
    }
}

impl TryFrom<proto::OwnerVersion> for (MemberName, FactVersion) {
    type Error = WireError;
    fn try_from(wire: proto::OwnerVersion) -> Result<Self, WireError> {
        Ok((
            At("OwnerVersion", "owner").name(&wire.owner)?,
            At("OwnerVersion", "version").needed(wire.version)?,
        ))
    }
}

impl From<&ServiceKey> for proto::ServiceKey {
    fn from(value: &ServiceKey) -> Self {
        Self {
            namespace: value.namespace.to_string(),
            name: value.name.to_string(),
        }
    }
}

impl TryFrom<proto::ServiceKey> for ServiceKey {
    type Error = WireError;
    fn try_from(wire: proto::ServiceKey) -> Result<Self, WireError> {
        Ok(Self {
            namespace: At("ServiceKey", "namespace").name(&wire.namespace)?,
            name: At("ServiceKey", "name").name(&wire.name)?,
        })
    }
}

impl From<&Locality> for proto::Locality {
    fn from(value: &Locality) -> Self {
        Self {
            region: or_empty(value.region.as_ref()),
            zone: or_empty(value.zone.as_ref()),
        }
    }
}

impl TryFrom<proto::Locality> for Locality {
    type Error = WireError;
    fn try_from(wire: proto::Locality) -> Result<Self, WireError> {
        Ok(Self {
            region: At("Locality", "region").known(&wire.region)?,
            zone: At("Locality", "zone").known(&wire.zone)?,
        })
    }
}
