//! At most so many attempts a second, whatever there is to probe.
//!
//! Two means. What is well is probed less often where there is much of it, so that all of it together takes four fifths of
//! the budget ([`Budget::spread`]); what fails is tried at the usual pace again, with whatever is left. And no attempt
//! begins before its turn ([`Budget::turn`]), so that the sum holds even when everything fails at once.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use causeway_seam::{Env, Monotonic};

/// Turns for attempts: the generic cell rate algorithm (ITU-T I.371), which needs one number.
#[derive(Debug)]
pub struct Budget {
    per_second: u32,
    /// When the next turn is, were every attempt on time.
    next: Mutex<Monotonic>,
}

impl Budget {
    /// So many attempts a second (at least one), and no more than a quarter of a second's at once.
    #[must_use]
    pub fn new(per_second: u32) -> Self {
        Self {
            per_second: per_second.max(1),
            next: Mutex::new(Monotonic::default()),
        }
    }

    /// How often one of `subjects` that are well is probed where each would be at `interval`.
    #[must_use]
    pub fn spread(&self, interval: Duration, subjects: usize) -> Duration {
        let subjects = u32::try_from(subjects).unwrap_or(u32::MAX);
        // Intervals are shortened at random by a quarter on average, and a fifth is kept for what fails: 4/3 times 5/4.
        let least = Duration::from_secs(5)
            .saturating_mul(subjects)
            .checked_div(self.per_second.saturating_mul(3))
            .unwrap_or(interval);
        interval.max(least)
    }

    /// Waits for a turn.
    pub async fn turn(&self, env: &Env) {
        let now = env.now();
        let at = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let burst = Duration::from_millis(250);
            let earliest = Monotonic(now.0.saturating_sub(burst));
            let at = (*next).max(earliest);
            *next = at.plus(Duration::from_secs(1) / self.per_second);
            at
        };
        if at > now {
            env.sleep(at.since(now)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_subjects_are_probed_as_often_as_is_set() {
        let second = Duration::from_secs(1);
        assert_eq!(Budget::new(500).spread(second, 100), second);
        assert_eq!(
            Budget::new(500).spread(second, 3_000),
            Duration::from_secs(10)
        );
        assert_eq!(Budget::new(0).spread(second, 0), second);
    }

    #[tokio::test(start_paused = true)]
    async fn turns_come_at_the_rate_after_a_burst() {
        let env = causeway_seam::real::env();
        env.sleep(Duration::from_secs(10)).await;
        let budget = Budget::new(100);
        let began = env.now();
        for _ in 0..25 {
            budget.turn(&env).await;
        }
        assert_eq!(env.now(), began);
        for _ in 0..100 {
            budget.turn(&env).await;
        }
        let took = env.now().since(began);
        assert!(took >= Duration::from_millis(950) && took <= Duration::from_millis(1_200));
    }
}
