//! The level of behaviour rises; replicas are compared.

use super::Applied;
use crate::level::FEATURE_LEVEL;
use crate::outcome::Effect;
use crate::state::State;

/// Raises the level. A replica that does not know the new one never comes here: it stops before the entry. A level at or
/// below the one in force changes nothing.
pub(super) fn raise(state: &mut State, level: u32) -> Applied {
    if level <= state.feature_level || level > FEATURE_LEVEL {
        return Ok(None);
    }
    state.feature_level = level;
    Ok(Some(Effect {
        registry: true,
        ..Effect::default()
    }))
}
