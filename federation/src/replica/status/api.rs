//! `APIReachable`: the member's API server answers its own agent.

use causeway_api::facts::ApiFact;
use causeway_crds::conditions::member::API_REACHABLE;

use super::look::{MemberLook, condition};
use crate::admin::api::{Condition, ConditionStatus};

/// The condition.
pub(super) fn api_reachable(look: &MemberLook<'_>) -> Condition {
    let is =
        |status, reason: &str, message: String| condition(API_REACHABLE, status, reason, message);
    let name = look.name;
    match (look.session, look.fact()) {
        (None, _) => is(
            ConditionStatus::Unknown,
            "AgentSilent",
            format!(
                "only the agent of member {name} asks its API server, and the agent has no session"
            ),
        ),
        (Some(_), None) => is(
            ConditionStatus::Unknown,
            "NotReported",
            format!("the agent of member {name} has not reported on its API server yet"),
        ),
        (Some(_), Some(fact)) => match fact.api {
            ApiFact::Reachable => is(
                ConditionStatus::True,
                "Reachable",
                format!("the API server of member {name} answers its agent"),
            ),
            ApiFact::Unreachable => is(
                ConditionStatus::False,
                "Unreachable",
                format!(
                    "the API server of member {name} does not answer its agent: what was last seen stays in force, and nothing is \
                     withdrawn; see to the API server"
                ),
            ),
        },
    }
}
