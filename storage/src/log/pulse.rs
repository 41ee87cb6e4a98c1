//! How long the disk takes for a write, for whoever asks whether it has stalled.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use causeway_seam::Monotonic;

/// Writes that are remembered.
const KEPT: usize = 31;

/// A write that takes so long is a stall.
const STALL: Duration = Duration::from_millis(1_000);

/// How long durable writes take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DiskPulse {
    /// The median of the last ones; `None`: there was none yet.
    pub usual: Option<Duration>,
    /// The longest of the last ones.
    pub longest: Duration,
    /// For how long the one that is under way has been.
    pub under_way: Option<Duration>,
    /// Whether the disk refused the last one.
    pub refuses: bool,
}

impl DiskPulse {
    /// How long a write takes now: what it usually does, or longer where the one that is under way has been.
    #[must_use]
    pub fn takes(&self) -> Option<Duration> {
        self.usual.max(self.under_way)
    }

    /// Whether it takes too long for a replica that leads.
    #[must_use]
    pub fn stalls(&self) -> bool {
        self.takes().is_some_and(Self::is_stall)
    }

    /// Whether that is too long for a write.
    #[must_use]
    pub fn is_stall(took: Duration) -> bool {
        took > STALL
    }
}

#[derive(Default)]
struct Inner {
    began: Option<Monotonic>,
    last_began: Option<Monotonic>,
    last: VecDeque<Duration>,
    refuses: bool,
}

/// Notes how long writes take.
#[derive(Default)]
pub(crate) struct Pulse(Mutex<Inner>);

impl Pulse {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn begin(&self, now: Monotonic) {
        let mut inner = self.lock();
        inner.began = Some(now);
        inner.last_began = Some(now);
    }

    pub(super) fn end(&self, now: Monotonic, refused: bool) {
        let mut inner = self.lock();
        inner.refuses = refused;
        if let Some(began) = inner.began.take() {
            inner.last.push_back(now.since(began));
            if inner.last.len() > KEPT {
                inner.last.pop_front();
            }
        }
    }

    /// Whether nothing is being written, and nothing was begun for so long.
    pub(super) fn rests(&self, now: Monotonic, long: Duration) -> bool {
        let inner = self.lock();
        let lately = |began| now.since(began) < long;
        inner.began.is_none() && !inner.last_began.is_some_and(lately)
    }

    /// How it is.
    pub(crate) fn read(&self, now: Monotonic) -> DiskPulse {
        let inner = self.lock();
        let mut sorted: Vec<Duration> = inner.last.iter().copied().collect();
        sorted.sort_unstable();
        DiskPulse {
            usual: sorted.get(sorted.len() / 2).copied(),
            longest: sorted.last().copied().unwrap_or_default(),
            under_way: inner.began.map(|began| now.since(began)),
            refuses: inner.refuses,
        }
    }
}
