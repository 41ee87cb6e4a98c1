//! The fleet-wide brake: pulled where verdicts say more than the root policy takes for possible, released by a person.

use std::collections::BTreeMap;

use causeway_api::verdict::VerdictState;
use causeway_api::{Generation, MemberName};
use causeway_failover::policy;
use causeway_failover::safety::brake;

use super::{Applied, shifts};
use crate::brain::{Act, AuditRow, Brake};
use crate::outcome::{Effect, Refusal};
use crate::state::State;

/// Looks at the verdicts after they changed; says whether the brake was pulled.
pub(super) fn look(state: &mut State, generation: Generation) -> bool {
    if state.feature_level < 2 {
        return false;
    }
    let lost = |member: &MemberName| state.member_state(member) == VerdictState::Lost;
    let recovered: Vec<MemberName> = state
        .brain
        .acknowledged
        .iter()
        .filter(|member| !lost(member))
        .cloned()
        .collect();
    let root = policy::root(&state.policies);
    let limited = root.max_regions_lost.is_some() || root.max_members_lost_percent.is_some();
    let found = if limited && state.brain.brake.is_none() {
        let members: BTreeMap<_, _> = state
            .members
            .iter()
            .map(|(name, member)| (name, (member.region(), lost(name))))
            .collect();
        brake::judge(&root, &members, &state.brain.acknowledged)
    } else {
        None
    };
    for member in &recovered {
        state.brain.acknowledged.remove(member);
    }
    let Some(found) = found else {
        return false;
    };
    let brake = Brake {
        since: state.cluster_time,
        generation,
        what: found.what,
        field: found.field,
        limit: found.limit,
        found: found.found,
    };
    state.brain.note(AuditRow {
        generation,
        at: state.cluster_time,
        by: String::new(),
        act: Act::Braked,
        object: "the fleet".to_owned(),
        reason: format!(
            "{} {} lost at once, {} is {}",
            brake.found, brake.what, brake.field, brake.limit
        ),
        overrides: Default::default(),
    });
    state.brain.brake = Some(brake);
    true
}

/// A person says that what is lost is truly lost: automation goes on.
pub(super) fn release(
    state: &mut State,
    generation: Generation,
    seen: Generation,
    by: &str,
    reason: &str,
) -> Applied {
    let Some(brake) = &state.brain.brake else {
        return Err(Refusal::NotBraked);
    };
    shifts::texts("the brake", by, reason)?;
    if brake.generation != seen {
        return Err(Refusal::ChangedSince {
            object: "the brake".to_owned(),
            seen,
            now: brake.generation,
        });
    }
    state.brain.brake = None;
    let lost: Vec<MemberName> = state
        .members
        .keys()
        .filter(|member| state.member_state(member) == VerdictState::Lost)
        .cloned()
        .collect();
    state.brain.acknowledged.extend(lost);
    state.brain.note(AuditRow {
        generation,
        at: state.cluster_time,
        by: by.to_owned(),
        act: Act::Released,
        object: "the fleet".to_owned(),
        reason: reason.to_owned(),
        overrides: Default::default(),
    });
    Ok(Some(Effect {
        people: true,
        replan_all: true,
        ..Effect::default()
    }))
}
