//! Follows every replica, and hands what it sees to the invariants of the decision log.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use causeway_api::ids::Region;
use causeway_storage::{Consensus, Decision, Next, Role};

use crate::clients::{Ground, host};
use crate::history::History;
use crate::invariant::{Decided, LeaderOfTerm, StatesEqual, TermStable};
use crate::process::SimProcess;

/// How often replicas are looked at.
const LOOK: Duration = Duration::from_millis(50);

/// What the invariants of the log have seen.
#[derive(Default)]
pub struct Seen {
    /// What each incarnation decided: a recovery begins a new log, in which other things may stand.
    incarnations: BTreeMap<u64, Incarnation>,
    /// No election without a cause.
    pub terms: TermStable,
}

/// What was seen of one incarnation.
#[derive(Default)]
pub struct Incarnation {
    /// The same decision at the same place, everywhere and for ever.
    pub decided: Decided,
    /// The same state after the same place.
    equal: StatesEqual,
    /// One leader in a term.
    leader: LeaderOfTerm,
}

impl Seen {
    /// What was seen of an incarnation.
    pub fn of(&mut self, incarnation: u64) -> &mut Incarnation {
        self.incarnations.entry(incarnation.max(1)).or_default()
    }
}

/// Shared by the tasks that look.
#[derive(Clone, Default)]
pub struct Watch(Arc<Mutex<Seen>>);

/// Told of each decision that a replica applies, once its state contains it.
pub type Told = Arc<dyn Fn(&Consensus, &Decision) + Send + Sync>;

fn incarnation(log: &Consensus) -> u64 {
    log.read(|state| state.incarnation)
}

impl Watch {
    /// What was seen, under a short lock.
    pub fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Follows the decisions of one replica from its start on, in its process.
    pub fn follow(
        &self,
        id: u64,
        process: &Arc<SimProcess>,
        log: Consensus,
        history: &History,
        told: Option<Told>,
    ) {
        let (watch, history) = (self.clone(), history.clone());
        let mut decisions = log.decisions();
        watch.state(&log, &history, id);
        process.spawn(async move {
            while let Some(next) = decisions.next().await {
                if let Next::Decision(decision) = next {
                    watch.decision(&log, &decision, &history, id);
                    if let Some(told) = &told {
                        told(&log, &decision);
                    }
                }
                watch.state(&log, &history, id);
            }
        });
    }

    fn decision(&self, log: &Consensus, decision: &Decision, history: &History, id: u64) {
        history.note(
            &host(id),
            format_args!(
                "applies {}/{}: {}",
                decision.at.term,
                decision.at.index,
                brief(decision)
            ),
        );
        let seen = self.seen().of(incarnation(log)).decided.see(id, decision);
        if let Err(message) = seen {
            history.violated("decided", message);
        }
    }

    fn state(&self, log: &Consensus, history: &History, id: u64) {
        let index = log.position().borrow().index;
        let digest = log.read(causeway_state::State::digest_hex);
        // Between the two another entry may have been applied: then the next look compares.
        if log.position().borrow().index != index {
            return;
        }
        let seen = self
            .seen()
            .of(incarnation(log))
            .equal
            .see(id, index, &digest);
        if let Err(message) = seen {
            history.violated("states_equal", message);
        }
    }

    /// Looks at all replicas, again and again.
    pub async fn look(self, replicas: Arc<dyn Ground>) {
        loop {
            tokio::time::sleep(LOOK).await;
            for id in replicas.ids() {
                let Some((_, log)) = replicas.log(id) else {
                    continue;
                };
                let status = log.status();
                let (now, history) = (replicas.history().now(), replicas.history());
                let mut seen = self.seen();
                let leads = status.role == Role::Leader;
                let of = seen.of(incarnation(&log));
                let found = of.leader.see(id, status.term, leads);
                let found = found.and_then(|()| seen.terms.see(id, status.term, now));
                drop(seen);
                if let Err((invariant, message)) = found {
                    history.violated(invariant, message);
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
