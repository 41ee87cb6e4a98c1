//! How many Events may be written: a storm of changes must not become a storm of writes.

use std::collections::BTreeMap;
use std::time::Duration;

use causeway_seam::Monotonic;

/// So many at once.
const BURST: u32 = 25;
/// After that, one in this time.
const REFILL: Duration = Duration::from_secs(2);
/// The same reason for the same object at most this often.
const REPEAT: Duration = Duration::from_secs(30);

/// What may still be written.
#[derive(Debug)]
pub(super) struct Budget {
    left: u32,
    filled: Monotonic,
    last: BTreeMap<(String, String), Monotonic>,
}

impl Budget {
    pub(super) fn new(now: Monotonic) -> Self {
        Self {
            left: BURST,
            filled: now,
            last: BTreeMap::new(),
        }
    }

    /// Whether an Event may be written now; it counts if so.
    pub(super) fn take(&mut self, object: &str, reason: &str, now: Monotonic) -> bool {
        self.last.retain(|_, at| now.since(*at) < REPEAT);
        let key = (object.to_owned(), reason.to_owned());
        if self.last.contains_key(&key) {
            return false;
        }
        while self.left < BURST && now.since(self.filled) >= REFILL {
            self.left += 1;
            self.filled = self.filled.plus(REFILL);
        }
        if self.left == BURST {
            self.filled = now;
        }
        if self.left == 0 {
            return false;
        }
        self.left -= 1;
        self.last.insert(key, now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Monotonic {
        Monotonic(Duration::from_secs(seconds))
    }

    #[test]
    fn the_same_is_not_said_again_at_once() {
        let mut budget = Budget::new(at(0));
        assert!(budget.take("a", "MemberLost", at(0)));
        assert!(!budget.take("a", "MemberLost", at(29)));
        assert!(budget.take("a", "MemberServing", at(29)));
        assert!(budget.take("a", "MemberLost", at(30)));
    }

    #[test]
    fn a_storm_is_cut_and_the_budget_fills_again() {
        let mut budget = Budget::new(at(0));
        let written = (0..100)
            .filter(|n| budget.take(&n.to_string(), "MemberLost", at(1)))
            .count();
        assert_eq!(written, 25);
        assert!(!budget.take("x", "MemberLost", at(2)));
        let later = (0..100)
            .filter(|n| budget.take(&n.to_string(), "Other", at(11)))
            .count();
        assert_eq!(later, 5);
    }
}
