//! Randomness: for jitter, identifiers and the spreading of load; never inside a decision that is replicated.

use std::time::Duration;

/// A process's source of randomness.
pub trait Random: Send + Sync + 'static {
    /// A number, each as likely as any other.
    fn next_u64(&self) -> u64;

    /// A number below `bound`; 0 where `bound` is 0.
    fn below(&self, bound: u64) -> u64 {
        // The high half of the product is uniform up to a bias of bound / 2^64, which no jitter notices.
        let wide = u128::from(self.next_u64()) * u128::from(bound);
        u64::try_from(wide >> 64).unwrap_or(0)
    }

    /// `base`, shortened by up to half of it: spreads what would else happen at once.
    fn jittered(&self, base: Duration) -> Duration {
        let half = u64::try_from(base.as_micros() / 2).unwrap_or(u64::MAX);
        base.saturating_sub(Duration::from_micros(self.below(half.saturating_add(1))))
    }
}
