//! `AgentConnected`: the member's agent has a session.

use causeway_api::verdict::{Subject, VerdictState};
use causeway_crds::conditions::member::AGENT_CONNECTED;

use super::look::{MemberLook, condition};
use crate::admin::api::{Condition, ConditionStatus};
use crate::replica::shared::RefusedKind;

/// The condition.
pub(super) fn agent_connected(look: &MemberLook<'_>) -> Condition {
    let is =
        |status, reason: &str, message: String| condition(AGENT_CONNECTED, status, reason, message);
    if let Some(session) = look.session {
        let lease = match session.epoch {
            0 => {
                "; it holds no Lease in its cluster and writes nothing: another agent does, or it waits for one that is gone"
            }
            _ => "",
        };
        return is(
            ConditionStatus::True,
            "Connected",
            format!(
                "the agent (version {}) has a session with replica {}{lease}",
                session.version,
                session.home.unwrap_or(look.all.replica)
            ),
        );
    }
    if let Some(refused) = look.refused {
        let reason = match refused.kind {
            RefusedKind::Identity => "CertificateMismatch",
            RefusedKind::Protocol => "ProtocolNotSupported",
            RefusedKind::ForeignCluster => "TwoClustersOneName",
            RefusedKind::OlderEpoch => "OlderEpoch",
            RefusedKind::Unregistered => "NotRegistered",
            RefusedKind::Facts => "FactsRefused",
            RefusedKind::LostDecisions => "DecisionsLost",
        };
        return is(
            ConditionStatus::False,
            reason,
            format!("the agent's session was refused: {}", refused.reason),
        );
    }
    let verdict = look.member.map(|member| {
        look.all.state.verdicts.state(&Subject::Session {
            member: member.clone(),
        })
    });
    let ever = look.facts.is_some()
        || verdict.is_some_and(|state| state != VerdictState::Unknown)
        || look.placement().is_some();
    if ever {
        let message = format!(
            "the agent of member {} has no session; its mesh keeps what it has, and its last facts stay in force: see whether the agent \
             runs and reaches the controller",
            look.name
        );
        is(ConditionStatus::False, "SessionLost", message)
    } else {
        let message = format!(
            "no agent of member {0} was ever heard: install one in the cluster, with a certificate for the name {0}",
            look.name
        );
        is(ConditionStatus::False, "NeverConnected", message)
    }
}
