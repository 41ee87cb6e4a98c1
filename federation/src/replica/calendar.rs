//! Times of day at which overrides begin and end: whoever leads says so to the log when its clock has come to them.
//!
//! The log knows no time of day, so that a clock that is wrong can make an override begin or end early or late, and nothing
//! else: from then on it lives in cluster time, and safety rules judge what it moves.

use std::sync::Arc;
use std::time::Duration;

use causeway_state::State;
use causeway_state::command::Command;

use super::shared::Shared;

/// While something is due at some time the clock is looked at this often at least, since it may be set.
const LOOK: Duration = Duration::from_secs(1);

/// Proposes what is due, until it is dropped.
pub(crate) async fn run(shared: Arc<Shared>) {
    let mut decided = shared.consensus.position();
    loop {
        decided.mark_unchanged();
        let (next, due) = shared.consensus.read(|state| {
            let now = u64::try_from(shared.env.wall().0).unwrap_or(0);
            (state.next_shift_due_ms(), due(state, now))
        });
        if next.is_none() {
            if decided.changed().await.is_err() {
                return;
            }
            continue;
        }
        if shared.consensus.is_leader() {
            for command in due {
                let what = format!("{command:?}");
                match shared.propose(command).await {
                    Ok(_) => tracing::info!(what, "a time of day has come"),
                    Err(error) => tracing::warn!(%error, what, "it is tried again"),
                }
            }
        }
        shared.env.sleep(LOOK).await;
    }
}

fn due(state: &State, wall_ms: u64) -> Vec<Command> {
    let due = state.shifts_due(wall_ms);
    due.map(|(shift, due)| Command::ShiftDue {
        shift: shift.clone(),
        due,
    })
    .collect()
}
