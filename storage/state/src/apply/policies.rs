//! Policies are set and removed.

use causeway_api::Generation;
use causeway_api::registry::ObjectKey;
use causeway_api::spec::{PolicyKey, PolicySpec};

use super::{Applied, bounded, conclude, hosts};
use crate::outcome::Effect;
use crate::state::State;

/// The most services, regions and demands that one policy may name, together.
pub const POLICY_ROWS: usize = 4_096;

/// Sets a policy.
pub(super) fn put(state: &mut State, generation: Generation, spec: &PolicySpec) -> Applied {
    let orders: usize = spec.failover.values().map(|to| to.len() + 1).sum();
    let rows = spec.targets.len() + orders + spec.allowed_regions.len() + spec.demand.len();
    bounded(&format!("policy {}", spec.key), rows, POLICY_ROWS)?;
    if state.policies.get(&spec.key) == Some(spec) {
        return Ok(None);
    }
    state.set_policy(&spec.key, Some(spec.clone()));
    state.policies_changed = generation;
    Ok(Some(changed(state, generation)))
}

/// Removes a policy.
pub(super) fn remove(state: &mut State, generation: Generation, key: &PolicyKey) -> Applied {
    if state.set_policy(key, None).is_none() {
        return Ok(None);
    }
    hosts::forget(state, &ObjectKey::Policy(key.clone()));
    state.policies_changed = generation;
    Ok(Some(changed(state, generation)))
}

fn changed(state: &mut State, generation: Generation) -> Effect {
    Effect {
        verdicts: conclude::conclude(state, generation),
        policies: true,
        ..Effect::default()
    }
}
