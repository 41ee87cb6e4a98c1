//! `Registered`: the declaration was accepted, and the cluster belongs to the clusterset.

use causeway_crds::conditions::member::REGISTERED;

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
        match (&row.declared, &row.refused) {
            (Err(fault), _) => {
                return is(
                    ConditionStatus::False,
                    fault.reason,
                    format!("{}{stays}", fault.message),
                );
            }
            (Ok(_), Some(refusal)) => {
                return is(
                    ConditionStatus::False,
                    "Refused",
                    format!("{refusal}{stays}"),
                );
            }
            (Ok(spec), None) if look.held.is_none_or(|held| held.spec != *spec) => {
                return is(
                    ConditionStatus::Unknown,
                    "Pending",
                    format!(
                        "MemberCluster {}: the declaration waits for a decision, which needs a majority of replicas{stays}",
                        look.name
                    ),
                );
            }
            (Ok(_), None) => {}
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
