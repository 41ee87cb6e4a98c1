//! Random numbers from a seed, in streams: whoever draws more of one stream changes no other.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use causeway_seam::Random;

/// What SplitMix64 counts by.
const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// A stream of random numbers.
#[derive(Debug)]
pub struct Dice {
    seed: u64,
    state: AtomicU64,
}

impl Dice {
    /// The stream of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            state: AtomicU64::new(mix(seed)),
        }
    }

    /// A stream of its own, of this one's seed and a name: what was drawn here before does not matter.
    #[must_use]
    pub fn fork(&self, name: &str) -> Self {
        let named = name.bytes().fold(mix(self.seed), |hash, byte| {
            mix(hash.wrapping_add(GAMMA) ^ u64::from(byte))
        });
        Self::new(named)
    }

    /// Whether something happens that does so `percent` times in a hundred.
    pub fn percent(&self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// A number of `low..=high`.
    pub fn between(&self, low: u64, high: u64) -> u64 {
        low.saturating_add(self.below(high.saturating_sub(low).saturating_add(1)))
    }

    /// A duration of `low..=high` milliseconds.
    pub fn millis(&self, low: u64, high: u64) -> Duration {
        Duration::from_millis(self.between(low, high))
    }

    /// One of them, each as likely as any other; `None` of none.
    pub fn pick<'a, T>(&self, from: &'a [T]) -> Option<&'a T> {
        let at = self.below(u64::try_from(from.len()).unwrap_or(u64::MAX));
        from.get(usize::try_from(at).unwrap_or_default())
    }
}

impl Random for Dice {
    fn next_u64(&self) -> u64 {
        mix(self.state.fetch_add(GAMMA, Ordering::Relaxed))
    }
}

/// The finaliser of SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
fn mix(number: u64) -> u64 {
    let mixed = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_the_same_every_time_and_differ_from_each_other() {
        let draw = |dice: &Dice| [dice.next_u64(), dice.next_u64(), dice.next_u64()];
        assert_eq!(draw(&Dice::new(7)), draw(&Dice::new(7)));
        assert_ne!(draw(&Dice::new(7)), draw(&Dice::new(8)));
        let dice = Dice::new(7);
        let before = draw(&dice.fork("disk"));
        let _ = dice.next_u64();
        assert_eq!(draw(&dice.fork("disk")), before);
        assert_ne!(draw(&dice.fork("network")), before);
    }

    #[test]
    fn bounds_are_kept() {
        let dice = Dice::new(1);
        for _ in 0..1_000 {
            assert!((3..=5).contains(&dice.between(3, 5)));
            assert!(dice.pick(&[1, 2]).is_some());
        }
        assert!(dice.pick::<u8>(&[]).is_none());
        assert!(!dice.percent(0) && dice.percent(100));
    }
}
