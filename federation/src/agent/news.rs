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
