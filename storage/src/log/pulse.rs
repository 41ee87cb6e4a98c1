//! How long the disk takes for a write, for whoever asks whether it has stalled.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use causeway_seam::Monotonic;

/// Writes that are remembered.
const KEPT: usize = 31;

/// How long durable writes take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DiskPulse {
    /// The median of the last ones; `None`: there was none yet.
    pub usual: Option<Duration>,
    /// The longest of the last ones.
    pub longest: Duration,
    /// For how long the one that is under way has been.
    pub under_way: Option<Duration>,
}

#[derive(Default)]
struct Inner {
    began: Option<Monotonic>,
    last: VecDeque<Duration>,
}

/// Notes how long writes take.
#[derive(Default)]
pub(crate) struct Pulse(Mutex<Inner>);

impl Pulse {
    pub(super) fn begin(&self, now: Monotonic) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.began = Some(now);
    }

    pub(super) fn end(&self, now: Monotonic) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(began) = inner.began.take() {
            inner.last.push_back(now.since(began));
            if inner.last.len() > KEPT {
                inner.last.pop_front();
            }
        }
    }

    /// How it is.
    pub(crate) fn read(&self, now: Monotonic) -> DiskPulse {
        let inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sorted: Vec<Duration> = inner.last.iter().copied().collect();
        sorted.sort_unstable();
        DiskPulse {
            usual: sorted.get(sorted.len() / 2).copied(),
            longest: sorted.last().copied().unwrap_or_default(),
            under_way: inner.began.map(|began| now.since(began)),
        }
    }
}
