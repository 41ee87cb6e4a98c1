//! Pauses between writes, so that the mesh's control plane finds time to pass them on.
//!
//! istiod tells proxies of changes once there was none for `PILOT_DEBOUNCE_AFTER` (100 ms), and after
//! `PILOT_DEBOUNCE_MAX` (10 s) at the latest: where changes come faster than the first, what proxies know grows ten
//! seconds old. So what is marked is taken at once after a pause, and together from then on.

use std::collections::BTreeSet;
use std::time::Duration;

use causeway_api::ServiceKey;
use causeway_seam::Monotonic;

/// What is marked, and when it may be taken.
#[derive(Debug)]
pub(crate) struct Pace {
    gap: Duration,
    marked: BTreeSet<ServiceKey>,
    opens: Monotonic,
}

impl Pace {
    /// Lets so much time pass between one taking and the next.
    pub(crate) fn new(gap: Duration, now: Monotonic) -> Self {
        Self {
            gap,
            marked: BTreeSet::new(),
            opens: now,
        }
    }

    pub(crate) fn mark(&mut self, services: BTreeSet<ServiceKey>) {
        self.marked.extend(services);
    }

    /// What is marked, unless something was taken a moment ago. What is `urgent` waits for nothing.
    pub(crate) fn take(&mut self, now: Monotonic, urgent: bool) -> BTreeSet<ServiceKey> {
        if self.marked.is_empty() || now < self.opens && !urgent {
            return BTreeSet::new();
        }
        self.opens = now.plus(self.gap);
        std::mem::take(&mut self.marked)
    }

    /// What is marked and was not taken yet.
    pub(crate) fn marked(&self) -> &BTreeSet<ServiceKey> {
        &self.marked
    }

    /// How long what is marked has to wait.
    pub(crate) fn left(&self, now: Monotonic) -> Option<Duration> {
        (!self.marked.is_empty()).then(|| self.opens.since(now))
    }

    pub(crate) fn clear(&mut self) {
        self.marked.clear();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn key(name: &str) -> BTreeSet<ServiceKey> {
        [ServiceKey::new("shop", name).unwrap()].into()
    }

    #[test]
    fn the_first_goes_at_once_and_what_follows_goes_together() {
        let start = Monotonic::default();
        let at = |ms| start.plus(Duration::from_millis(ms));
        let mut pace = Pace::new(Duration::from_millis(250), start);
        assert_eq!(pace.left(at(0)), None);

        pace.mark(key("a"));
        assert_eq!(pace.take(at(0), false), key("a"));
        assert_eq!(pace.left(at(10)), None, "nothing waits");

        for (ms, name) in [(20, "a"), (40, "b"), (60, "a")] {
            pace.mark(key(name));
            assert!(pace.take(at(ms), false).is_empty());
        }
        assert_eq!(pace.left(at(100)), Some(Duration::from_millis(150)));
        assert_eq!(pace.take(at(250), false), &key("a") | &key("b"));

        pace.mark(key("c"));
        assert!(pace.take(at(260), false).is_empty());
        assert_eq!(pace.take(at(270), true), key("c"), "what is urgent goes");
    }
}
