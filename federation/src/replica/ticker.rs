//! Cluster time: the leader proposes ticks from its monotonic clock, only while a timer is pending.

use std::sync::Arc;
use std::time::Duration;

use causeway_state::command::Command;

use super::shared::Shared;

const SHORTEST: Duration = Duration::from_millis(20);
/// The most that one tick may carry.
const LONGEST: Duration = Duration::from_secs(1);

/// Ticks until it is dropped. A change of leader adds nothing: each leader counts only what passed while it watched. A
/// hold that begins while another timer is pending may be shorter by what had passed since the last tick, [`LONGEST`] at
/// most, since what begins it carries no time.
pub(crate) async fn tick(shared: Arc<Shared>) {
    let mut applied = shared.consensus.position();
    let mut counted_from = None;
    loop {
        let pending = shared.consensus.read(|state| {
            state
                .next_deadline()
                .map(|deadline| Duration::from_millis(deadline.since_ms(state.cluster_time)))
        });
        let Some(left) = pending.filter(|_| shared.consensus.is_leader()) else {
            counted_from = None;
            tokio::select! {
                biased;
                changed = applied.changed() => if changed.is_err() { return },
                // Whoever comes to lead need not have decided anything since: what is pending is looked at again.
                () = shared.env.sleep(LONGEST), if pending.is_some() => {}
            }
            continue;
        };
        let from = *counted_from.get_or_insert(shared.env.now());
        shared.env.sleep(left.clamp(SHORTEST, LONGEST)).await;
        let now = shared.env.now();
        let elapsed = now.since(from).min(LONGEST);
        let elapsed_ms = u32::try_from(elapsed.as_millis()).unwrap_or(u32::MAX);
        counted_from = Some(now);
        if let Err(error) = shared.propose(Command::Tick { elapsed_ms }).await {
            tracing::warn!(%error, "cluster time stands still");
        }
    }
}
