//! Cluster time: the leader lets it advance from its monotonic clock, only while a timer is pending.

use std::sync::Arc;
use std::time::Duration;

use causeway_state::apply::time::longest_tick_ms;

use super::shared::Shared;

const SHORTEST: Duration = Duration::from_millis(20);
/// How long a timer waits at most for the next tick while something is near. One tick carries no more than that.
const LONGEST: Duration = Duration::from_secs(1);

/// Ticks until it is dropped. A change of leader adds nothing: each leader counts only what passed while it watched.
/// Besides these there are ticks right before what may begin a hold: see `Consensus::advance_time`.
pub(crate) async fn tick(shared: Arc<Shared>) {
    let mut applied = shared.consensus.position();
    let mut pending_before = false;
    loop {
        applied.mark_unchanged();
        let pending = shared.consensus.read(|state| {
            state
                .next_deadline()
                .map(|deadline| Duration::from_millis(deadline.since_ms(state.cluster_time)))
        });
        let Some(left) = pending.filter(|_| shared.consensus.is_leader()) else {
            pending_before = false;
            tokio::select! {
                biased;
                changed = applied.changed() => if changed.is_err() { return },
                // Whoever comes to lead need not have decided anything since: what is pending is looked at again.
                () = shared.env.sleep(LONGEST), if pending.is_some() => {}
            }
            continue;
        };
        if !std::mem::replace(&mut pending_before, true) {
            // From here on, if whatever is pending began before this replica led.
            advance(&shared).await;
        }
        // What is far is approached in longer steps; whatever comes to be pending meanwhile is looked at.
        let longest_ms = longest_tick_ms(u64::try_from(left.as_millis()).unwrap_or(u64::MAX));
        let step = Duration::from_millis(u64::from(longest_ms)).max(LONGEST);
        tokio::select! {
            biased;
            () = shared.env.sleep(left.clamp(SHORTEST, step)) => advance(&shared).await,
            changed = applied.changed(), if step > LONGEST => if changed.is_err() { return },
        }
    }
}

async fn advance(shared: &Shared) {
    if let Err(error) = shared.consensus.advance_time().await {
        tracing::warn!(%error, "cluster time stands still");
    }
}
