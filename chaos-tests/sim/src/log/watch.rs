//! Follows every replica, and hands what it sees to the invariants.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use causeway_api::ids::Region;
use causeway_storage::{Decision, Next};

use super::replicas::{Replicas, Up, host};
use crate::history::History;
use crate::invariant::{Decided, LeaderOfTerm, StatesEqual, TermStable};

/// How often replicas are looked at.
const LOOK: Duration = Duration::from_millis(50);

/// What the invariants of the log have seen.
#[derive(Default)]
pub struct Seen {
    /// The same decision at the same place, everywhere and for ever.
    pub decided: Decided,
    /// The same state after the same place.
    pub equal: StatesEqual,
    /// One leader in a term.
    pub leader: LeaderOfTerm,
    /// No election without a cause.
    pub terms: TermStable,
}

/// Shared by the tasks that look.
#[derive(Clone, Default)]
pub struct Watch(Arc<Mutex<Seen>>);

impl Watch {
    /// What was seen, under a short lock.
    pub fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Follows the decisions of one replica from its start on, in its process.
    pub fn follow(&self, id: u64, up: &Up, history: &History) {
        let (watch, log, history) = (self.clone(), up.log.clone(), history.clone());
        let mut decisions = log.decisions();
        watch.state(&log, &history, id);
        drop(log);
        let log = up.log.clone();
        up.process.spawn(async move {
            while let Some(next) = decisions.next().await {
                if let Next::Decision(decision) = next {
                    watch.decision(&decision, &history, id);
                }
                watch.state(&log, &history, id);
            }
        });
    }

    fn decision(&self, decision: &Decision, history: &History, id: u64) {
        history.note(
            &host(id),
            format_args!(
                "applies {}/{}: {}",
                decision.at.term,
                decision.at.index,
                brief(decision)
            ),
        );
        if let Err(message) = self.seen().decided.see(id, decision) {
            history.violated("decided", message);
        }
    }

    fn state(&self, log: &causeway_storage::Consensus, history: &History, id: u64) {
        let index = log.position().borrow().index;
        let digest = log.read(causeway_state::State::digest_hex);
        // Between the two another entry may have been applied: then the next look compares.
        if log.position().borrow().index == index
            && let Err(message) = self.seen().equal.see(id, index, &digest)
        {
            history.violated("states_equal", message);
        }
    }

    /// Looks at all replicas, again and again.
    pub async fn look(self, replicas: Arc<Replicas>) {
        loop {
            tokio::time::sleep(LOOK).await;
            for (id, up) in replicas.all_up() {
                let status = up.log.status();
                let mut seen = self.seen();
                let leads = status.role == causeway_storage::Role::Leader;
                let found = seen
                    .leader
                    .see(id, status.term, leads)
                    .and_then(|()| seen.terms.see(id, status.term, replicas.history.now()));
                drop(seen);
                if let Err((invariant, message)) = found {
                    replicas.history.violated(invariant, message);
                }
            }
        }
    }
}

fn brief(decision: &Decision) -> String {
    use causeway_state::{Command, Outcome};
    let what = match &decision.request.command {
        Command::PutMember(spec) => format!(
            "{} = {}",
            spec.name,
            spec.region.as_ref().map_or("-", Region::as_str)
        ),
        other => {
            let text = format!("{other:?}");
            text.chars().take(120).collect()
        }
    };
    let outcome = match &decision.outcome {
        Outcome::Accepted { .. } => "accepted",
        Outcome::Unchanged => "unchanged",
        Outcome::Duplicate => "duplicate",
        Outcome::Refused(_) => "refused",
    };
    format!("{what} ({outcome})")
}
