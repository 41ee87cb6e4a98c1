//! How many agents may begin their sessions at once: where a replica dies, all of its agents come to the others.
//!
//! A session is expensive at its beginning alone, when its view is compared with what the agent holds. Whoever comes while
//! too many are at that is told when to come again, by how many have come of late, so that they do not all come back
//! together.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use causeway_seam::{Env, Monotonic};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::sessions::lock;

/// Sessions that may begin at once.
const AT_ONCE: usize = 32;
/// How long one takes at most, as a guess for those who wait.
const EACH: Duration = Duration::from_millis(20);
/// The shortest and the longest time after which to come again.
const SOON: Duration = Duration::from_millis(200);
const LATE: Duration = Duration::from_secs(5);
/// Those who came within this time count as waiting.
const LATELY: Duration = Duration::from_secs(2);

/// Who may begin.
pub(crate) struct Admission {
    beginning: Arc<Semaphore>,
    turned_away: Mutex<(Monotonic, u32)>,
}

impl Default for Admission {
    fn default() -> Self {
        Self {
            beginning: Arc::new(Semaphore::new(AT_ONCE)),
            turned_away: Mutex::default(),
        }
    }
}

impl Admission {
    /// A place for one whose session begins, until it is dropped.
    ///
    /// # Errors
    /// When to come again.
    pub(crate) fn enter(&self, env: &Env) -> Result<OwnedSemaphorePermit, Duration> {
        if let Ok(place) = self.beginning.clone().try_acquire_owned() {
            return Ok(place);
        }
        let mut turned_away = lock(&self.turned_away);
        let now = env.now();
        if now.since(turned_away.0) > LATELY {
            *turned_away = (now, 0);
        }
        turned_away.1 = turned_away.1.saturating_add(1);
        let wait = (SOON + EACH * turned_away.1 / 2).min(LATE);
        Err(env.random().jittered(wait))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn who_comes_with_many_is_told_to_come_again_and_later_ones_later() {
        let env = causeway_seam::real::env();
        let admission = Admission::default();
        let mut places: Vec<_> = (0..AT_ONCE)
            .map(|_| admission.enter(&env).unwrap())
            .collect();
        let first = admission.enter(&env).unwrap_err();
        assert!(first >= SOON / 2 && first <= SOON + EACH, "{first:?}");
        let waits: Vec<Duration> = (0..400)
            .map(|_| admission.enter(&env).unwrap_err())
            .collect();
        let late = waits.iter().rev().take(100).min().unwrap();
        assert!(*late > first && waits.iter().all(|wait| *wait <= LATE));
        places.pop();
        assert!(admission.enter(&env).is_ok());
    }
}
