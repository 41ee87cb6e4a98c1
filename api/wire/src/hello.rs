//! How a session begins: `Hello` and `Welcome`.

use causeway_api::generation::Generation;
use causeway_api::ids::{NetworkName, ReplicaId, ServiceKey};
use causeway_api::session::{Hello, Holds, Roll, Welcome, negotiate};

use crate::error::WireError;
use crate::proto;
use crate::read::{At, optional, sentence};

impl From<&Hello> for proto::Hello {
    fn from(value: &Hello) -> Self {
        Self {
            member: value.member.to_string(),
            protocol: value.protocol,
            version: sentence(&value.version),
            cluster_uid: sentence(&value.cluster_uid),
            epoch: value.epoch,
            highest: Some((&value.highest).into()),
            facts: Some((&value.facts).into()),
            holds: Some((&value.holds).into()),
            sequence: value.sequence,
            clusterset: value.clusterset,
            roll: Some((&value.roll).into()),
        }
    }
}

impl TryFrom<proto::Hello> for Hello {
    type Error = WireError;
    fn try_from(wire: proto::Hello) -> Result<Self, WireError> {
        let at = |field| At("Hello", field);
        // First, since nothing else of another protocol need be readable.
        negotiate(wire.protocol)?;
        Ok(Self {
            member: at("member").name(&wire.member)?,
            protocol: wire.protocol,
            version: at("version").sentence(wire.version)?,
            cluster_uid: at("cluster_uid").sentence(wire.cluster_uid)?,
            epoch: wire.epoch,
            highest: at("highest").needed(wire.highest)?,
            facts: at("facts").needed(wire.facts)?,
            holds: at("holds").needed(wire.holds)?,
            sequence: wire.sequence,
            clusterset: wire.clusterset,
            roll: optional(wire.roll)?.unwrap_or_default(),
        })
    }
}

impl From<&Holds> for proto::Holds {
    fn from(value: &Holds) -> Self {
        let service =
            |(service, generation): (&ServiceKey, &Generation)| proto::ServiceGeneration {
                service: Some(service.into()),
                generation: Some(generation.into()),
            };
        let network =
            |(network, generation): (&NetworkName, &Generation)| proto::NetworkGeneration {
                network: network.to_string(),
                generation: Some(generation.into()),
            };
        Self {
            settings: Some((&value.settings).into()),
            services: value.services.iter().map(service).collect(),
            networks: value.networks.iter().map(network).collect(),
            owners: value.owners.iter().map(Into::into).collect(),
            coarse: Some((&value.coarse).into()),
        }
    }
}

impl TryFrom<proto::Holds> for Holds {
    type Error = WireError;
    fn try_from(wire: proto::Holds) -> Result<Self, WireError> {
        let at = |field| At("Holds", field);
        Ok(Self {
            settings: at("settings").needed(wire.settings)?,
            services: at("services").map(wire.services)?,
            networks: at("networks").map(wire.networks)?,
            owners: at("owners").map(wire.owners)?,
            coarse: optional(wire.coarse)?.unwrap_or_default(),
        })
    }
}

impl TryFrom<proto::ServiceGeneration> for (ServiceKey, Generation) {
    type Error = WireError;
    fn try_from(wire: proto::ServiceGeneration) -> Result<Self, WireError> {
        let at = |field| At("ServiceGeneration", field);
        Ok((
            at("service").needed(wire.service)?,
            at("generation").needed(wire.generation)?,
        ))
    }
}

impl TryFrom<proto::NetworkGeneration> for (NetworkName, Generation) {
    type Error = WireError;
    fn try_from(wire: proto::NetworkGeneration) -> Result<Self, WireError> {
        let at = |field| At("NetworkGeneration", field);
        Ok((
            at("network").name(&wire.network)?,
            at("generation").needed(wire.generation)?,
        ))
    }
}

impl From<&Welcome> for proto::Welcome {
    fn from(value: &Welcome) -> Self {
        Self {
            replica: value.replica.0,
            protocol: value.protocol,
            version: sentence(&value.version),
            highest: Some((&value.highest).into()),
            facts: value.facts.as_ref().map(Into::into),
            silence_ms: value.silence_ms,
            clusterset: value.clusterset,
            roll: Some((&value.roll).into()),
        }
    }
}

impl TryFrom<proto::Welcome> for Welcome {
    type Error = WireError;
    fn try_from(wire: proto::Welcome) -> Result<Self, WireError> {
        let at = |field| At("Welcome", field);
        Ok(Self {
            replica: ReplicaId(wire.replica),
            protocol: wire.protocol,
            version: at("version").sentence(wire.version)?,
            highest: at("highest").needed(wire.highest)?,
            facts: optional(wire.facts)?,
            silence_ms: wire.silence_ms,
            clusterset: wire.clusterset,
            roll: optional(wire.roll)?.unwrap_or_default(),
        })
    }
}

impl From<&Roll> for proto::Roll {
    fn from(value: &Roll) -> Self {
        let row = |(replica, address): (&ReplicaId, &String)| proto::RollRow {
            replica: replica.0,
            sessions: sentence(address),
        };
        Self {
            changed: Some((&value.changed).into()),
            replicas: value.replicas.iter().map(row).collect(),
        }
    }
}

impl TryFrom<proto::Roll> for Roll {
    type Error = WireError;
    fn try_from(wire: proto::Roll) -> Result<Self, WireError> {
        let at = |field| At("Roll", field);
        let rows = at("replicas").items(wire.replicas, |row| {
            let address = at("sessions").sentence(row.sessions)?;
            Ok((ReplicaId(row.replica), address))
        })?;
        Ok(Self {
            changed: at("changed").needed(wire.changed)?,
            replicas: rows.into_iter().collect(),
        })
    }
}
