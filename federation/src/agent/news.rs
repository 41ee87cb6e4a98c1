//! When what changed in a member is sent to its replica.

use std::time::Duration;

use causeway_seam::Monotonic;

/// Counts that change so soon after others were sent wait, and are sent together: most of what an event costs is its
/// own message. What cannot wait (`Observer::is_urgent`) does not.
const GATHER: Duration = Duration::from_millis(100);

/// When what changed is sent.
pub(super) struct News {
    pub(super) waits: bool,
    opens: Monotonic,
}

impl News {
    pub(super) fn new(now: Monotonic) -> Self {
        Self {
            waits: false,
            opens: now,
        }
    }

    pub(super) fn due(&self, now: Monotonic) -> bool {
        self.waits && now >= self.opens
    }

    pub(super) fn sent(&mut self, now: Monotonic) {
        self.waits = false;
        self.opens = now.plus(GATHER);
    }

    /// How long what waits has to.
    pub(super) fn left(&self, now: Monotonic) -> Duration {
        if self.waits {
            self.opens.since(now)
        } else {
            Duration::MAX
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_change_goes_at_once_and_what_follows_goes_together() {
        let at = |ms| Monotonic::default().plus(Duration::from_millis(ms));
        let mut news = News::new(at(0));
        assert!(!news.due(at(500)), "nothing changed");
        for quiet in [500, 5_000] {
            news.waits = true;
            assert!(news.due(at(quiet)), "nothing was sent lately");
            news.sent(at(quiet));
            // Three more, of which none waits longer than the first of them.
            for (more, left) in [(20, 80), (50, 50), (99, 1)] {
                news.waits = true;
                assert!(!news.due(at(quiet + more)));
                assert_eq!(news.left(at(quiet + more)), Duration::from_millis(left));
            }
            assert!(news.due(at(quiet + 100)), "together");
            news.sent(at(quiet + 100));
            assert!(!news.due(at(quiet + 300)), "nothing more");
            assert_eq!(news.left(at(quiet + 300)), Duration::MAX);
        }
    }
}
