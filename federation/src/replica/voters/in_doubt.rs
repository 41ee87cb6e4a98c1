//! Votes of which nobody heard whether they were decided: an older one may be decided later than a newer one, and would stand
//! then, a negative one until it expires, any other for good. For as long as that may happen what is in force is compared with
//! the newest word on these subjects, and with no others, and that word is cast again.

use std::collections::BTreeMap;
use std::time::Duration;

use causeway_api::verdict::{Ballot, ObserverId, Subject, Vote};
use causeway_seam::Monotonic;

/// Where another vote is in force than was cast last, that one is cast again after this time.
const AGAIN: Duration = Duration::from_secs(2);
/// What was not decided for so long is decided no more: whoever leads has proposed it, or has lost it.
const LONG_ENOUGH: Duration = Duration::from_secs(120);

/// The newest word on each subject that is in doubt.
#[derive(Debug, Default)]
pub(super) struct InDoubt(BTreeMap<(ObserverId, Subject), Word>);

#[derive(Debug)]
struct Word {
    vote: Vote,
    /// When it was cast last.
    said: Monotonic,
    until: Monotonic,
}

impl InDoubt {
    /// Of these it is not known whether they were decided.
    pub(super) fn failed(&mut self, votes: &[Vote], now: Monotonic) {
        for vote in votes {
            let word = Word {
                vote: vote.clone(),
                said: now,
                until: now.plus(LONG_ENOUGH),
            };
            self.0
                .insert((vote.observer.clone(), vote.subject.clone()), word);
        }
    }

    /// These are the newest words, whether or not they have to be cast.
    pub(super) fn said<'v>(&mut self, votes: impl IntoIterator<Item = &'v Vote>, now: Monotonic) {
        if self.0.is_empty() {
            return;
        }
        for vote in votes {
            let key = (vote.observer.clone(), vote.subject.clone());
            if let Some(word) = self.0.get_mut(&key) {
                word.vote = vote.clone();
                word.said = now;
            }
        }
    }

    /// The words that are not in force though they were cast a while ago; they count as cast now.
    pub(super) fn overtaken(
        &mut self,
        now: Monotonic,
        in_force: impl Fn(&ObserverId, &Subject) -> Option<Ballot>,
    ) -> Vec<Vote> {
        self.0.retain(|_, word| now < word.until);
        let mut again = Vec::new();
        for ((observer, subject), word) in &mut self.0 {
            let stands = in_force(observer, subject) == Some(word.vote.ballot);
            if !stands && now.since(word.said) >= AGAIN {
                word.said = now;
                again.push(word.vote.clone());
            }
        }
        again
    }

    /// Of other subjects nothing is said any more.
    pub(super) fn retain(&mut self, keep: impl Fn(&ObserverId, &Subject) -> bool) {
        self.0
            .retain(|(observer, subject), _| keep(observer, subject));
    }

    /// Whether nothing is in doubt.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use causeway_api::ReplicaId;

    use super::*;

    fn at(ms: u64) -> Monotonic {
        Monotonic::default().plus(Duration::from_millis(ms))
    }

    fn vote(subject: &str, ballot: Ballot) -> Vote {
        Vote {
            observer: ObserverId::Replica(ReplicaId(1)),
            domain: "d".parse().unwrap(),
            subject: subject.parse().unwrap(),
            ballot,
            evidence: "as probed".to_owned(),
        }
    }

    fn ballots(votes: &[Vote]) -> Vec<Ballot> {
        votes.iter().map(|vote| vote.ballot).collect()
    }

    #[test]
    fn an_older_word_that_is_decided_later_is_set_right() {
        let (up, down) = (Ballot::Reachable, Ballot::Unreachable);
        let one = |ballot| vote("gateway/a/eastwest", ballot);
        let mut doubt = InDoubt::default();
        // Nobody heard what became of the first, and the second was decided.
        doubt.failed(&[one(down)], at(0));
        doubt.said(&[one(up)], at(1_000));
        let in_force = |ballot| move |_: &ObserverId, _: &Subject| Some(ballot);
        assert_eq!(doubt.overtaken(at(2_000), in_force(up)), []);
        // Now the first is decided after all.
        assert_eq!(
            doubt.overtaken(at(2_500), in_force(down)),
            [],
            "is it on its way?"
        );
        assert_eq!(ballots(&doubt.overtaken(at(3_000), in_force(down))), [up]);
        assert_eq!(doubt.overtaken(at(3_500), in_force(down)), []);
        assert_eq!(ballots(&doubt.overtaken(at(5_000), in_force(down))), [up]);
        assert_eq!(doubt.overtaken(at(6_000), in_force(up)), []);
        // It comes as late as it may, and later it is decided no more.
        assert_eq!(ballots(&doubt.overtaken(at(119_000), in_force(down))), [up]);
        assert_eq!(doubt.overtaken(at(120_000), in_force(down)), []);
        assert!(doubt.is_empty());
    }

    #[test]
    fn what_never_failed_is_not_looked_at_and_what_is_gone_no_more() {
        let mut doubt = InDoubt::default();
        doubt.said(&[vote("gateway/a/eastwest", Ballot::Reachable)], at(0));
        assert!(doubt.is_empty());
        doubt.failed(&[vote("gateway/a/eastwest", Ballot::Reachable)], at(0));
        assert_eq!(doubt.overtaken(at(2_000), |_, _| None).len(), 1);
        doubt.retain(|_, subject| *subject != "gateway/a/eastwest".parse().unwrap());
        assert!(doubt.is_empty());
    }
}
