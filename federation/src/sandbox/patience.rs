//! How long the sandbox waits for what it waits for: as long as there is progress. A busy machine makes everything slower
//! and nothing different.

use std::time::Duration;

use causeway_seam::Monotonic;

/// How long nothing may change before waiting ends. Longer than any pause that belongs to the story: the longest are the
/// hold-down and the silence after which an agent counts as away.
const STALL: Duration = Duration::from_secs(30);
/// What changes for ever comes to no end either.
const ALTOGETHER: Duration = Duration::from_secs(900);

/// Waits for something that can be seen to come nearer.
pub(crate) struct Patience<T> {
    begun: Monotonic,
    progressed: Monotonic,
    seen: Option<T>,
}

impl<T: PartialEq> Patience<T> {
    /// Waiting begins now.
    pub(crate) fn new(now: Monotonic) -> Self {
        Self {
            begun: now,
            progressed: now,
            seen: None,
        }
    }

    /// This is how it stands: whatever differs from before is progress.
    pub(crate) fn see(&mut self, now: Monotonic, seen: T) {
        if self.seen.as_ref() != Some(&seen) {
            self.seen = Some(seen);
            self.progressed = now;
        }
    }

    /// Whether there was no progress for too long.
    pub(crate) fn is_over(&self, now: Monotonic) -> bool {
        now.since(self.progressed) > STALL || now.since(self.begun) > ALTOGETHER
    }

    /// How long it has been waited for, in seconds.
    pub(crate) fn seconds(&self, now: Monotonic) -> u64 {
        now.since(self.begun).as_secs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_lasts_as_long_as_there_is_progress_but_not_for_ever() {
        let at = |seconds| Monotonic::default().plus(Duration::from_secs(seconds));
        let mut patience = Patience::new(at(0));
        for step in 0..29 {
            patience.see(at(step * 29), step);
            assert!(!patience.is_over(at(step * 29)));
        }
        patience.see(at(840), 28);
        assert!(
            patience.is_over(at(28 * 29 + 31)),
            "the same again is no progress"
        );
        patience.see(at(895), 29);
        assert!(!patience.is_over(at(900)));
        patience.see(at(901), 30);
        assert!(patience.is_over(at(901)));
        assert_eq!(patience.seconds(at(901)), 901);
    }
}
