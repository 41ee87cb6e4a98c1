//! Every vote of an observer passes through here, where all that it holds is known: an observer that suddenly reaches
//! little suspects itself before it votes against anybody.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use causeway_api::verdict::{Ballot, Subject, Vote};
use causeway_seam::Monotonic;
use tokio::sync::{mpsc, watch};

use super::impaired::{Held as Seen, PLACES, impaired};
use super::runner::ProbeConfig;

/// How the evidence of an observer begins that abstains on everything because it suspects itself.
pub const SUSPECTS_ITSELF: &str = "this observer suspects itself";

/// What an observer holds of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sight {
    /// It reaches what it should.
    Clear,
    /// It has ever reached gateways in so few places only: it cannot tell its own trouble from that of others, and votes as it
    /// sees.
    TooFewPlaces(usize),
    /// It reaches little: its votes are abstentions, for this reason.
    Impaired(String),
}

/// What is held of one subject after a probe.
pub(super) struct Held {
    pub(super) subject: Subject,
    pub(super) place: String,
    pub(super) ballot: Ballot,
    /// Whether the last attempt failed; `None`: never reached.
    pub(super) failing: Option<bool>,
    pub(super) evidence: String,
    pub(super) at: Monotonic,
    /// How often what failed had been forgiven when it was tried.
    pub(super) forgiven: u64,
}

/// The last vote on each subject.
#[derive(Default)]
pub(super) struct Last(Mutex<BTreeMap<Subject, Row>>);

struct Row {
    held: Held,
    /// What was voted, and when.
    voted: Option<(Ballot, Monotonic)>,
}

impl Last {
    fn rows(&self) -> MutexGuard<'_, BTreeMap<Subject, Row>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets what is no longer probed. One that comes again is voted on anew.
    pub(super) fn retain(&self, exists: impl Fn(&Subject) -> bool) {
        self.rows().retain(|subject, _| exists(subject));
    }
}

/// Turns what is held into votes.
pub(super) struct Judge {
    pub(super) config: Arc<ProbeConfig>,
    pub(super) last: Arc<Last>,
    pub(super) hears: mpsc::Receiver<Held>,
    pub(super) votes: mpsc::Sender<Vec<Vote>>,
    pub(super) sight: watch::Sender<Sight>,
    /// Counts up when the observer is no longer impaired: what failed until then says nothing of anybody.
    pub(super) forgiven: watch::Sender<u64>,
}

impl Judge {
    /// Runs until nobody probes, or nobody takes votes.
    pub(super) async fn run(mut self) {
        let mut batch = Vec::new();
        while self.hears.recv_many(&mut batch, 256).await > 0 {
            let out = self.look(&mut batch);
            if !out.is_empty() && self.votes.send(out).await.is_err() {
                return;
            }
        }
    }

    fn look(&self, batch: &mut Vec<Held>) -> Vec<Vote> {
        let mut rows = self.last.rows();
        let mut heard = BTreeSet::new();
        let mut wider = false;
        for mut held in batch.drain(..) {
            if held.forgiven < *self.forgiven.borrow() {
                forgive(&mut held);
            }
            heard.insert(held.subject.clone());
            let before = rows.get(&held.subject).and_then(|row| row.held.failing);
            wider |= before.is_none();
            match rows.get_mut(&held.subject) {
                Some(row) => row.held = held,
                None => {
                    let subject = held.subject.clone();
                    rows.insert(subject, Row { held, voted: None });
                }
            }
        }
        if wider {
            self.note_places(&rows);
        }
        let turned = self.turn(&mut rows);
        let reason = match &*self.sight.borrow() {
            Sight::Impaired(reason) => Some(reason.clone()),
            _ => None,
        };
        let mut out = Vec::new();
        if turned {
            // All at once: what was held of others is taken back, or given again.
            for row in rows.values_mut() {
                out.extend(self.vote(row, reason.as_deref()));
            }
        } else {
            for subject in &heard {
                if let Some(row) = rows.get_mut(subject) {
                    out.extend(self.vote(row, reason.as_deref()));
                }
            }
        }
        out
    }

    /// Looks at itself; says whether it became impaired, or ceased to be.
    fn turn(&self, rows: &mut BTreeMap<Subject, Row>) -> bool {
        let was = matches!(&*self.sight.borrow(), Sight::Impaired(_));
        let suspects = rows
            .values()
            .any(|row| row.held.ballot == Ballot::Unreachable);
        if !was && !suspects {
            return false;
        }
        let seen = rows.values().filter_map(|row| {
            Some(Seen {
                place: &row.held.place,
                failing: row.held.failing?,
                suspected: row.held.ballot == Ballot::Unreachable,
            })
        });
        let is = impaired(was, seen);
        if is == was {
            return false;
        }
        if is {
            let reason = self.reason(rows);
            tracing::warn!(%reason, "this observer suspects itself: it abstains on everything");
            self.sight.send_replace(Sight::Impaired(reason));
        } else {
            tracing::info!("this observer reaches most places again: its votes count");
            self.sight.send_replace(Sight::Clear);
            self.forgiven.send_modify(|times| *times += 1);
            for row in rows.values_mut() {
                forgive(&mut row.held);
            }
        }
        true
    }

    fn note_places(&self, rows: &BTreeMap<Subject, Row>) {
        let places = places(rows).len();
        if matches!(&*self.sight.borrow(), Sight::Impaired(_)) {
            return;
        }
        let now = if places < PLACES {
            Sight::TooFewPlaces(places)
        } else {
            Sight::Clear
        };
        self.sight.send_if_modified(|sight| {
            let other = *sight != now;
            if other {
                tracing::info!(
                    places,
                    needed = PLACES,
                    "places by which this observer can tell its own trouble from that of others"
                );
                *sight = now;
            }
            other
        });
    }

    fn reason(&self, rows: &BTreeMap<Subject, Row>) -> String {
        let places = places(rows);
        let failing: Vec<&str> = places
            .iter()
            .filter(|(_, failing)| **failing)
            .map(|(place, _)| *place)
            .collect();
        let few: Vec<&str> = failing.iter().take(5).copied().collect();
        format!(
            "{SUSPECTS_ITSELF}: {} of {} places that it reached before fail at once ({}{})",
            failing.len(),
            places.len(),
            few.join(", "),
            if failing.len() > few.len() {
                ", …"
            } else {
                ""
            }
        )
    }

    /// The vote that is due on a subject.
    fn vote(&self, row: &mut Row, impaired: Option<&str>) -> Option<Vote> {
        let held = &row.held;
        let (ballot, evidence) = match impaired {
            Some(reason) => (Ballot::Abstain, reason),
            None => (held.ballot, held.evidence.as_str()),
        };
        let due = match row.voted {
            None => true,
            Some((voted, at)) => {
                let again = held.at.since(at) >= self.config.renew;
                voted != ballot || (ballot == Ballot::Unreachable && again)
            }
        };
        let vote = due.then(|| Vote {
            observer: self.config.observer.clone(),
            domain: self.config.domain.clone(),
            subject: held.subject.clone(),
            ballot,
            evidence: evidence.to_owned(),
        });
        if due {
            row.voted = Some((ballot, held.at));
        }
        vote
    }
}

/// As [`super::Adaptive::forgive`], for what was reported already.
fn forgive(held: &mut Held) {
    let fails = held.ballot == Ballot::Unreachable || held.failing == Some(true);
    if fails {
        held.ballot = Ballot::Abstain;
        held.failing = held.failing.map(|_| false);
        "not reached since this observer was impaired".clone_into(&mut held.evidence);
    }
}

/// The places that were ever reached, and whether each fails.
fn places(rows: &BTreeMap<Subject, Row>) -> BTreeMap<&str, bool> {
    let mut places = BTreeMap::new();
    for row in rows.values() {
        if let Some(failing) = row.held.failing {
            *places.entry(row.held.place.as_str()).or_insert(true) &= failing;
        }
    }
    places
}
