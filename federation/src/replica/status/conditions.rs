//! All conditions of a member, in the order in which people read them, and `Ready`, which joins them.

use causeway_crds::conditions::member::READY;

use super::look::{MemberLook, condition};
use super::{agent, api, compatible, gateway, mesh, registered, survivable};
use crate::admin::api::{Condition, ConditionStatus};

/// The conditions of a member. Each is a fact of its own: an agent that is silent says nothing of the gateways beside
/// it.
pub(crate) fn conditions(look: &MemberLook<'_>) -> Vec<Condition> {
    let mut conditions = vec![
        registered::registered(look),
        agent::agent_connected(look),
        api::api_reachable(look),
        gateway::gateway_reachable(look),
        mesh::mesh_synced(look),
        compatible::compatible(look),
    ];
    conditions.push(ready(look.name, &conditions));
    conditions.extend(survivable::loss_survivable(look));
    conditions
}

/// False with the first that is False, else Unknown with the first that is.
fn ready(name: &str, facts: &[Condition]) -> Condition {
    for status in [ConditionStatus::False, ConditionStatus::Unknown] {
        let mut such = facts.iter().filter(|fact| fact.status == status);
        if let Some(first) = such.next() {
            let others: Vec<String> = such
                .map(|fact| format!("{} ({})", fact.kind, fact.reason))
                .collect();
            let also = match others.is_empty() {
                true => String::new(),
                false => format!("; also: {}", others.join(", ")),
            };
            return condition(
                READY,
                status,
                &first.reason,
                format!("{}{also}", first.message),
            );
        }
    }
    let observe = facts.iter().find(|fact| fact.reason == "Observe");
    let message = observe.map_or_else(
        || format!("member {name} is ready"),
        |fact| fact.message.clone(),
    );
    condition(READY, ConditionStatus::True, "Ready", message)
}

#[cfg(test)]
#[path = "conditions_tests.rs"]
mod tests;
