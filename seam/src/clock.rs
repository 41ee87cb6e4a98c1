//! Time: a monotonic clock for everything that is decided, a wall clock for people and certificates.

use std::time::Duration;

use async_trait::async_trait;

/// A point of one process's monotonic clock, as the time since that process's own beginning. Never compared between
/// processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Monotonic(pub Duration);

impl Monotonic {
    /// Time from `earlier` until this; zero where `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// This plus `duration`.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration))
    }
}

/// The time of day, as milliseconds since the Unix epoch: for people, logs and certificates, never for a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct WallClock(pub i64);

/// A process's clock.
#[async_trait]
pub trait Clock: Send + Sync + 'static {
    /// Now, on the monotonic clock.
    fn now(&self) -> Monotonic;

    /// Now, as the time of day.
    fn wall(&self) -> WallClock;

    /// Returns once the monotonic clock has advanced by `duration`.
    async fn sleep(&self, duration: Duration);
}
