//! Random numbers from a seed: the same seed gives the same numbers for ever.

use std::sync::atomic::{AtomicU64, Ordering};

use causeway_seam::Random;

/// SplitMix64 (Steele, Lea, Flood 2014): small, quick, and good enough to choose faults by.
#[derive(Debug)]
pub struct Seeded(AtomicU64);

impl Seeded {
    /// From a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// True half of the time.
    #[must_use]
    pub fn coin(&self) -> bool {
        self.next_u64() & 1 == 1
    }
}

impl Random for Seeded {
    fn next_u64(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let state = self.0.fetch_add(STEP, Ordering::Relaxed);
        let mut z = state.wrapping_add(STEP);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}
