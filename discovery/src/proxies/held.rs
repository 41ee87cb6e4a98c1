//! Words over time → the fact that callers eject a network for a service.
//!
//! Envoy takes a host back by itself, five seconds after our rules' first ejection and later each time, and ejects it anew
//! if it still fails: a fact that followed each of these would have the plan flap. So it takes [`Rules::hold`] of ejection,
//! less what was well in between, until it counts; then nobody must have ejected it for [`Rules::hold_down`] until it
//! ends, whether because it is well or because nobody asks for it there any more: who is sent elsewhere has no errors. What
//! comes again soon holds twice as long each time, up to [`Rules::doublings`], and is forgiven one doubling for each
//! [`Rules::forgive`] that it was well.

use std::collections::BTreeMap;
use std::time::Duration;

use causeway_seam::Monotonic;

use super::{Ejected, Pair};

/// The most of a pause between two looks that counts: what was not seen was not so.
const STEP: Duration = Duration::from_secs(5);
/// The most that is said; beyond it something is wrong with all of them, and the first by name are.
pub const MOST: usize = 1_000;

/// How long a fact takes to come and to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// How long it is ejected until it counts.
    pub hold: Duration,
    /// How long nobody ejects it until that ends, the first time.
    pub hold_down: Duration,
    /// How often that doubles, where it comes again.
    pub doublings: u32,
    /// How long it is not ejected until one doubling is forgiven.
    pub forgive: Duration,
}

impl Default for Rules {
    /// Ten seconds to come, as a loss takes; one to sixteen minutes to go.
    fn default() -> Self {
        Self {
            hold: Duration::from_secs(10),
            hold_down: Duration::from_secs(60),
            doublings: 4,
            forgive: Duration::from_secs(1_800),
        }
    }
}

/// What is held of each service and network.
#[derive(Debug, Clone, Default)]
pub struct Held {
    rules: Rules,
    rows: BTreeMap<Pair, Row>,
    looked: Option<Monotonic>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Row {
    ejected: bool,
    /// Not yet ejected: how much speaks for it. Ejected: for how long nobody has ejected it.
    so_far: Duration,
    /// How often it came again.
    again: u32,
    /// For how long it has not been ejected since the last doubling, or forgiveness.
    well: Duration,
    /// Whether it ever was.
    was: bool,
}

impl Held {
    /// Nothing is held.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        Self {
            rules,
            ..Self::default()
        }
    }

    /// Takes what is said now. The first look only begins to count.
    pub fn look(&mut self, now: Monotonic, words: &BTreeMap<Pair, bool>) {
        let passed = self.looked.map_or(Duration::ZERO, |at| now.since(at));
        let passed = passed.min(STEP);
        self.looked = Some(now);
        for (pair, _) in words.iter().filter(|(_, ejects)| **ejects) {
            self.rows.entry(pair.clone()).or_default();
        }
        let rules = self.rules;
        self.rows.retain(|pair, row| {
            row.step(passed, words.get(pair).copied(), &rules);
            row.ejected
                || row.again > 0
                || row.was
                || !row.so_far.is_zero()
                || words.contains_key(pair)
        });
    }

    /// What counts as ejected.
    #[must_use]
    pub fn ejected(&self) -> Ejected {
        let mut ejected = Ejected::new();
        let rows = self.rows.iter().filter(|(_, row)| row.ejected);
        for ((service, network), _) in rows.take(MOST) {
            let networks = ejected.entry(service.clone()).or_default();
            networks.insert(network.clone());
        }
        ejected
    }
}

impl Row {
    fn step(&mut self, passed: Duration, word: Option<bool>, rules: &Rules) {
        if self.ejected {
            self.so_far = match word {
                Some(true) => Duration::ZERO,
                Some(false) | None => self.so_far.saturating_add(passed),
            };
            let factor = 1_u32.checked_shl(self.again).unwrap_or(u32::MAX);
            if self.so_far >= rules.hold_down.saturating_mul(factor) {
                self.ejected = false;
                (self.so_far, self.well) = (Duration::ZERO, Duration::ZERO);
            }
            return;
        }
        self.so_far = match word {
            Some(true) => self.so_far.saturating_add(passed),
            // No word is no reason to take one back at once; nor does it last.
            Some(false) | None => self.so_far.saturating_sub(passed),
        };
        self.well = self.well.saturating_add(passed);
        if self.well >= rules.forgive {
            self.well = Duration::ZERO;
            self.was &= self.again > 0;
            self.again = self.again.saturating_sub(1);
        }
        if self.so_far >= rules.hold {
            self.so_far = Duration::ZERO;
            self.ejected = true;
            if self.was {
                self.again = self.again.saturating_add(1).min(rules.doublings);
            }
            self.was = true;
        }
    }
}

#[cfg(test)]
mod tests;
