//! The ways between hosts: how long they take, and what is wrong with them.
//!
//! A cut way loses nothing by itself, as TCP does not: what was sent waits, and arrives when the way is whole again,
//! unless somebody has given up by then. A reset breaks the connections at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::dice::Dice;

/// How long a message takes, at least and at most, where nothing else is said.
const NEAR: (Duration, Duration) = (Duration::from_micros(200), Duration::from_millis(2));

type Way = (String, String);

/// All ways. Clones are the same.
#[derive(Debug, Clone)]
pub struct Wires {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    dice: Dice,
    state: Mutex<State>,
    changes: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    cut: BTreeSet<Way>,
    dark: BTreeSet<String>,
    slow: BTreeMap<Way, Duration>,
    distances: BTreeMap<Way, (Duration, Duration)>,
    resets: BTreeMap<Way, u64>,
}

fn way(from: &str, to: &str) -> Way {
    (from.to_owned(), to.to_owned())
}

/// Both directions have one number of resets.
fn pair(a: &str, b: &str) -> Way {
    if a < b { way(a, b) } else { way(b, a) }
}

impl Wires {
    /// Ways that are all whole.
    #[must_use]
    pub fn new(dice: Dice) -> Self {
        Self {
            shared: Arc::new(Shared {
                dice,
                state: Mutex::default(),
                changes: watch::Sender::new(0),
            }),
        }
    }

    /// Two hosts are so far from each other, one way.
    pub fn set_distance(&self, a: &str, b: &str, least: Duration, most: Duration) {
        self.change(|state| {
            state.distances.insert(way(a, b), (least, most));
            state.distances.insert(way(b, a), (least, most));
        });
    }

    /// Nothing gets from one to the other; the way back is not touched.
    pub fn cut(&self, from: &str, to: &str) {
        self.change(|state| state.cut.insert(way(from, to)));
    }

    /// The way is whole again.
    pub fn mend(&self, from: &str, to: &str) {
        self.change(|state| state.cut.remove(&way(from, to)));
    }

    /// Nothing gets to or from a host: its power is off, or its region is cut.
    pub fn darken(&self, host: &str) {
        self.change(|state| state.dark.insert(host.to_owned()));
    }

    /// Ends [`Self::darken`].
    pub fn lighten(&self, host: &str) {
        self.change(|state| state.dark.remove(host));
    }

    /// Messages take so much longer.
    pub fn slow(&self, from: &str, to: &str, by: Duration) {
        self.change(|state| state.slow.insert(way(from, to), by));
    }

    /// Breaks all connections between two hosts.
    pub fn reset(&self, a: &str, b: &str) {
        self.change(|state| *state.resets.entry(pair(a, b)).or_default() += 1);
    }

    /// Everything is whole and fast again. Connections that were broken stay so.
    pub fn heal(&self) {
        self.change(|state| {
            state.cut.clear();
            state.dark.clear();
            state.slow.clear();
        });
    }

    /// Whether something gets from one to the other.
    #[must_use]
    pub fn is_open(&self, from: &str, to: &str) -> bool {
        let state = self.lock();
        from == to
            || !(state.dark.contains(from)
                || state.dark.contains(to)
                || state.cut.contains(&way(from, to)))
    }

    /// How long the next message takes.
    #[must_use]
    pub fn latency(&self, from: &str, to: &str) -> Duration {
        let state = self.lock();
        let (least, most) = *state.distances.get(&way(from, to)).unwrap_or(&NEAR);
        let slow = state.slow.get(&way(from, to)).copied();
        let micros = |duration: Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let drawn = self.shared.dice.between(micros(least), micros(most));
        Duration::from_micros(drawn) + slow.unwrap_or_default()
    }

    /// How often connections between two hosts were broken.
    #[must_use]
    pub fn resets(&self, a: &str, b: &str) -> u64 {
        let state = self.lock();
        state.resets.get(&pair(a, b)).copied().unwrap_or_default()
    }

    /// Follows every change.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changes.subscribe()
    }

    /// Returns once `due` has come and the way is whole.
    pub async fn arrive(&self, from: &str, to: &str, due: Instant) {
        tokio::time::sleep_until(due).await;
        let mut changes = self.changes();
        while !self.is_open(from, to) {
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// Takes a message's time from one host to the other.
    pub async fn travel(&self, from: &str, to: &str) {
        let due = Instant::now() + self.latency(from, to);
        self.arrive(from, to, due).await;
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) {
        change(&mut self.lock());
        self.shared.changes.send_modify(|count| *count += 1);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
