//! Votes that are to be cast: the newest on each subject, until a proposal with it has succeeded.

use std::collections::BTreeMap;

use causeway_api::verdict::{Subject, Vote};
use causeway_state::apply::votes::VOTES;

/// The votes that nobody has decided on yet.
#[derive(Debug, Default)]
pub(super) struct Unsaid(BTreeMap<Subject, Vote>);

impl Unsaid {
    /// Enters votes; a newer one on a subject takes an older one's place.
    pub(super) fn add(&mut self, votes: impl IntoIterator<Item = Vote>) {
        self.0
            .extend(votes.into_iter().map(|vote| (vote.subject.clone(), vote)));
    }

    /// Enters votes, but for subjects on which a newer one waits.
    pub(super) fn add_unless_newer(&mut self, votes: impl IntoIterator<Item = Vote>) {
        for vote in votes {
            self.0.entry(vote.subject.clone()).or_insert(vote);
        }
    }

    /// As many as one command may carry. They stay until [`Unsaid::said`].
    pub(super) fn batch(&self) -> Vec<Vote> {
        self.0.values().take(VOTES).cloned().collect()
    }

    /// These were decided on.
    pub(super) fn said(&mut self, votes: &[Vote]) {
        for vote in votes {
            if self.0.get(&vote.subject) == Some(vote) {
                self.0.remove(&vote.subject);
            }
        }
    }

    /// Subjects that are gone are voted on no more.
    pub(super) fn retain(&mut self, exists: impl Fn(&Subject) -> bool) {
        self.0.retain(|subject, _| exists(subject));
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use causeway_api::ReplicaId;
    use causeway_api::verdict::{Ballot, ObserverId};

    use super::*;

    fn vote(member: &str, ballot: Ballot) -> Vote {
        Vote {
            observer: ObserverId::Replica(ReplicaId(1)),
            domain: "a".parse().unwrap(),
            subject: format!("session/{member}").parse().unwrap(),
            ballot,
            evidence: String::new(),
        }
    }

    #[test]
    fn what_could_not_be_said_is_said_again_and_the_newest_word_counts() {
        let mut unsaid = Unsaid::default();
        unsaid.add([vote("a", Ballot::Reachable), vote("b", Ballot::Reachable)]);
        let first = unsaid.batch();
        assert_eq!(first.len(), 2);
        // The proposal failed; meanwhile one of the subjects fell silent.
        unsaid.add([vote("a", Ballot::Unreachable)]);
        assert_eq!(
            unsaid.batch(),
            [vote("a", Ballot::Unreachable), vote("b", Ballot::Reachable)]
        );
        // What succeeded was the older word on it: the newer one is still to be said.
        unsaid.said(&first);
        assert_eq!(unsaid.batch(), [vote("a", Ballot::Unreachable)]);
        unsaid.retain(|_| false);
        assert!(unsaid.is_empty());
    }

    #[test]
    fn no_command_carries_more_than_it_may() {
        let mut unsaid = Unsaid::default();
        unsaid.add((0..VOTES + 7).map(|at| vote(&format!("m{at}"), Ballot::Reachable)));
        let batch = unsaid.batch();
        assert_eq!(batch.len(), VOTES);
        unsaid.said(&batch);
        assert_eq!(unsaid.batch().len(), 7);
    }
}
