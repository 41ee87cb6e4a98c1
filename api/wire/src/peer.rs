//! `peer.proto`: what replicas say to each other.

use causeway_api::ids::ReplicaId;
use causeway_api::peer::{
    Call, Fenced, FromPeer, Lane, PEER_PROTOCOL, PEER_PROTOCOL_OLDEST, PeerAddresses, PeerCallKind,
    PeerHello, PeerOther, Ping, Pong, Range, ToPeer,
};

use crate::Incoming;
use crate::error::WireError;
use crate::exchange;
use crate::proto::{self, from_peer, peer_answer, to_peer};
use crate::read::{At, optional, sentence};

impl From<&ToPeer> for proto::ToPeer {
    fn from(value: &ToPeer) -> Self {
        use to_peer::Kind;
        let kind = match value {
            ToPeer::Hello(hello) => Kind::Hello(hello.into()),
            ToPeer::Ping(ping) => Kind::Ping(proto::PeerPing {
                number: ping.number,
                highest: Some((&ping.highest).into()),
                majority_us: ping.majority_us,
                disk_us: ping.disk_us,
            }),
            ToPeer::Call(call) => Kind::Call(proto::PeerCall {
                id: call.id,
                kind: proto::PeerCallKind::from(call.kind).into(),
                body: call.body.clone(),
            }),
            ToPeer::Fenced(fenced) => Kind::Fenced(fenced.into()),
            ToPeer::Facts(message) => Kind::Facts(message.into()),
        };
        Self { kind: Some(kind) }
    }
}

impl TryFrom<proto::ToPeer> for Incoming<ToPeer> {
    type Error = WireError;
    fn try_from(wire: proto::ToPeer) -> Result<Self, WireError> {
        use to_peer::Kind;
        Ok(Self::Message(match wire.kind {
            Some(Kind::Hello(hello)) => ToPeer::Hello(hello.try_into()?),
            Some(Kind::Ping(ping)) => ToPeer::Ping(Ping {
                number: ping.number,
                highest: At("PeerPing", "highest").needed(ping.highest)?,
                majority_us: ping.majority_us,
                disk_us: ping.disk_us,
            }),
            Some(Kind::Call(call)) => ToPeer::Call(Call {
                id: call.id,
                kind: call_kind(call.kind)?,
                body: call.body,
            }),
            Some(Kind::Fenced(fenced)) => ToPeer::Fenced(fenced.try_into()?),
            Some(Kind::Facts(message)) => match exchange::from_giver(message)? {
                Some(message) => ToPeer::Facts(message),
                None => return Ok(Self::Unknown),
            },
            None => return Ok(Self::Unknown),
        }))
    }
}

impl From<&FromPeer> for proto::FromPeer {
    fn from(value: &FromPeer) -> Self {
        use from_peer::Kind;
        let kind = match value {
            FromPeer::Hello(hello) => Kind::Hello(hello.into()),
            FromPeer::Refused { reason, retry } => Kind::Refused(proto::PeerRefused {
                reason: sentence(reason),
                retry: *retry,
            }),
            FromPeer::Pong(pong) => Kind::Pong(proto::PeerPong {
                number: pong.number,
                highest: Some((&pong.highest).into()),
                wall_ms: pong.wall_ms,
            }),
            FromPeer::Answer { id, answer } => Kind::Answer(proto::PeerAnswer {
                id: *id,
                answer: Some(match answer {
                    Ok(body) => peer_answer::Answer::Body(body.clone()),
                    Err(reason) => peer_answer::Answer::Failure(sentence(reason)),
                }),
            }),
            FromPeer::Fenced(fenced) => Kind::Fenced(fenced.into()),
            FromPeer::Facts(message) => Kind::Facts(message.into()),
        };
        Self { kind: Some(kind) }
    }
}

impl TryFrom<proto::FromPeer> for Incoming<FromPeer> {
    type Error = WireError;
    fn try_from(wire: proto::FromPeer) -> Result<Self, WireError> {
        use from_peer::Kind;
        Ok(Self::Message(match wire.kind {
            Some(Kind::Hello(hello)) => FromPeer::Hello(hello.try_into()?),
            Some(Kind::Refused(refused)) => FromPeer::Refused {
                reason: At("PeerRefused", "reason").sentence(refused.reason)?,
                retry: refused.retry,
            },
            Some(Kind::Pong(pong)) => FromPeer::Pong(Pong {
                number: pong.number,
                highest: At("PeerPong", "highest").needed(pong.highest)?,
                wall_ms: pong.wall_ms,
            }),
            Some(Kind::Answer(answer)) => FromPeer::Answer {
                id: answer.id,
                answer: match answer.answer {
                    Some(peer_answer::Answer::Body(body)) => Ok(body),
                    Some(peer_answer::Answer::Failure(reason)) => {
                        Err(At("PeerAnswer", "failure").sentence(reason)?)
                    }
                    None => return Err(At("PeerAnswer", "answer").unknown_kind()),
                },
            },
            Some(Kind::Fenced(fenced)) => FromPeer::Fenced(fenced.try_into()?),
            Some(Kind::Facts(message)) => match exchange::from_taker(message)? {
                Some(message) => FromPeer::Facts(message),
                None => return Ok(Self::Unknown),
            },
            None => return Ok(Self::Unknown),
        }))
    }
}

impl From<&Fenced> for proto::PeerFenced {
    fn from(value: &Fenced) -> Self {
        Self {
            incarnation: value.incarnation,
            by: value.by.0,
            removed: value.removed.as_ref().map(Into::into),
        }
    }
}

impl TryFrom<proto::PeerFenced> for Fenced {
    type Error = WireError;
    fn try_from(wire: proto::PeerFenced) -> Result<Self, WireError> {
        Ok(Self {
            incarnation: wire.incarnation,
            by: ReplicaId(wire.by),
            removed: optional(wire.removed)?,
        })
    }
}

impl From<&PeerHello> for proto::PeerHello {
    fn from(value: &PeerHello) -> Self {
        Self {
            replica: value.replica.0,
            to: value.to.map_or(0, |id| id.0),
            lane: proto::PeerLane::from(value.lane).into(),
            protocol_oldest: value.protocols.oldest,
            protocol_newest: value.protocols.newest,
            feature_oldest: value.features.oldest,
            feature_newest: value.features.newest,
            version: sentence(&value.version),
            boot: value.boot,
            folder: value.folder,
            clusterset: value.clusterset,
            highest: Some((&value.highest).into()),
            domain: sentence(&value.domain),
            peer_address: sentence(&value.addresses.peers),
            session_address: sentence(&value.addresses.sessions),
            admin_address: sentence(&value.addresses.admin),
            others: value.others.iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<proto::PeerHello> for PeerHello {
    type Error = WireError;
    fn try_from(wire: proto::PeerHello) -> Result<Self, WireError> {
        let at = |field| At("PeerHello", field);
        let protocols = Range {
            oldest: wire.protocol_oldest,
            newest: wire.protocol_newest,
        };
        let ours = Range {
            oldest: PEER_PROTOCOL_OLDEST,
            newest: PEER_PROTOCOL,
        };
        // First, since nothing else of another protocol need be readable.
        if protocols.common(ours).is_none() {
            return Err(at("protocol_newest").malformed(format_args!(
                "replica r{} speaks protocol {protocols} between replicas, and this one {ours}: upgrade the one with the \
                 lower number",
                wire.replica
            )));
        }
        if wire.replica == 0 {
            return Err(at("replica").malformed("0 is no replica"));
        }
        Ok(Self {
            replica: ReplicaId(wire.replica),
            to: (wire.to != 0).then_some(ReplicaId(wire.to)),
            lane: lane(wire.lane)?,
            protocols,
            features: Range {
                oldest: wire.feature_oldest,
                newest: wire.feature_newest,
            },
            version: at("version").sentence(wire.version)?,
            boot: wire.boot,
            folder: wire.folder,
            clusterset: wire.clusterset,
            highest: at("highest").needed(wire.highest)?,
            domain: at("domain").sentence(wire.domain)?,
            addresses: PeerAddresses {
                peers: at("peer_address").sentence(wire.peer_address)?,
                sessions: at("session_address").sentence(wire.session_address)?,
                admin: at("admin_address").sentence(wire.admin_address)?,
            },
            others: (wire.others.into_iter().map(TryInto::try_into)).collect::<Result<_, _>>()?,
        })
    }
}

impl From<&PeerOther> for proto::PeerOther {
    fn from(value: &PeerOther) -> Self {
        Self {
            replica: value.replica.0,
            address: sentence(&value.address),
        }
    }
}

impl TryFrom<proto::PeerOther> for PeerOther {
    type Error = WireError;
    fn try_from(wire: proto::PeerOther) -> Result<Self, WireError> {
        if wire.replica == 0 {
            return Err(At("PeerOther", "replica").malformed("0 is no replica"));
        }
        Ok(Self {
            replica: ReplicaId(wire.replica),
            address: At("PeerOther", "address").sentence(wire.address)?,
        })
    }
}

impl From<Lane> for proto::PeerLane {
    fn from(value: Lane) -> Self {
        match value {
            Lane::Raft => Self::Raft,
            Lane::Facts => Self::Facts,
            Lane::Bulk => Self::Bulk,
        }
    }
}

fn lane(wire: i32) -> Result<Lane, WireError> {
    use proto::PeerLane as Wire;
    match Wire::try_from(wire) {
        Ok(Wire::Raft) => Ok(Lane::Raft),
        Ok(Wire::Facts) => Ok(Lane::Facts),
        Ok(Wire::Bulk) => Ok(Lane::Bulk),
        Ok(Wire::Unspecified) | Err(_) => Err(At("PeerHello", "lane").unknown(wire)),
    }
}

impl From<PeerCallKind> for proto::PeerCallKind {
    fn from(value: PeerCallKind) -> Self {
        match value {
            PeerCallKind::Append => Self::Append,
            PeerCallKind::Vote => Self::Vote,
            PeerCallKind::PreVote => Self::PreVote,
            PeerCallKind::Snapshot => Self::Snapshot,
            PeerCallKind::TransferLeader => Self::TransferLeader,
            PeerCallKind::Propose => Self::Propose,
            PeerCallKind::Change => Self::Change,
            PeerCallKind::Read => Self::Read,
        }
    }
}

fn call_kind(wire: i32) -> Result<PeerCallKind, WireError> {
    use proto::PeerCallKind as Wire;
    match Wire::try_from(wire) {
        Ok(Wire::Append) => Ok(PeerCallKind::Append),
        Ok(Wire::Vote) => Ok(PeerCallKind::Vote),
        Ok(Wire::PreVote) => Ok(PeerCallKind::PreVote),
        Ok(Wire::Snapshot) => Ok(PeerCallKind::Snapshot),
        Ok(Wire::TransferLeader) => Ok(PeerCallKind::TransferLeader),
        Ok(Wire::Propose) => Ok(PeerCallKind::Propose),
        Ok(Wire::Change) => Ok(PeerCallKind::Change),
        Ok(Wire::Read) => Ok(PeerCallKind::Read),
        Ok(Wire::Unspecified) | Err(_) => Err(At("PeerCall", "kind").unknown(wire)),
    }
}
