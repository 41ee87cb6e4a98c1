//! Judges what the failover brain decides: each plan that is committed, and each move of a verdict.

use std::sync::{Arc, Mutex, PoisonError};

use causeway_state::Outcome;

use crate::history::History;
use crate::invariant::{HoldDown, plans_checked};
use crate::watch::Told;

/// Judges each decision once, whichever replica applies it first.
#[must_use]
pub fn watch(history: &History) -> Told {
    let history = history.clone();
    let held = Mutex::new(HoldDown::default());
    Arc::new(move |log, decision| {
        let Outcome::Accepted { generation, effect } = &decision.outcome else {
            return;
        };
        let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
        let found = log.read(|state| {
            // The state may contain later decisions already; those are judged as they come.
            let plans = effect.planned.iter().filter_map(|service| {
                let row = state.plans.get(service)?;
                plans_checked::judge(row.value.as_ref()?).err()
            });
            let plans = plans.map(|message| ("plans_checked", message)).collect();
            let mut found: Vec<(&'static str, String)> = plans;
            if state.last_applied == *generation {
                let moved = held.see(state, *generation, &effect.verdicts);
                found.extend(moved.err().map(|message| ("hold_down", message)));
            }
            found
        });
        for (invariant, message) in found {
            history.violated(invariant, message);
        }
    })
}
