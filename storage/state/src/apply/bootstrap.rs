//! The first command of a clusterset.

use super::Applied;
use crate::outcome::{Effect, Refusal};
use crate::state::State;

/// Sets the incarnation, once.
pub(super) fn bootstrap(state: &mut State, incarnation: u64) -> Applied {
    if state.incarnation != 0 {
        return Err(Refusal::AlreadyBootstrapped {
            incarnation: state.incarnation,
        });
    }
    if incarnation == 0 {
        return Err(Refusal::NoIncarnation);
    }
    state.incarnation = incarnation;
    Ok(Some(Effect::default()))
}
