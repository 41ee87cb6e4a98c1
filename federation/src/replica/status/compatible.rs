//! `Compatible`: versions are supported, and the agent finds what it needs.

use causeway_crds::conditions::member::COMPATIBLE;

use super::kubernetes::{self, Support};
use super::look::{MemberLook, condition, some_of};
use crate::admin::api::{Condition, ConditionStatus};
use crate::replica::shared::RefusedKind;

/// Kinds whose single objects an agent reports on; such a report is about somebody's object, not about the cluster.
const OBJECTS: [&str; 7] = [
    "Service ",
    "EndpointSlice ",
    "Node ",
    "Namespace ",
    "ServiceExport ",
    "Pod ",
    "and ",
];

/// Whether a problem is of a single object: the rest of the cluster goes on as if it were not there.
pub(crate) fn of_one_object(problem: &str) -> bool {
    OBJECTS.iter().any(|kind| problem.starts_with(kind))
}

/// The condition.
pub(super) fn compatible(look: &MemberLook<'_>) -> Condition {
    let is = |status, reason: &str, message: String| condition(COMPATIBLE, status, reason, message);
    let name = look.name;
    match look.refused {
        Some(refused) if refused.kind == RefusedKind::Protocol => {
            return is(
                ConditionStatus::False,
                "ProtocolNotSupported",
                refused.reason.clone(),
            );
        }
        Some(refused) if refused.kind == RefusedKind::Facts => {
            return is(
                ConditionStatus::False,
                "FactsRefused",
                refused.reason.clone(),
            );
        }
        _ => {}
    }
    let Some(fact) = look.fact() else {
        return is(
            ConditionStatus::Unknown,
            "NotReported",
            format!("the agent of member {name} has not reported its versions yet"),
        );
    };
    match kubernetes::support(&fact.kubernetes_version) {
        Support::Supported => {}
        Support::No(why) => {
            return is(
                ConditionStatus::False,
                "KubernetesNotSupported",
                format!("member {name} {why}"),
            );
        }
        Support::Unclear(why) => {
            return is(
                ConditionStatus::Unknown,
                "KubernetesVersionUnclear",
                format!("member {name} {why}"),
            );
        }
    }
    let (objects, missing): (Vec<&String>, Vec<&String>) = fact
        .problems
        .iter()
        .partition(|problem| of_one_object(problem));
    if !missing.is_empty() {
        return is(
            ConditionStatus::False,
            "MissingPrerequisites",
            format!("member {name}: {}", some_of(missing, 5)),
        );
    }
    if !objects.is_empty() {
        let message = format!(
            "member {name}: versions are supported; single objects are left out: {}",
            some_of(objects, 5)
        );
        return is(ConditionStatus::True, "ObjectsLeftOut", message);
    }
    is(
        ConditionStatus::True,
        "Supported",
        format!(
            "member {name}: Kubernetes {} and agent {} are supported",
            fact.kubernetes_version, fact.agent_version
        ),
    )
}
