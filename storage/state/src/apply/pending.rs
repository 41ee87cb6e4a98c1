//! Plans that wait for a person.

use causeway_api::{Generation, ServiceKey};

use crate::outcome::{Effect, Refusal};
use crate::state::State;

/// Commits the plan that waits; `None`: none does.
pub(super) fn approve(
    state: &mut State,
    _generation: Generation,
    service: &ServiceKey,
) -> Result<Option<Effect>, Refusal> {
    state.brain.pending.remove(service);
    Ok(None)
}
