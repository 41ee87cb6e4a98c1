//! A detector that learns how much a path loses, and suspects once failures in a row can hardly be chance.
//!
//! On a path that loses nothing it suspects after a number of failures in a row that is set, three as a rule. On one that loses a third of all attempts three in a row happen every minute; there it takes
//! more. Precisely: with the share `p` of attempts that failed while the subject was up, `n` failures in a row come by chance
//! with probability `pⁿ`; it suspects where that is below one in 2 to the power of [`CHANCE`]. The one constant that matters
//! is thus how seldom a live subject may be suspected, whatever the path; what a detection costs on a bad path follows.
//!
//! What was lost while the subject itself was gone says nothing of the path: a run of failures counts as loss only once a
//! success has ended it before it was suspected. One that was suspected and then ended counts with what it took to suspect
//! it, so that a path on which suspicion proves wrong again and again is believed more slowly.

use causeway_api::verdict::Ballot;
use causeway_seam::Monotonic;

/// What one probe found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// `None`: reached; else why not, in a few words.
    pub failure: Option<String>,
}

/// A live subject is suspected wrongly by at most this chance at each probe, were failures independent: as a number of
/// halvings, 20 of them are one in a million.
pub const CHANCE: f64 = 20.0;
/// What is taken for it at most: on a path that loses more a subject is of no use, and is suspected.
const MOST_LOSS: f64 = 0.6;
/// How many attempts it remembers, roughly: the weight of each fades by one in so many.
const MEMORY: f64 = 200.0;
/// Attempts, all reached, that are taken for granted at first.
const GRANTED: f64 = 20.0;

/// Learns the loss of its path.
#[derive(Debug, Clone)]
pub struct Adaptive {
    what: String,
    /// What is taken for the loss of a path until it is known, and at least ever.
    least_loss: f64,
    reached: bool,
    suspected: bool,
    /// The observer was impaired, and has not found out since.
    doubted: bool,
    /// Failures in a row.
    failures: u32,
    since: Option<Monotonic>,
    latest: Monotonic,
    last: String,
    /// Attempts remembered, and how many of them were lost on the way; both fade.
    tried: f64,
    lost: f64,
}

impl Adaptive {
    /// `threshold` failures in a row make it suspect on a good path (at least one); `what` names the subject's addresses in
    /// evidence.
    #[must_use]
    pub fn new(threshold: u32, what: &str) -> Self {
        Self {
            what: what.to_owned(),
            // A little less than what that many failures follow from, so that rounding asks for none more.
            least_loss: (-CHANCE / f64::from(threshold.max(1))).exp2() * 0.99,
            reached: false,
            suspected: false,
            doubted: false,
            failures: 0,
            since: None,
            latest: Monotonic::default(),
            last: String::new(),
            tried: GRANTED,
            lost: 0.0,
        }
    }

    /// Goes on from what this observer held before it was restarted.
    #[must_use]
    pub fn resuming(mut self, held: Option<Ballot>) -> Self {
        self.reached = matches!(held, Some(Ballot::Reachable | Ballot::Unreachable));
        self.suspected = held == Some(Ballot::Unreachable);
        self
    }

    /// The subject's addresses changed: evidence names the new ones, and what is held of it stays.
    pub fn rename(&mut self, what: &str) {
        what.clone_into(&mut self.what);
    }

    /// The share of attempts that the path loses, as far as is known.
    #[must_use]
    pub fn loss(&self) -> f64 {
        (self.lost / self.tried).clamp(self.least_loss, MOST_LOSS.max(self.least_loss))
    }

    /// How many failures in a row it takes now.
    #[must_use]
    pub fn patience(&self) -> u32 {
        let halvings = -self.loss().log2();
        // At most 20 / 0.73, so that it fits.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let patience = (CHANCE / halvings).ceil() as u32;
        patience.max(1)
    }

    /// For an observer that suspects itself: whether the last attempt failed; `None` where the subject was never reached.
    #[must_use]
    pub fn failing(&self) -> Option<bool> {
        self.reached.then_some(self.failures > 0 || self.suspected)
    }

    /// What failed says nothing of the subject: the observer was impaired. Its run of failures begins anew, and it abstains
    /// until it reaches the subject or suspects it again.
    pub fn forgive(&mut self) {
        self.doubted |= self.failures > 0 || self.suspected;
        self.suspected = false;
        self.failures = 0;
        self.since = None;
    }

    fn learn(&mut self, attempts: u32, lost: u32) {
        for at in 0..attempts {
            let fade = 1.0 - 1.0 / MEMORY;
            self.tried = self.tried * fade + 1.0;
            self.lost = self.lost * fade + f64::from(u8::from(at < lost));
        }
    }

    /// Takes note of an outcome.
    pub fn observe(&mut self, at: Monotonic, outcome: &Outcome) {
        self.latest = at;
        if let Some(why) = &outcome.failure {
            self.failures = self.failures.saturating_add(1);
            self.since.get_or_insert(at);
            self.last.clone_from(why);
            self.suspected |= self.reached && self.failures >= self.patience();
            return;
        }
        if self.reached {
            let lost = self.failures.min(self.patience());
            self.learn(lost.saturating_add(1), lost);
        }
        self.reached = true;
        self.suspected = false;
        self.doubted = false;
        self.failures = 0;
        self.since = None;
    }

    /// What is held now. It abstains until it reached the subject once: who never reached it may simply have no route to it.
    #[must_use]
    pub fn ballot(&self) -> Ballot {
        match (self.reached, self.suspected) {
            (true, true) => Ballot::Unreachable,
            (true, false) if !self.doubted => Ballot::Reachable,
            _ => Ballot::Abstain,
        }
    }

    /// One sentence of evidence for [`Adaptive::ballot`].
    #[must_use]
    pub fn evidence(&self) -> String {
        let Self {
            what,
            failures,
            last,
            ..
        } = self;
        let seconds = self
            .since
            .map_or(0, |since| self.latest.since(since).as_secs());
        let percent = self.loss() * 100.0;
        match self.ballot() {
            Ballot::Reachable if *failures == 0 => format!("connect to {what}: connected"),
            Ballot::Reachable => format!(
                "connect to {what}: {last}, {failures} times of the {} that it takes here (loss {percent:.0} %)",
                self.patience()
            ),
            Ballot::Unreachable if *failures == 0 => {
                format!("connect to {what}: not reached before a restart, not tried since")
            }
            Ballot::Unreachable => {
                format!("connect to {what}: {last}, {failures} times in {seconds} s")
            }
            Ballot::Abstain if last.is_empty() => format!("connect to {what}: not tried yet"),
            Ballot::Abstain if self.doubted => {
                format!("connect to {what}: not reached since this observer was impaired")
            }
            Ballot::Abstain => format!("connect to {what}: never reached from here ({last})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn fed(outcomes: &str) -> Adaptive {
        let mut adaptive = Adaptive::new(3, "a:1");
        for (second, outcome) in (0..).zip(outcomes.chars()) {
            let failure = (outcome == 'x').then(|| "timed out".to_owned());
            adaptive.observe(Monotonic(Duration::from_secs(second)), &Outcome { failure });
        }
        adaptive
    }

    #[test]
    fn on_a_good_path_three_failures_in_a_row_are_enough() {
        let good = ".".repeat(100);
        assert_eq!(fed(&format!("{good}xx")).ballot(), Ballot::Reachable);
        let lost = fed(&format!("{good}xxx"));
        assert_eq!(lost.ballot(), Ballot::Unreachable);
        assert_eq!(lost.evidence(), "connect to a:1: timed out, 3 times in 2 s");
        assert_eq!(fed(&format!("{good}xxx.")).ballot(), Ballot::Reachable);
    }

    #[test]
    fn on_a_good_path_it_takes_what_is_set() {
        for threshold in 1..10 {
            assert_eq!(Adaptive::new(threshold, "").patience(), threshold);
        }
    }

    #[test]
    fn on_a_path_that_loses_a_third_it_takes_more() {
        let bad = "..x".repeat(80);
        let lossy = fed(&bad);
        assert!((0.28..0.36).contains(&lossy.loss()), "{}", lossy.loss());
        assert!(
            (11..=13).contains(&lossy.patience()),
            "{}",
            lossy.patience()
        );
        let run = usize::try_from(lossy.patience()).unwrap_or(0);
        assert_eq!(
            fed(&format!("{bad}{}", "x".repeat(run - 2))).ballot(),
            Ballot::Reachable
        );
        assert_eq!(
            fed(&format!("{bad}{}", "x".repeat(run))).ballot(),
            Ballot::Unreachable
        );
    }

    #[test]
    fn a_long_loss_teaches_little_of_the_path() {
        let after = fed(&format!("{}{}.", ".".repeat(100), "x".repeat(5_000)));
        assert_eq!(after.patience(), 5);
        let later = fed(&format!(
            "{}{}{}",
            ".".repeat(100),
            "x".repeat(5_000),
            ".".repeat(300)
        ));
        assert_eq!(later.patience(), 3);
    }

    #[test]
    fn what_failed_while_the_observer_was_impaired_is_forgiven() {
        let mut lost = fed(&format!("{}xxx", ".".repeat(100)));
        assert_eq!(
            (lost.ballot(), lost.failing()),
            (Ballot::Unreachable, Some(true))
        );
        lost.forgive();
        assert_eq!(
            (lost.ballot(), lost.failing()),
            (Ballot::Abstain, Some(false))
        );
        let mut again = lost.clone();
        let outcome = |failure: Option<&str>| Outcome {
            failure: failure.map(str::to_owned),
        };
        lost.observe(Monotonic(Duration::from_secs(200)), &outcome(None));
        assert_eq!(lost.ballot(), Ballot::Reachable);
        for second in 200..203 {
            assert_eq!(again.ballot(), Ballot::Abstain);
            again.observe(
                Monotonic(Duration::from_secs(second)),
                &outcome(Some("timed out")),
            );
        }
        assert_eq!(again.ballot(), Ballot::Unreachable);
    }

    #[test]
    fn it_abstains_until_it_reached_the_subject_once() {
        assert_eq!(fed(&"x".repeat(50)).ballot(), Ballot::Abstain);
        assert_eq!(fed("xxx").failing(), None);
        assert_eq!(fed("xxx.").ballot(), Ballot::Reachable);
    }

    #[test]
    fn it_goes_on_from_what_it_held_before_a_restart() {
        let resumed = |held| Adaptive::new(3, "a:1").resuming(held);
        assert_eq!(
            resumed(Some(Ballot::Unreachable)).ballot(),
            Ballot::Unreachable
        );
        assert_eq!(resumed(Some(Ballot::Reachable)).ballot(), Ballot::Reachable);
        assert_eq!(resumed(Some(Ballot::Abstain)).ballot(), Ballot::Abstain);
        assert_eq!(resumed(None).ballot(), Ballot::Abstain);
    }
}
