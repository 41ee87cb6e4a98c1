//! `GatewayReachable`: others reach the member's gateways.

use causeway_api::verdict::{Subject, VerdictState};
use causeway_crds::conditions::member::GATEWAY_REACHABLE;

use super::look::{MemberLook, condition, some_of};
use crate::admin::api::{Condition, ConditionStatus};
use crate::cli::text::count;

/// The condition.
pub(super) fn gateway_reachable(look: &MemberLook<'_>) -> Condition {
    let is = |status, reason: &str, message: String| {
        condition(GATEWAY_REACHABLE, status, reason, message)
    };
    let name = look.name;
    let (Some(member), Some(placement)) = (look.member, look.placement()) else {
        return is(
            ConditionStatus::Unknown,
            "NotReported",
            format!(
                "the agent of member {name} has not reported where the member is and which gateways it has"
            ),
        );
    };
    let gateways = look.gateways();
    if gateways.is_empty() {
        return none(look);
    }
    let of = |wanted: VerdictState| {
        let names = gateways
            .iter()
            .filter(move |(_, _, state)| *state == wanted);
        some_of(
            names.map(|(name, subject, _)| addressed(look, name, subject)),
            3,
        )
    };
    let any = |wanted: VerdictState| gateways.iter().any(|(_, _, state)| *state == wanted);
    if any(VerdictState::Lost) {
        let lost = of(VerdictState::Lost);
        is(
            ConditionStatus::False,
            "GatewayLost",
            format!(
                "gateways of member {name} are lost: {lost}. See to them and to the way there: causeway explain member/{name}"
            ),
        )
    } else if any(VerdictState::Recovering) {
        is(
            ConditionStatus::False,
            "Recovering",
            format!(
                "gateways of member {name} are reached again and wait out their hold-down: {}",
                of(VerdictState::Recovering)
            ),
        )
    } else if any(VerdictState::Unknown) {
        is(
            ConditionStatus::Unknown,
            "NeverReached",
            format!(
                "gateways of member {name} were never reached: {}. See whether the addresses are right and a firewall lets the replicas \
                 through",
                of(VerdictState::Unknown)
            ),
        )
    } else if any(VerdictState::Degraded) {
        is(
            ConditionStatus::True,
            "Degraded",
            format!(
                "some observers do not reach gateways of member {name}: {}",
                of(VerdictState::Degraded)
            ),
        )
    } else if let Some(other) = look.all.state.gateway_conflict(member) {
        // Either leads into the network if it is one; only its owners know whether it is.
        let network = &placement.network;
        is(
            ConditionStatus::True,
            "ConflictingGateways",
            format!(
                "members {name} and {other} are of network {network} and have different gateways, which are all used: whichever a request \
                 enters by must reach the pods of both. If it does not, give {name} a network of its own (spec.network.name)"
            ),
        )
    } else {
        is(
            ConditionStatus::True,
            "Reachable",
            format!("all observers reach the gateways of member {name}"),
        )
    }
}

/// A member without gateways: whether anybody needs one.
fn none(look: &MemberLook<'_>) -> Condition {
    let is = |status, reason: &str, message: String| {
        condition(GATEWAY_REACHABLE, status, reason, message)
    };
    let name = look.name;
    let networks = || {
        look.all
            .state
            .members
            .values()
            .filter_map(|other| other.placement.as_ref())
    };
    let own = look.placement().map(|placement| &placement.network);
    let others = networks().any(|other| Some(&other.network) != own);
    let led = networks().any(|other| Some(&other.network) == own && !other.gateways.is_empty());
    let exports = look
        .member
        .map_or(0, |member| look.all.counts.exports_of(member));
    if !others || led || exports == 0 {
        let message = format!(
            "member {name} has no gateway and needs none: it exports nothing to another network, or a neighbour has one"
        );
        return is(ConditionStatus::True, "NotNeeded", message);
    }
    is(
        ConditionStatus::False,
        "NoGateway",
        format!(
            "member {name} exports {} and has no east-west gateway, so other networks cannot reach it: label the gateway's \
             Service with topology.istio.io/network, or declare spec.network.gateways in MemberCluster {name}",
            count(exports, "service", "services"),
        ),
    )
}

/// A gateway with its address and what an observer who does not reach it says.
fn addressed(look: &MemberLook<'_>, name: &str, subject: &Subject) -> String {
    let address = look
        .placement()
        .and_then(|placement| placement.gateways.get(name))
        .and_then(|gateway| {
            let first = gateway.addresses.first()?;
            Some(format!(" ({first}:{})", gateway.port))
        });
    let mut votes = look.all.state.votes.on(subject);
    let word = votes.find(|(_, vote)| vote.ballot != causeway_api::verdict::Ballot::Reachable);
    let word = word
        .filter(|(_, vote)| !vote.evidence.is_empty())
        .map(|(_, vote)| format!(": {}", vote.evidence));
    format!(
        "{name}{}{}",
        address.unwrap_or_default(),
        word.unwrap_or_default()
    )
}
