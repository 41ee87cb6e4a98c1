//! What happened, line by line: the time, who, and what. The same seed gives the same bytes.

use std::fmt::{Display, Write as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// An invariant that did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which: the name of its file.
    pub invariant: &'static str,
    /// When, since the beginning.
    pub at: Duration,
    /// What was found.
    pub message: String,
}

impl Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            invariant,
            at,
            message,
        } = self;
        write!(f, "{invariant}, at {:.3} s: {message}", at.as_secs_f64())
    }
}

/// The history of one run. Clones are the same.
#[derive(Debug, Clone)]
pub struct History {
    lines: Arc<Mutex<Lines>>,
    start: Instant,
}

#[derive(Debug, Default)]
struct Lines {
    text: String,
    events: u64,
    violations: Vec<Violation>,
}

impl History {
    /// Begins now. To be called inside a Tokio runtime.
    #[must_use]
    pub fn begin() -> Self {
        Self {
            lines: Arc::default(),
            start: Instant::now(),
        }
    }

    /// The virtual time since the beginning.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// Notes what somebody did or what happened to it.
    pub fn note(&self, who: &str, what: impl Display) {
        let now = self.now();
        let mut lines = self.lock();
        lines.events += 1;
        // Writing to a string cannot fail.
        let _ = writeln!(
            lines.text,
            "{:>5}.{:03} {who:<10} {what}",
            now.as_secs(),
            now.subsec_millis()
        );
    }

    /// Counts something that is not worth a line.
    pub fn count(&self) {
        self.lock().events += 1;
    }

    /// Notes that an invariant does not hold.
    pub fn violated(&self, invariant: &'static str, message: impl Display) {
        let message = message.to_string();
        self.note("!", format_args!("VIOLATED {invariant}: {message}"));
        let at = self.now();
        self.lock().violations.push(Violation {
            invariant,
            at,
            message,
        });
    }

    /// Whether something was violated.
    #[must_use]
    pub fn is_violated(&self) -> bool {
        !self.lock().violations.is_empty()
    }

    /// The whole text, how much happened, and what was violated; this one is empty after it.
    #[must_use]
    pub fn take(&self) -> (String, u64, Vec<Violation>) {
        let lines = std::mem::take(&mut *self.lock());
        (lines.text, lines.events, lines.violations)
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
