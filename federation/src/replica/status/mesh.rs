//! `MeshSynced`: the member's mesh holds what the view says.

use causeway_api::facts::MeshFact;
use causeway_api::spec::{MeshType, Mode};
use causeway_api::view::{Applied, MeshCondition};
use causeway_crds::conditions::member::MESH_SYNCED;
use causeway_render::condition::reason;

use super::look::{MemberLook, condition, some_of};
use crate::admin::api::{Condition, ConditionStatus};
use crate::cli::text::count;

/// An agent that is behind for less than this is at work.
pub(super) const BEHIND_MS: u64 = 10_000;

/// What a person should know, and that keeps nothing from being written.
const NOTICES: [&str; 13] = [
    reason::HTTP2_KEEP_ALIVE,
    reason::PROXY_WITHOUT_LOCALITY,
    reason::HEADLESS,
    reason::PROTOCOL,
    reason::TARGET_PORT,
    reason::LOCAL_NOT_IN_CLUSTERSET,
    reason::NAME_NEEDS_DNS,
    reason::SERVICE_ACCOUNT,
    reason::SPILL_NOT_EXPRESSED,
    reason::STANDBY_NOT_EXPRESSED,
    reason::FAILOVER_ORDER,
    reason::TIERS_MERGED,
    reason::SAME_NETWORK,
];

/// Whether a condition of a mesh keeps something from being written as the view says.
pub(crate) fn in_the_way(condition: &MeshCondition) -> bool {
    !NOTICES.contains(&condition.reason.as_str())
}

/// The condition.
pub(super) fn mesh_synced(look: &MemberLook<'_>) -> Condition {
    let is =
        |status, reason: &str, message: String| condition(MESH_SYNCED, status, reason, message);
    let name = look.name;
    let Some(spec) = look.held.map(|held| &held.spec) else {
        return is(
            ConditionStatus::Unknown,
            "NotRegistered",
            format!("member {name} is not registered"),
        );
    };
    if spec.mesh == MeshType::None {
        return is(
            ConditionStatus::True,
            "NotWanted",
            format!("MemberCluster {name}: spec.mesh.type is None, facts only"),
        );
    }
    let Some(session) = look.session else {
        return is(
            ConditionStatus::Unknown,
            "AgentSilent",
            format!("the agent of member {name} has no session; its mesh keeps what it has"),
        );
    };
    if look.fact().is_some_and(|fact| fact.mesh == MeshFact::None) {
        return is(
            ConditionStatus::False,
            "NoMesh",
            format!(
                "no Istio was found in member {name} (its CRDs are not served): install it, or set spec.mesh.type: None"
            ),
        );
    }
    let Some(applied) = &session.applied else {
        return is(
            ConditionStatus::Unknown,
            "NotApplied",
            format!("the agent of member {name} has not applied its view yet"),
        );
    };
    let (blocking, notices): (Vec<&MeshCondition>, Vec<&MeshCondition>) = applied
        .conditions
        .iter()
        .partition(|condition| in_the_way(condition));
    let differs = applied.would_change;
    let objects =
        |number, one, many| count(number, &format!("object {one}"), &format!("objects {many}"));
    if spec.suspend {
        let status = if differs == 0 {
            ConditionStatus::True
        } else {
            ConditionStatus::False
        };
        let message = format!(
            "MemberCluster {name} is suspended: {} not written (causeway diff {name})",
            objects(differs, "differs and is", "differ and are"),
        );
        return is(status, "Suspended", message);
    }
    if spec.mode == Mode::Observe {
        let way = match blocking.first() {
            Some(first) => format!("; in the way: {}", said(first)),
            None => String::new(),
        };
        return is(
            ConditionStatus::True,
            "Observe",
            format!(
                "mode Observe: nothing is written, {} be (causeway diff {name}); set spec.mode: Federate to write{way}",
                objects(differs, "would", "would"),
            ),
        );
    }
    if let Some(first) = blocking.first() {
        return is(
            ConditionStatus::False,
            &first.reason,
            together(applied, &blocking),
        );
    }
    if let Some(behind) = session.behind_ms.filter(|ms| *ms >= BEHIND_MS) {
        let least = behind / BEHIND_MS * (BEHIND_MS / 1000);
        return is(
            ConditionStatus::False,
            "Behind",
            format!(
                "the agent of member {name} has been behind its view for over {} s: see its log",
                least.min(60)
            ),
        );
    }
    match notices.first() {
        Some(first) => is(
            ConditionStatus::True,
            &first.reason,
            together(applied, &notices),
        ),
        None => is(
            ConditionStatus::True,
            "Synced",
            format!("the mesh of member {name} holds what its view says"),
        ),
    }
}

/// What conditions say together: the first in full, the others by the services that they are about.
fn together(applied: &Applied, conditions: &[&MeshCondition]) -> String {
    let Some(first) = conditions.first() else {
        return String::new();
    };
    let rest: Vec<String> = conditions
        .iter()
        .skip(1)
        .map(|condition| format!("{} {}", condition.reason, about(condition)))
        .collect();
    let more = match rest.is_empty() {
        true => String::new(),
        false => format!("; also: {}", some_of(rest, 5)),
    };
    let written = count(applied.objects, "object", "objects");
    format!("{} ({written} written){more}", said(first))
}

fn said(condition: &MeshCondition) -> String {
    match about(condition) {
        about if about.is_empty() || condition.message.contains(&about) => {
            condition.message.clone()
        }
        about => format!("{about}: {}", condition.message),
    }
}

fn about(condition: &MeshCondition) -> String {
    match &condition.service {
        Some(service) => service.to_string(),
        None => condition.object.clone(),
    }
}
