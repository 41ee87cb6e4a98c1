//! What flapping costs: each loss adds to a score that decays by half every five minutes of cluster time, and the score
//! lengthens the hold-down. After the RIPE's and the IETF's route-flap damping (RFC 2439), without its suppression: what
//! has come back is never kept out for longer than eight hold-downs.

use causeway_api::verdict::ClusterTime;
use serde::{Deserialize, Serialize};

/// What one loss adds.
pub const LOSS: u32 = 1_000;
/// The most that is ever held against a subject: its hold-down is eight times as long.
pub const MOST: u32 = 8_000;
/// In so much cluster time half of it is forgotten.
pub const HALF_LIFE_MS: u64 = 300_000;
/// So little is forgotten altogether.
const FORGOTTEN: u32 = 500;

/// What is held against a subject for having been lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Penalty {
    /// As it was at `at`.
    score: u32,
    at: ClusterTime,
}

impl Penalty {
    /// What is left of it.
    #[must_use]
    pub fn score(&self, now: ClusterTime) -> u32 {
        let passed_ms = now.since_ms(self.at);
        let halvings = u32::try_from(passed_ms / HALF_LIFE_MS).unwrap_or(u32::MAX);
        let halved = self.score.checked_shr(halvings).unwrap_or(0);
        // Between two halvings in a straight line.
        let part = u64::from(halved / 2) * (passed_ms % HALF_LIFE_MS) / HALF_LIFE_MS;
        let left = halved.saturating_sub(u32::try_from(part).unwrap_or(u32::MAX));
        if left <= FORGOTTEN { 0 } else { left }
    }

    /// The subject was lost.
    pub(super) fn add(&mut self, now: ClusterTime) {
        self.score = self.score(now).saturating_add(LOSS).min(MOST);
        self.at = now;
    }

    /// How long the hold-down of a subject is that began to wait at `since`: the first loss costs nothing beyond it.
    #[must_use]
    pub fn hold_down_ms(&self, usual_ms: u64, since: ClusterTime) -> u64 {
        let score = u64::from(self.score(since).max(LOSS));
        usual_ms.saturating_mul(score) / u64::from(LOSS)
    }

    /// What passed while cluster time stood still counts as well.
    pub(super) fn forgive(&mut self, elapsed_ms: u64) {
        self.score = self.score(self.at.plus_ms(elapsed_ms));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost_at(seconds: &[u64]) -> Penalty {
        let mut penalty = Penalty::default();
        for second in seconds {
            penalty.add(ClusterTime(second * 1_000));
        }
        penalty
    }

    #[test]
    fn the_first_loss_costs_no_more_than_the_hold_down() {
        let once = lost_at(&[100]);
        assert_eq!(once.hold_down_ms(60_000, ClusterTime(200_000)), 60_000);
        assert_eq!(
            Penalty::default().hold_down_ms(60_000, ClusterTime(0)),
            60_000
        );
    }

    #[test]
    fn losses_in_a_row_lengthen_it_up_to_eight_times() {
        assert_eq!(
            lost_at(&[0, 0]).hold_down_ms(60_000, ClusterTime(0)),
            120_000
        );
        let often: Vec<u64> = (0..100).map(|n| n * 20).collect();
        let held = lost_at(&often).hold_down_ms(60_000, ClusterTime(1_980_000));
        assert_eq!(held, 480_000);
    }

    #[test]
    fn it_decays_by_half_in_five_minutes_and_is_forgotten_in_the_end() {
        let twice = lost_at(&[0, 0]);
        assert_eq!(twice.score(ClusterTime(150_000)), 1_500);
        assert_eq!(twice.score(ClusterTime(300_000)), 1_000);
        assert_eq!(twice.score(ClusterTime(600_000)), 0, "half a loss is none");
        assert_eq!(twice.score(ClusterTime(u64::MAX)), 0);
    }

    #[test]
    fn it_decays_while_cluster_time_stands_still() {
        let mut twice = lost_at(&[100, 100]);
        let now = ClusterTime(100_000);
        twice.forgive(0);
        assert_eq!(twice.score(now), 2_000);
        twice.forgive(300_000);
        assert_eq!(twice.score(now), 1_000);
        twice.forgive(u64::MAX);
        assert_eq!(twice.score(now), 0);
    }

    #[test]
    fn it_never_grows_by_itself() {
        let some = lost_at(&[0, 3, 60, 61]);
        let scores: Vec<u32> = (61..3_000)
            .map(|second| some.score(ClusterTime(second * 1_000)))
            .collect();
        assert!(scores.is_sorted_by(|earlier, later| earlier >= later));
    }
}
