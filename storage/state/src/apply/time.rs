//! Cluster time advances.

use causeway_api::Generation;

use super::{Applied, conclude, leaving};
use crate::state::State;

/// The most that one tick may carry, in milliseconds: a leader that slept cannot jump.
pub const TICK_MS: u32 = 1_000;

/// Advances cluster time by what the leader's monotonic clock measured, cut to [`TICK_MS`].
pub(super) fn tick(state: &mut State, generation: Generation, elapsed_ms: u32) -> Applied {
    if elapsed_ms == 0 {
        return Ok(None);
    }
    let step_ms = u64::from(elapsed_ms.min(TICK_MS));
    state.cluster_time = state.cluster_time.plus_ms(step_ms);
    // Empty below level 2, and then nothing happens.
    state.stagings.expire(state.cluster_time);
    let mut effect = leaving::advance(state, generation)?;
    effect
        .verdicts
        .extend(conclude::conclude(state, generation));
    Ok(Some(effect))
}
