//! Votes, applied views and diffs: what an agent reports.

use causeway_api::session::{DiffAction, DiffEntry};
use causeway_api::verdict::{Ballot, Vote};
use causeway_api::view::{Applied, MeshCondition};

use crate::error::WireError;
use crate::limits::OBJECT_BYTES;
use crate::proto;
use crate::read::{At, cut, optional, sentence};

impl From<&Vote> for proto::Vote {
    fn from(value: &Vote) -> Self {
        let ballot = match value.ballot {
            Ballot::Reachable => proto::Ballot::Reachable,
            Ballot::Unreachable => proto::Ballot::Unreachable,
            Ballot::Abstain => proto::Ballot::Abstain,
        };
        Self {
            observer: value.observer.to_string(),
            domain: value.domain.to_string(),
            subject: value.subject.to_string(),
            ballot: ballot.into(),
            evidence: sentence(&value.evidence),
        }
    }
}

impl TryFrom<proto::Vote> for Vote {
    type Error = WireError;
    fn try_from(wire: proto::Vote) -> Result<Self, WireError> {
        let at = |field| At("Vote", field);
        Ok(Self {
            observer: at("observer").name(&wire.observer)?,
            domain: at("domain").name(&wire.domain)?,
            subject: at("subject").name(&wire.subject)?,
            // What a later version can hold of a subject is neither for nor against it to this one.
            ballot: match wire.ballot() {
                proto::Ballot::Reachable => Ballot::Reachable,
                proto::Ballot::Unreachable => Ballot::Unreachable,
                proto::Ballot::Abstain | proto::Ballot::Unspecified => Ballot::Abstain,
            },
            evidence: at("evidence").sentence(wire.evidence)?,
        })
    }
}

impl From<&Applied> for proto::Applied {
    fn from(value: &Applied) -> Self {
        let condition = |condition: &MeshCondition| proto::MeshCondition {
            reason: sentence(&condition.reason),
            object: sentence(&condition.object),
            service: condition.service.as_ref().map(Into::into),
            message: sentence(&condition.message),
        };
        Self {
            generation: Some((&value.generation).into()),
            owners: value.owners.iter().map(Into::into).collect(),
            objects: value.objects,
            would_change: value.would_change,
            conditions: value.conditions.iter().map(condition).collect(),
        }
    }
}

impl TryFrom<proto::Applied> for Applied {
    type Error = WireError;
    fn try_from(wire: proto::Applied) -> Result<Self, WireError> {
        let at = |field| At("Applied", field);
        Ok(Self {
            generation: at("generation").needed(wire.generation)?,
            owners: at("owners").map(wire.owners)?,
            objects: wire.objects,
            would_change: wire.would_change,
            conditions: at("conditions").rows(wire.conditions)?,
        })
    }
}

impl TryFrom<proto::MeshCondition> for MeshCondition {
    type Error = WireError;
    fn try_from(wire: proto::MeshCondition) -> Result<Self, WireError> {
        let at = |field| At("MeshCondition", field);
        Ok(Self {
            reason: at("reason").sentence(wire.reason)?,
            object: at("object").sentence(wire.object)?,
            service: optional(wire.service)?,
            message: at("message").sentence(wire.message)?,
        })
    }
}

impl From<&DiffEntry> for proto::DiffEntry {
    fn from(value: &DiffEntry) -> Self {
        let action = match value.action {
            DiffAction::Create => proto::DiffAction::Create,
            DiffAction::Update => proto::DiffAction::Update,
            DiffAction::Delete => proto::DiffAction::Delete,
        };
        Self {
            action: action.into(),
            object: sentence(&value.object),
            live: cut(&value.live, OBJECT_BYTES),
            desired: cut(&value.desired, OBJECT_BYTES),
            held_back: value.held_back.as_deref().map(sentence),
        }
    }
}

impl TryFrom<proto::DiffEntry> for DiffEntry {
    type Error = WireError;
    fn try_from(wire: proto::DiffEntry) -> Result<Self, WireError> {
        let at = |field| At("DiffEntry", field);
        let action = match wire.action() {
            proto::DiffAction::Create => DiffAction::Create,
            proto::DiffAction::Update => DiffAction::Update,
            proto::DiffAction::Delete => DiffAction::Delete,
            proto::DiffAction::Unspecified => return Err(at("action").unknown(wire.action)),
        };
        let held_back = wire.held_back.map(|text| at("held_back").sentence(text));
        Ok(Self {
            action,
            object: at("object").sentence(wire.object)?,
            live: at("live").text(wire.live, OBJECT_BYTES)?,
            desired: at("desired").text(wire.desired, OBJECT_BYTES)?,
            held_back: held_back.transpose()?,
        })
    }
}
