//! Verdicts drawn anew, and remembered where they changed.

use causeway_api::Generation;
use causeway_api::verdict::{Subject, VerdictState};
use causeway_failover::verdict::{Touched, VerdictChange};

use crate::fleet::Registered;
use crate::state::{HISTORY_ROWS, Move, State};

/// Verdicts that changed: subject, from, to.
pub(super) type Changes = Vec<(Subject, VerdictState, VerdictState)>;

/// Evaluates all votes at the state's cluster time: members, rules or observers changed.
pub(super) fn conclude(state: &mut State, generation: Generation) -> Changes {
    after(state, generation, &Touched::All)
}

/// Evaluates what votes that were just cast may have changed.
pub(super) fn after(state: &mut State, generation: Generation, touched: &Touched) -> Changes {
    let rules = state.rules();
    let fleet = Registered(&state.members);
    let now = state.cluster_time;
    let changes = state
        .verdicts
        .reconsider(touched, &state.votes, &fleet, &rules, now);
    remember(state, generation, changes)
}

/// Evaluates what the passing of time may have changed.
pub(super) fn pass_time(state: &mut State, generation: Generation) -> Changes {
    let rules = state.rules();
    let fleet = Registered(&state.members);
    let now = state.cluster_time;
    let changes = state.verdicts.pass_time(&state.votes, &fleet, &rules, now);
    remember(state, generation, changes)
}

fn remember(state: &mut State, generation: Generation, changes: Vec<VerdictChange>) -> Changes {
    let now = state.cluster_time;
    let row = |change: VerdictChange| {
        let standing = state.verdicts.standing(&change.subject);
        state.history.push_back(Move {
            generation,
            at: now,
            subject: change.subject.clone(),
            from: change.from,
            to: change.to,
            evidence: standing.map(|s| s.evidence.clone()).unwrap_or_default(),
            grounds: standing.map(|s| s.grounds.clone()).unwrap_or_default(),
        });
        (change.subject, change.from, change.to)
    };
    let changes = changes.into_iter().map(row).collect();
    while state.history.len() > HISTORY_ROWS {
        state.history.pop_front();
    }
    changes
}
