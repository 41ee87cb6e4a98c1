//! The plan's part of `view.proto`: sources, shares, and why a network is out.

use causeway_api::ids::NetworkName;
use causeway_api::plan::{Destination, PlanKind, Rate, Share, Source, SourcePlan, Withdrawal};

use crate::error::WireError;
use crate::proto::{self, share};
use crate::read::{At, or_empty, texts};

impl From<&SourcePlan> for proto::SourcePlan {
    fn from(value: &SourcePlan) -> Self {
        let kind = match value.kind {
            PlanKind::Nearest => proto::PlanKind::Nearest,
            PlanKind::Spill => proto::PlanKind::Spill,
        };
        Self {
            member: value.source.member.to_string(),
            zone: or_empty(value.source.zone.as_ref()),
            kind: kind.into(),
            shares: value.shares.iter().map(Into::into).collect(),
            standby: texts(&value.standby),
            unserved_millirps: value.unserved.0,
            shed_millirps: value.shed.0,
        }
    }
}

impl TryFrom<proto::SourcePlan> for SourcePlan {
    type Error = WireError;
    fn try_from(wire: proto::SourcePlan) -> Result<Self, WireError> {
        let at = |field| At("SourcePlan", field);
        let kind = match wire.kind() {
            proto::PlanKind::Nearest => PlanKind::Nearest,
            proto::PlanKind::Spill => PlanKind::Spill,
            proto::PlanKind::Unspecified => return Err(at("kind").unknown(wire.kind)),
        };
        Ok(Self {
            source: Source {
                member: at("member").name(&wire.member)?,
                zone: at("zone").known(&wire.zone)?,
            },
            kind,
            shares: at("shares").items(wire.shares, Share::try_from)?,
            standby: at("standby").names(wire.standby)?,
            unserved: Rate(wire.unserved_millirps),
            shed: Rate(wire.shed_millirps),
        })
    }
}

impl From<&Share> for proto::Share {
    fn from(value: &Share) -> Self {
        let destination = match &value.destination {
            Destination::Zone { member, zone } => {
                share::Destination::Zone(proto::ZoneDestination {
                    member: member.to_string(),
                    zone: or_empty(zone.as_ref()),
                })
            }
            Destination::Network(network) => share::Destination::Network(network.to_string()),
        };
        Self {
            destination: Some(destination),
            tier: value.tier.into(),
            parts: value.parts,
            millirps: value.rate.0,
        }
    }
}

impl TryFrom<proto::Share> for Share {
    type Error = WireError;
    fn try_from(wire: proto::Share) -> Result<Self, WireError> {
        let at = |field| At("Share", field);
        let destination = match wire.destination {
            Some(share::Destination::Zone(zone)) => Destination::Zone {
                member: At("ZoneDestination", "member").name(&zone.member)?,
                zone: At("ZoneDestination", "zone").known(&zone.zone)?,
            },
            Some(share::Destination::Network(network)) => {
                Destination::Network(at("network").name(&network)?)
            }
            None => return Err(at("destination").unknown_kind()),
        };
        Ok(Self {
            destination,
            tier: u8::try_from(wire.tier).map_err(|_| {
                at("tier").malformed(format_args!("{} is no tier: at most 255", wire.tier))
            })?,
            parts: wire.parts,
            rate: Rate(wire.millirps),
        })
    }
}

impl From<(&NetworkName, &Withdrawal)> for proto::NetworkWithdrawal {
    fn from((network, reason): (&NetworkName, &Withdrawal)) -> Self {
        let reason = match reason {
            Withdrawal::Lost => proto::Withdrawal::Lost,
            Withdrawal::Recovering => proto::Withdrawal::Recovering,
            Withdrawal::NoGateway => proto::Withdrawal::NoGateway,
            Withdrawal::NotAllowed => proto::Withdrawal::NotAllowed,
            Withdrawal::ConflictingGateways => proto::Withdrawal::ConflictingGateways,
            Withdrawal::Evacuated => proto::Withdrawal::Evacuated,
            Withdrawal::Away => proto::Withdrawal::Away,
            Withdrawal::Unhealthy => proto::Withdrawal::Unhealthy,
        };
        Self {
            network: network.to_string(),
            reason: reason.into(),
        }
    }
}

impl TryFrom<proto::NetworkWithdrawal> for (NetworkName, Withdrawal) {
    type Error = WireError;
    fn try_from(wire: proto::NetworkWithdrawal) -> Result<Self, WireError> {
        let at = |field| At("NetworkWithdrawal", field);
        let reason = match wire.reason() {
            proto::Withdrawal::Lost => Withdrawal::Lost,
            proto::Withdrawal::Recovering => Withdrawal::Recovering,
            proto::Withdrawal::NoGateway => Withdrawal::NoGateway,
            proto::Withdrawal::NotAllowed => Withdrawal::NotAllowed,
            proto::Withdrawal::ConflictingGateways => Withdrawal::ConflictingGateways,
            proto::Withdrawal::Evacuated => Withdrawal::Evacuated,
            proto::Withdrawal::Away => Withdrawal::Away,
            proto::Withdrawal::Unhealthy => Withdrawal::Unhealthy,
            proto::Withdrawal::Unspecified => return Err(at("reason").unknown(wire.reason)),
        };
        Ok((at("network").name(&wire.network)?, reason))
    }
}
