//! `exchange.proto`: facts between replicas.

use causeway_api::exchange::{
    FromGiver, FromTaker, GivenFacts, OwnerHeld, OwnerWanted, PackedFacts, Presence,
};

use crate::error::WireError;
use crate::proto::{self, from_giver, from_taker};
use crate::read::{At, optional, sentence};

impl From<&FromGiver> for proto::FromGiver {
    fn from(value: &FromGiver) -> Self {
        use from_giver::Kind;
        let kind = match value {
            FromGiver::Offer { digest } => Kind::Offer(proto::FactsOffer { digest: *digest }),
            FromGiver::Table(rows) => Kind::Table(proto::FactsTable {
                owners: rows.iter().map(Into::into).collect(),
            }),
            FromGiver::Facts(given) => Kind::Facts(proto::GivenFacts {
                stated: (given.stated != given.delta.version).then(|| (&given.stated).into()),
                delta: Some((&given.delta).into()),
            }),
            FromGiver::Packed(packed) => Kind::Packed(proto::PackedFacts {
                stated: (packed.stated != packed.delta.version).then(|| (&packed.stated).into()),
                delta: Some((&packed.delta).into()),
                sum: crc32fast::hash(&packed.rows),
                rows: packed.rows.clone(),
            }),
            FromGiver::Presence(rows) => Kind::Presence(proto::PresenceRows {
                rows: rows.iter().map(Into::into).collect(),
            }),
            FromGiver::Alive => Kind::Alive(proto::GiverAlive {}),
            FromGiver::Diff { id, answer } => Kind::Diff(proto::DiffAnswer {
                id: *id,
                entries: answer.iter().flatten().map(Into::into).collect(),
                failure: answer.as_ref().err().map(|reason| sentence(reason)),
            }),
        };
        Self { kind: Some(kind) }
    }
}

/// `None`: a kind that was added later.
pub(crate) fn from_giver(wire: proto::FromGiver) -> Result<Option<FromGiver>, WireError> {
    use from_giver::Kind;
    Ok(Some(match wire.kind {
        Some(Kind::Offer(offer)) => FromGiver::Offer {
            digest: offer.digest,
        },
        Some(Kind::Table(table)) => {
            FromGiver::Table(At("FactsTable", "owners").rows(table.owners)?)
        }
        Some(Kind::Facts(given)) => FromGiver::Facts(Box::new(given.try_into()?)),
        Some(Kind::Packed(packed)) => FromGiver::Packed(Box::new(packed.try_into()?)),
        Some(Kind::Presence(rows)) => {
            FromGiver::Presence(At("PresenceRows", "rows").rows(rows.rows)?)
        }
        Some(Kind::Alive(proto::GiverAlive {})) => FromGiver::Alive,
        Some(Kind::Diff(diff)) => FromGiver::Diff {
            id: diff.id,
            answer: match diff.failure {
                Some(reason) => Err(At("DiffAnswer", "failure").sentence(reason)?),
                None => Ok(At("DiffAnswer", "entries").rows(diff.entries)?),
            },
        },
        None => return Ok(None),
    }))
}

impl From<&FromTaker> for proto::FromTaker {
    fn from(value: &FromTaker) -> Self {
        use from_taker::Kind;
        let kind = match value {
            FromTaker::Compare => Kind::Compare(proto::FactsCompare {}),
            FromTaker::Want(rows) => Kind::Want(proto::FactsWant {
                owners: rows.iter().map(Into::into).collect(),
            }),
            FromTaker::AskDiff { id, member } => Kind::AskDiff(proto::AskMemberDiff {
                id: *id,
                member: member.to_string(),
            }),
        };
        Self { kind: Some(kind) }
    }
}

/// `None`: a kind that was added later.
pub(crate) fn from_taker(wire: proto::FromTaker) -> Result<Option<FromTaker>, WireError> {
    use from_taker::Kind;
    Ok(Some(match wire.kind {
        Some(Kind::Compare(proto::FactsCompare {})) => FromTaker::Compare,
        Some(Kind::Want(want)) => FromTaker::Want(At("FactsWant", "owners").rows(want.owners)?),
        Some(Kind::AskDiff(ask)) => FromTaker::AskDiff {
            id: ask.id,
            member: At("AskMemberDiff", "member").name(&ask.member)?,
        },
        None => return Ok(None),
    }))
}

impl From<&OwnerHeld> for proto::OwnerHeld {
    fn from(value: &OwnerHeld) -> Self {
        Self {
            owner: value.owner.to_string(),
            version: Some((&value.version).into()),
            stated: (value.stated != value.version).then(|| (&value.stated).into()),
        }
    }
}

impl TryFrom<proto::OwnerHeld> for OwnerHeld {
    type Error = WireError;
    fn try_from(wire: proto::OwnerHeld) -> Result<Self, WireError> {
        let at = |field| At("OwnerHeld", field);
        let version = at("version").needed(wire.version)?;
        Ok(Self {
            owner: at("owner").name(&wire.owner)?,
            stated: optional(wire.stated)?.unwrap_or(version),
            version,
        })
    }
}

impl TryFrom<proto::GivenFacts> for GivenFacts {
    type Error = WireError;
    fn try_from(wire: proto::GivenFacts) -> Result<Self, WireError> {
        let delta: causeway_api::facts::FactDelta = At("GivenFacts", "delta").needed(wire.delta)?;
        Ok(Self {
            stated: optional(wire.stated)?.unwrap_or(delta.version),
            delta,
        })
    }
}

impl TryFrom<proto::PackedFacts> for PackedFacts {
    type Error = WireError;
    fn try_from(wire: proto::PackedFacts) -> Result<Self, WireError> {
        let at = |field| At("PackedFacts", field);
        let delta: causeway_api::facts::FactDelta = at("delta").needed(wire.delta)?;
        if crc32fast::hash(&wire.rows) != wire.sum {
            let owner = &delta.owner;
            return Err(at("rows").malformed(format_args!(
                "the checksum of the facts of {owner} does not fit: they were damaged on their way, and all are refused"
            )));
        }
        Ok(Self {
            stated: optional(wire.stated)?.unwrap_or(delta.version),
            delta,
            rows: wire.rows,
        })
    }
}

impl From<&OwnerWanted> for proto::OwnerWanted {
    fn from(value: &OwnerWanted) -> Self {
        Self {
            owner: value.owner.to_string(),
            held: value.held.as_ref().map(Into::into),
        }
    }
}

impl TryFrom<proto::OwnerWanted> for OwnerWanted {
    type Error = WireError;
    fn try_from(wire: proto::OwnerWanted) -> Result<Self, WireError> {
        Ok(Self {
            owner: At("OwnerWanted", "owner").name(&wire.owner)?,
            held: optional(wire.held)?,
        })
    }
}

impl From<&Presence> for proto::PresenceRow {
    fn from(value: &Presence) -> Self {
        Self {
            member: value.member.to_string(),
            epoch: value.epoch,
            sequence: value.sequence,
            open: value.open,
            for_ms: value.for_ms,
            version: sentence(&value.version),
            protocol: value.protocol,
            sent: Some((&value.sent).into()),
            applied: value.applied.as_ref().map(Into::into),
            behind_ms: value.behind_ms,
        }
    }
}

impl TryFrom<proto::PresenceRow> for Presence {
    type Error = WireError;
    fn try_from(wire: proto::PresenceRow) -> Result<Self, WireError> {
        let at = |field| At("PresenceRow", field);
        Ok(Self {
            member: at("member").name(&wire.member)?,
            epoch: wire.epoch,
            sequence: wire.sequence,
            open: wire.open,
            for_ms: wire.for_ms,
            version: at("version").sentence(wire.version)?,
            protocol: wire.protocol,
            sent: at("sent").needed(wire.sent)?,
            applied: optional(wire.applied)?,
            behind_ms: wire.behind_ms,
        })
    }
}
