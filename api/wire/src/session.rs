//! `session.proto`: the envelopes, one for each direction.

use causeway_api::session::{FromAgent, FromReplica};

use crate::error::WireError;
use crate::proto::{self, agent_message, replica_message};
use crate::read::{At, sentence};

/// A message as it came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming<T> {
    /// A message.
    Message(T),
    /// A message of a kind that was added later: to be passed over.
    Unknown,
}

impl From<&FromAgent> for proto::AgentMessage {
    fn from(value: &FromAgent) -> Self {
        use agent_message::Kind;
        let kind = match value {
            FromAgent::Hello(hello) => Kind::Hello(hello.into()),
            FromAgent::Facts(delta) => Kind::Facts(delta.as_ref().into()),
            FromAgent::Applied(applied) => Kind::Applied(applied.as_ref().into()),
            FromAgent::Votes(votes) => Kind::Votes(proto::Votes {
                votes: votes.iter().map(Into::into).collect(),
            }),
            FromAgent::Diff { id, entries } => Kind::Diff(proto::Diff {
                id: *id,
                entries: entries.iter().map(Into::into).collect(),
            }),
            FromAgent::Heartbeat => Kind::Heartbeat(proto::Heartbeat {}),
        };
        Self { kind: Some(kind) }
    }
}

impl TryFrom<proto::AgentMessage> for Incoming<FromAgent> {
    type Error = WireError;
    fn try_from(wire: proto::AgentMessage) -> Result<Self, WireError> {
        use agent_message::Kind;
        Ok(Self::Message(match wire.kind {
            Some(Kind::Hello(hello)) => FromAgent::Hello(hello.try_into()?),
            Some(Kind::Facts(delta)) => FromAgent::Facts(Box::new(delta.try_into()?)),
            Some(Kind::Applied(applied)) => FromAgent::Applied(Box::new(applied.try_into()?)),
            Some(Kind::Votes(votes)) => FromAgent::Votes(At("Votes", "votes").rows(votes.votes)?),
            Some(Kind::Diff(diff)) => FromAgent::Diff {
                id: diff.id,
                entries: At("Diff", "entries").rows(diff.entries)?,
            },
            Some(Kind::Heartbeat(proto::Heartbeat {})) => FromAgent::Heartbeat,
            None => return Ok(Self::Unknown),
        }))
    }
}

impl From<&FromReplica> for proto::ReplicaMessage {
    fn from(value: &FromReplica) -> Self {
        use replica_message::Kind;
        let kind = match value {
            FromReplica::Welcome(welcome) => Kind::Welcome(welcome.into()),
            FromReplica::Refused { reason, retry } => Kind::Refused(proto::Refused {
                reason: sentence(reason),
                retry: *retry,
            }),
            FromReplica::Busy { retry_after_ms } => Kind::Busy(proto::Busy {
                retry_after_ms: *retry_after_ms,
            }),
            FromReplica::FactsHeld(version) => Kind::FactsHeld(version.into()),
            FromReplica::FactsWanted => Kind::FactsWanted(proto::FactsWanted {}),
            FromReplica::View(delta) => Kind::View(delta.as_ref().into()),
            FromReplica::AskDiff { id } => Kind::AskDiff(proto::AskDiff { id: *id }),
            FromReplica::Observe(gateways) => Kind::Observe(proto::Observe {
                gateways: gateways.iter().map(Into::into).collect(),
            }),
            FromReplica::Roll(roll) => Kind::Roll(roll.into()),
            FromReplica::Heartbeat => Kind::Heartbeat(proto::Heartbeat {}),
        };
        Self { kind: Some(kind) }
    }
}

impl TryFrom<proto::ReplicaMessage> for Incoming<FromReplica> {
    type Error = WireError;
    fn try_from(wire: proto::ReplicaMessage) -> Result<Self, WireError> {
        use replica_message::Kind;
        Ok(Self::Message(match wire.kind {
            Some(Kind::Welcome(welcome)) => FromReplica::Welcome(welcome.try_into()?),
            Some(Kind::Refused(refused)) => FromReplica::Refused {
                reason: At("Refused", "reason").sentence(refused.reason)?,
                retry: refused.retry,
            },
            Some(Kind::Busy(busy)) => FromReplica::Busy {
                retry_after_ms: busy.retry_after_ms,
            },
            Some(Kind::FactsHeld(version)) => FromReplica::FactsHeld(version.try_into()?),
            Some(Kind::FactsWanted(proto::FactsWanted {})) => FromReplica::FactsWanted,
            Some(Kind::View(delta)) => FromReplica::View(Box::new(delta.try_into()?)),
            Some(Kind::AskDiff(ask)) => FromReplica::AskDiff { id: ask.id },
            Some(Kind::Observe(observe)) => {
                FromReplica::Observe(At("Observe", "gateways").rows(observe.gateways)?)
            }
            Some(Kind::Roll(roll)) => FromReplica::Roll(roll.try_into()?),
            Some(Kind::Heartbeat(proto::Heartbeat {})) => FromReplica::Heartbeat,
            None => return Ok(Self::Unknown),
        }))
    }
}
