//! Pauses between writes, so that the mesh's control plane finds time to pass them on.
//!
//! istiod tells proxies of changes once there was none for `PILOT_DEBOUNCE_AFTER` (100 ms), and after
//! `PILOT_DEBOUNCE_MAX` (10 s) at the latest: where changes come faster than the first, what proxies know grows ten
//! seconds old. So counts that change are written at once after a pause, and together from then on. What else changes
//! (a plan, a gateway, an object that somebody removed) never comes by here; counts wait after it too. What led to no
//! write made no difference to the control plane, and nothing has to wait for it.

use std::collections::BTreeSet;
use std::time::Duration;

use causeway_api::ServiceKey;
use causeway_seam::Monotonic;

/// Services whose counts are marked, and when they may be taken.
#[derive(Debug)]
pub(crate) struct Pace {
    gap: Duration,
    marked: BTreeSet<ServiceKey>,
    /// When the first of them was marked: it waits no longer than `gap`, however much is written meanwhile.
    since: Monotonic,
    /// The pause is over then.
    opens: Monotonic,
    /// What `opens` was before something went, and how much had been written then.
    before: Option<(Monotonic, u64)>,
}

impl Pace {
    /// Lets so much time pass between one writing and the next.
    pub(crate) fn new(gap: Duration, now: Monotonic) -> Self {
        Self {
            gap,
            marked: BTreeSet::new(),
            since: now,
            opens: now,
            before: None,
        }
    }

    pub(crate) fn mark(&mut self, services: BTreeSet<ServiceKey>, now: Monotonic) {
        if self.marked.is_empty() {
            self.since = now;
        }
        self.marked.extend(services);
    }

    /// Something goes to be written now; so much was `written` until now.
    pub(crate) fn goes(&mut self, now: Monotonic, written: u64) {
        // Of several that go before all is done, the first counts.
        if !matches!(self.before, Some((_, before)) if before == written) {
            self.before = Some((self.opens, written));
        }
        self.opens = now.plus(self.gap);
    }

    /// All that went is done, and so much was written until now: takes the pause back where that is no more than before.
    pub(crate) fn done(&mut self, written: u64) {
        if let Some((opens, before)) = self.before.take()
            && written == before
        {
            self.opens = opens;
        }
    }

    /// What is marked, where the pause is over, or nothing is to wait.
    pub(crate) fn take(&mut self, now: Monotonic, at_once: bool) -> BTreeSet<ServiceKey> {
        if at_once || self.left(now) == Some(Duration::ZERO) {
            std::mem::take(&mut self.marked)
        } else {
            BTreeSet::new()
        }
    }

    /// What is marked and was not taken yet.
    pub(crate) fn marked(&self) -> &BTreeSet<ServiceKey> {
        &self.marked
    }

    /// How long what is marked has to wait.
    pub(crate) fn left(&self, now: Monotonic) -> Option<Duration> {
        let at = self.opens.min(self.since.plus(self.gap));
        (!self.marked.is_empty()).then(|| at.since(now))
    }

    /// This one is looked at now for another reason.
    pub(crate) fn forget(&mut self, service: &ServiceKey) {
        self.marked.remove(service);
    }

    pub(crate) fn clear(&mut self) {
        self.marked.clear();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const GAP: Duration = Duration::from_millis(250);

    fn key(name: &str) -> BTreeSet<ServiceKey> {
        [ServiceKey::new("shop", name).unwrap()].into()
    }

    fn at(ms: u64) -> Monotonic {
        Monotonic::default().plus(Duration::from_millis(ms))
    }

    #[test]
    fn the_first_goes_at_once_and_what_follows_goes_together() {
        let mut pace = Pace::new(GAP, at(0));
        assert_eq!(pace.left(at(0)), None);
        pace.mark(key("a"), at(0));
        assert_eq!(pace.take(at(0), false), key("a"));
        pace.goes(at(0), 0);
        pace.done(1);
        assert_eq!(pace.left(at(10)), None, "nothing waits");

        for (ms, name) in [(20, "a"), (40, "b"), (60, "a")] {
            pace.mark(key(name), at(ms));
            assert!(pace.take(at(ms), false).is_empty());
        }
        assert_eq!(pace.left(at(100)), Some(Duration::from_millis(150)));
        assert_eq!(pace.take(at(250), false), &key("a") | &key("b"));
        pace.goes(at(250), 1);

        pace.mark(key("c"), at(260));
        assert!(pace.take(at(260), false).is_empty());
        assert_eq!(pace.take(at(270), true), key("c"), "nothing is to wait");
    }

    #[test]
    fn what_led_to_no_write_makes_no_pause() {
        let mut pace = Pace::new(GAP, at(0));
        pace.goes(at(0), 7);
        pace.done(8);
        // The write's own echo, twice before it is done.
        pace.goes(at(2), 8);
        pace.goes(at(4), 8);
        pace.mark(key("a"), at(5));
        pace.done(8);
        assert_eq!(pace.left(at(5)), Some(Duration::from_millis(245)));
        assert_eq!(pace.take(at(250), false), key("a"));
    }

    #[test]
    fn counts_wait_no_longer_than_a_gap_however_much_is_written_meanwhile() {
        let mut pace = Pace::new(GAP, at(0));
        pace.goes(at(0), 0);
        pace.done(1);
        pace.mark(key("a"), at(100));
        for (written, ms) in (1..).zip([150, 200, 250, 300, 340]) {
            pace.goes(at(ms), written);
            pace.done(written + 1);
            assert!(pace.take(at(ms), false).is_empty(), "at {ms} ms");
        }
        assert_eq!(pace.take(at(350), false), key("a"));
    }
}
