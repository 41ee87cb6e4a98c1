//! `Registered`: the declaration was accepted, and the cluster belongs to the clusterset.

use causeway_api::MemberName;
use causeway_crds::conditions::member::REGISTERED;
use causeway_state::State;
use causeway_state::apply::leaving::DRAIN_MAX_MS;
use causeway_state::registry::Stage;

use super::look::{MemberLook, condition};
use crate::admin::api::{Condition, ConditionStatus};
use crate::replica::shared::RefusedKind;

/// The condition.
pub(super) fn registered(look: &MemberLook<'_>) -> Condition {
    let is = |status, reason: &str, message: String| condition(REGISTERED, status, reason, message);
    let stays = match look.held {
        Some(_) => "; what was declared before stays in force",
        None => "",
    };
    if let Some(row) = look.row {
        let stance = look
            .member
            .and_then(|member| look.all.rows.member_stance(look.all.state, member));
        let spec = match row.sound(stance) {
            Ok(spec) => spec,
            Err((reason, message)) => {
                return is(ConditionStatus::False, reason, format!("{message}{stays}"));
            }
        };
        if look.held.is_none_or(|held| held.spec != *spec) {
            return is(
                ConditionStatus::Unknown,
                "Pending",
                format!(
                    "MemberCluster {}: the declaration waits for a decision, which needs a majority of replicas{stays}",
                    look.name
                ),
            );
        }
    }
    let refused = look
        .refused
        .filter(|refused| refused.kind == RefusedKind::ForeignCluster);
    if let Some(refused) = refused {
        return is(
            ConditionStatus::False,
            "TwoClustersOneName",
            refused.reason.clone(),
        );
    }
    if let Some(leaving) = look
        .member
        .and_then(|member| leaving(look.all.state, member))
    {
        return is(ConditionStatus::False, leaving.0, leaving.1);
    }
    match (look.held, look.placement()) {
        (None, _) => is(
            ConditionStatus::False,
            "NotRegistered",
            format!(
                "member {0} is not registered: create a MemberCluster named {0} in the host cluster",
                look.name
            ),
        ),
        (Some(_), None) => is(
            ConditionStatus::True,
            "Registered",
            format!(
                "member {} is registered; which cluster it is will be known once its agent reports",
                look.name
            ),
        ),
        (Some(_), Some(placement)) => is(
            ConditionStatus::True,
            "Registered",
            format!(
                "member {} is the cluster with kube-system UID {}",
                look.name, placement.cluster_uid
            ),
        ),
    }
}

/// What to say of a member that is leaving: a word, and a sentence.
pub(crate) fn leaving(state: &State, member: &MemberName) -> Option<(&'static str, String)> {
    Some(match state.registry.stage(member)? {
        Stage::Deleted => (
            "Deleted",
            format!(
                "MemberCluster {member} was deleted a moment ago: unless others are deleted with it, or it is created again, it is \
                 drained and then removed"
            ),
        ),
        Stage::Quarantined => (
            "Quarantined",
            format!(
                "MemberCluster {member} was deleted together with others, which is more likely a mistake: it stays in force. Create it \
                 again to keep it; to remove it: causeway registry confirm MemberCluster {member}"
            ),
        ),
        Stage::Draining => (
            "Draining",
            format!(
                "MemberCluster {member} was deleted: it is given no more traffic from elsewhere, and removed once it has none (at the \
                 latest after {} s); create it again to keep it",
                DRAIN_MAX_MS / 1_000
            ),
        ),
    })
}
