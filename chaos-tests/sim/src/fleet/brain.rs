//! Judges what the failover brain decides: each plan that is committed, and each move of a verdict.

use std::sync::{Arc, Mutex, PoisonError};

use causeway_api::Generation;
use causeway_state::{CommittedPlan, Effect, Outcome, State};

use crate::history::History;
use crate::invariant::{
    HoldDown, OneMove, Velocity, carries, plans_checked, recomputed, shifts_kept,
};
use crate::watch::Told;

/// What was seen of decisions, in their order.
#[derive(Default)]
struct Judges {
    newest: Generation,
    hold_down: HoldDown,
    one_move: OneMove,
    velocity: Velocity,
}

/// Judges each decision once, whichever replica applies it first.
#[must_use]
pub fn watch(history: &History) -> Told {
    let history = history.clone();
    let judges = Mutex::new(Judges::default());
    Arc::new(move |log, decision| {
        let mut judges = judges.lock().unwrap_or_else(PoisonError::into_inner);
        let found = log.read(|state| match &decision.outcome {
            Outcome::Accepted { generation, effect } => judges.see(state, *generation, effect),
            _ => Vec::new(),
        });
        for (invariant, message) in found {
            history.violated(invariant, message);
        }
    })
}

impl Judges {
    fn see(
        &mut self,
        state: &State,
        at: Generation,
        effect: &Effect,
    ) -> Vec<(&'static str, String)> {
        if at <= self.newest {
            return Vec::new();
        }
        // The state may contain later decisions already: rows that those changed are judged when they come.
        let plans: Vec<&CommittedPlan> = effect
            .planned
            .iter()
            .filter_map(|service| state.plans.get(service))
            .filter(|row| row.generation == at || state.last_applied == at)
            .filter_map(|row| row.value.as_ref())
            .collect();
        let mut found = Vec::new();
        let mut note = |name: &'static str, judged: Result<(), String>| {
            found.extend(judged.err().map(|message| (name, message)));
        };
        for plan in &plans {
            note("plans_checked", plans_checked::judge(plan));
            note("recomputed", recomputed::judge(plan));
            note("carries", carries::judge(plan));
        }
        if state.last_applied != at {
            // Another replica may see it alone; else what follows from decisions in a row begins anew.
            self.velocity.forget();
            return found;
        }
        self.newest = at;
        note("hold_down", self.hold_down.see(state, at, &effect.verdicts));
        self.one_move.lose(state, &effect.verdicts);
        for plan in &plans {
            note("one_move", self.one_move.see(state, plan));
            note("shifts_kept", shifts_kept::judge(state, plan));
        }
        if effect.policies {
            self.velocity.forget();
        }
        note("velocity", self.velocity.see(state, &plans));
        found
    }
}
