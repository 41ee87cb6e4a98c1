//! Verdicts drawn anew, and remembered where they changed.

use causeway_api::Generation;
use causeway_api::verdict::{Subject, VerdictState};
use causeway_failover::verdict::VerdictChange;

use crate::state::{HISTORY_ROWS, Move, State};

/// Evaluates all votes at the state's cluster time; returns the verdicts that changed: subject, from, to.
pub(super) fn conclude(
    state: &mut State,
    generation: Generation,
) -> Vec<(Subject, VerdictState, VerdictState)> {
    let (topology, rules) = (state.topology(), state.rules());
    let now = state.cluster_time;
    let changes = state
        .verdicts
        .evaluate(&state.votes, &topology, &rules, now);
    let row = |change: VerdictChange| {
        let standing = state.verdicts.standing(&change.subject);
        state.history.push_back(Move {
            generation,
            at: now,
            subject: change.subject.clone(),
            from: change.from,
            to: change.to,
            evidence: standing.map(|s| s.evidence.clone()).unwrap_or_default(),
        });
        (change.subject, change.from, change.to)
    };
    let changes = changes.into_iter().map(row).collect();
    while state.history.len() > HISTORY_ROWS {
        state.history.pop_front();
    }
    changes
}
