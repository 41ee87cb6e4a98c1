//! When an observer holds that it cannot reach a subject.

use causeway_api::verdict::Ballot;
use causeway_seam::Monotonic;

/// What one probe found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// `None`: reached; else why not, in a few words.
    pub failure: Option<String>,
}

/// Turns outcomes into a ballot. The one here counts failures; an adaptive one (phi accrual) fits the same form, which is
/// why the time is handed in.
pub trait Detector: Send + 'static {
    /// Takes note of an outcome.
    fn observe(&mut self, at: Monotonic, outcome: &Outcome);

    /// What is held now.
    fn ballot(&self) -> Ballot;

    /// One sentence of evidence for [`Detector::ballot`].
    fn evidence(&self) -> String;
}

/// Suspects after so many failures in a row, trusts again after one success, and abstains until it reached the subject
/// once: who never reached a subject may simply have no route to it.
#[derive(Debug, Clone)]
pub struct Suspicion {
    threshold: u32,
    what: String,
    reached: bool,
    failures: u32,
    since: Option<Monotonic>,
    last: String,
    latest: Monotonic,
}

impl Suspicion {
    /// `threshold` failures in a row make it suspect (at least one); `what` names the subject's addresses in evidence.
    #[must_use]
    pub fn new(threshold: u32, what: &str) -> Self {
        Self {
            threshold: threshold.max(1),
            what: what.to_owned(),
            reached: false,
            failures: 0,
            since: None,
            last: String::new(),
            latest: Monotonic::default(),
        }
    }

    /// Goes on from what this observer held before it was restarted: else it would abstain on what it knew, or call
    /// reachable what it has not reached since.
    #[must_use]
    pub fn resuming(mut self, held: Option<Ballot>) -> Self {
        self.reached = matches!(held, Some(Ballot::Reachable | Ballot::Unreachable));
        if held == Some(Ballot::Unreachable) {
            self.failures = self.threshold;
        }
        self
    }

    /// The subject's addresses changed: evidence names the new ones, and what is held of it stays.
    pub fn rename(&mut self, what: &str) {
        what.clone_into(&mut self.what);
    }
}

impl Detector for Suspicion {
    fn observe(&mut self, at: Monotonic, outcome: &Outcome) {
        self.latest = at;
        match &outcome.failure {
            None => {
                self.reached = true;
                self.failures = 0;
                self.since = None;
            }
            Some(why) => {
                self.failures = self.failures.saturating_add(1);
                self.since.get_or_insert(at);
                self.last.clone_from(why);
            }
        }
    }

    fn ballot(&self) -> Ballot {
        if !self.reached {
            Ballot::Abstain
        } else if self.failures >= self.threshold {
            Ballot::Unreachable
        } else {
            Ballot::Reachable
        }
    }

    fn evidence(&self) -> String {
        let Self {
            what,
            failures,
            last,
            ..
        } = self;
        let seconds = self
            .since
            .map_or(0, |since| self.latest.since(since).as_secs());
        match self.ballot() {
            Ballot::Reachable if *failures == 0 => format!("connect to {what}: connected"),
            Ballot::Reachable => {
                format!("connect to {what}: {last}, {failures} times, not yet held lost")
            }
            Ballot::Unreachable => {
                format!("connect to {what}: {last}, {failures} times in {seconds} s")
            }
            Ballot::Abstain if last.is_empty() => format!("connect to {what}: not tried yet"),
            Ballot::Abstain => format!("connect to {what}: never reached from here ({last})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: u64) -> Monotonic {
        Monotonic(Duration::from_secs(seconds))
    }

    fn failed() -> Outcome {
        Outcome {
            failure: Some("refused".to_owned()),
        }
    }

    const REACHED: Outcome = Outcome { failure: None };

    #[test]
    fn it_abstains_until_it_reached_the_subject_once() {
        let mut suspicion = Suspicion::new(3, "a:1");
        for second in 0..100 {
            suspicion.observe(at(second), &failed());
            assert_eq!(suspicion.ballot(), Ballot::Abstain);
        }
        assert!(
            suspicion
                .evidence()
                .contains("never reached from here (refused)")
        );
        suspicion.observe(at(101), &REACHED);
        assert_eq!(suspicion.ballot(), Ballot::Reachable);
    }

    #[test]
    fn it_goes_on_from_what_it_held_before_a_restart() {
        let resumed = |ballot| Suspicion::new(3, "a:1").resuming(ballot);
        let mut lost = resumed(Some(Ballot::Unreachable));
        lost.observe(at(1), &failed());
        assert_eq!(lost.ballot(), Ballot::Unreachable);
        let mut known = resumed(Some(Ballot::Reachable));
        for second in 1..=3 {
            known.observe(at(second), &failed());
        }
        assert_eq!(
            known.ballot(),
            Ballot::Unreachable,
            "it was reached once, in an earlier life"
        );
        let mut unknown = resumed(Some(Ballot::Abstain));
        unknown.observe(at(1), &failed());
        assert_eq!(unknown.ballot(), Ballot::Abstain);
    }

    #[test]
    fn it_suspects_after_failures_in_a_row_and_trusts_after_one_success() {
        let mut suspicion = Suspicion::new(3, "a:1");
        suspicion.observe(at(0), &REACHED);
        for second in [1, 2] {
            suspicion.observe(at(second), &failed());
            assert_eq!(suspicion.ballot(), Ballot::Reachable);
        }
        suspicion.observe(at(3), &REACHED);
        for second in [4, 5, 6] {
            assert_eq!(suspicion.ballot(), Ballot::Reachable);
            suspicion.observe(at(second), &failed());
        }
        assert_eq!(suspicion.ballot(), Ballot::Unreachable);
        assert_eq!(
            suspicion.evidence(),
            "connect to a:1: refused, 3 times in 2 s"
        );
        suspicion.observe(at(7), &REACHED);
        assert_eq!(suspicion.ballot(), Ballot::Reachable);
    }
}
