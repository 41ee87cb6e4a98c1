//! Cluster time advances.

use causeway_api::Generation;

use super::{Applied, conclude, leaving, ramps, shifts};
use crate::outcome::Effect;
use crate::state::State;

/// The most that one tick may carry while something is near, in milliseconds: a leader that slept cannot jump.
pub const TICK_MS: u32 = 1_000;
/// The most that it may carry while nothing is.
pub const SPARSE_TICK_MS: u32 = 60_000;
/// What comes within this is near.
const NEAR_MS: u64 = 60_000;

/// The most that a tick may carry where the next deadline is this far: a second, or an eighth of the way to a deadline that
/// is far, so that what lasts for hours costs few commits and no tick brings about what was not near before it.
#[must_use]
pub fn longest_tick_ms(left_ms: u64) -> u32 {
    if left_ms <= NEAR_MS {
        return TICK_MS;
    }
    let part = u32::try_from(left_ms / 8).unwrap_or(u32::MAX);
    part.clamp(TICK_MS, SPARSE_TICK_MS)
}

/// Advances cluster time by what the leader's monotonic clock measured, cut to [`longest_tick_ms`].
pub(super) fn tick(state: &mut State, generation: Generation, elapsed_ms: u32) -> Applied {
    if elapsed_ms == 0 {
        return Ok(None);
    }
    let left_ms = state
        .next_deadline()
        .map_or(0, |deadline| deadline.since_ms(state.cluster_time));
    let step_ms = u64::from(elapsed_ms.min(longest_tick_ms(left_ms)));
    let before = state.cluster_time;
    state.cluster_time = state.cluster_time.plus_ms(step_ms);
    // Empty below level 2, and then nothing happens.
    state.stagings.expire(state.cluster_time);
    let mut effect = leaving::advance(state, generation)?;
    effect.add(shifts::advance(state, generation, before));
    effect.add(ramps::advance(state));
    effect
        .verdicts
        .extend(conclude::pass_time(state, generation));
    Ok(Some(effect))
}

/// What is held against subjects decays by what passed while no timer was pending. Cluster time stays where it is, so that no
/// vote expires by it and no hold is shorter; and a hold-down that has begun stays as long as it is.
pub(super) fn forgive(state: &mut State, elapsed_ms: u64) -> Option<Effect> {
    let now = state.cluster_time;
    let forgiven = state.verdicts.forgive(now, elapsed_ms);
    forgiven.then(Effect::default)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_far_is_approached_in_ever_smaller_steps() {
        for (left_ms, most) in [
            (0, 1_000),
            (10_000, 1_000),
            (60_000, 1_000),
            (80_000, 10_000),
            (480_000, 60_000),
            (u64::MAX, 60_000),
        ] {
            assert_eq!(longest_tick_ms(left_ms), most, "{left_ms}");
        }
    }

    #[test]
    fn eight_hours_cost_few_commits() {
        let (mut left_ms, mut ticks) = (8 * 3_600_000_u64, 0);
        while left_ms > 0 {
            left_ms = left_ms.saturating_sub(u64::from(longest_tick_ms(left_ms)));
            ticks += 1;
        }
        assert!(ticks < 580, "{ticks}");
    }
}
