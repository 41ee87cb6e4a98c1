//! What is held of agents' sessions, by what is heard of them: votes, as values.

use std::collections::BTreeMap;
use std::time::Duration;

use causeway_api::MemberName;
use causeway_api::ids::FailureDomain;
use causeway_api::verdict::{Ballot, ObserverId, Subject, Vote};
use causeway_failover::verdict::quorum::AGENT_SILENT_MS;
use causeway_seam::Monotonic;

/// How long a session may be away before its silence is a vote: an agent that moves to another replica needs as much.
const GRACE: Duration = Duration::from_millis(AGENT_SILENT_MS);
/// A negative vote is renewed this often; it expires later (`causeway_failover::verdict::negative_ttl_ms`).
const RENEW: Duration = Duration::from_secs(10);
/// Where another vote is in force than was cast last, that one is cast again after this time.
const AGAIN: Duration = Duration::from_secs(2);

/// One member at one moment.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen {
    /// When its session was heard last; `None`: it has none.
    pub(super) heard: Option<Monotonic>,
    /// The vote on it that is in force.
    pub(super) committed: Option<Ballot>,
}

/// What is held of all sessions.
#[derive(Debug)]
pub(super) struct Silence {
    observer: ObserverId,
    domain: FailureDomain,
    held: BTreeMap<MemberName, Session>,
}

/// What is held of one member's session.
#[derive(Debug)]
struct Session {
    heard: Monotonic,
    /// Whether it was open when it was looked at last.
    open: bool,
    /// Whether it was ever heard here, or before a restart.
    known: bool,
    said: Option<(Ballot, Monotonic)>,
    /// Whether another vote than that was in force when it was looked at last: an older one, of which nobody heard whether it
    /// was decided, may be decided later than a newer one.
    overtaken: bool,
}

impl Silence {
    /// Nothing is held yet.
    pub(super) fn new(observer: ObserverId, domain: FailureDomain) -> Self {
        Self {
            observer,
            domain,
            held: BTreeMap::new(),
        }
    }

    /// Whether only a change of sessions, or of what is decided, can change a vote.
    pub(super) fn is_content(&self) -> bool {
        self.held.values().all(|session| {
            let said = session.said.map(|(ballot, _)| ballot);
            said == Some(Ballot::Reachable) && !session.overtaken
        })
    }

    /// Looks at the registered members, and gives out the votes that are to be cast. `impaired`: why this observer suspects
    /// itself, where it does: it abstains on whom it does not hear, and gives each the same grace again afterwards.
    pub(super) fn look(
        &mut self,
        now: Monotonic,
        members: BTreeMap<MemberName, Seen>,
        impaired: Option<&str>,
    ) -> Vec<Vote> {
        self.held.retain(|member, _| members.contains_key(member));
        let mut votes = Vec::new();
        for (member, seen) in members {
            // A replica that starts gives every agent the time to come back.
            let session = self.held.entry(member.clone()).or_insert(Session {
                heard: now,
                open: false,
                known: false,
                said: None,
                overtaken: false,
            });
            if let Some((ballot, evidence)) = session.look(now, seen, impaired) {
                votes.push(Vote {
                    observer: self.observer.clone(),
                    domain: self.domain.clone(),
                    subject: Subject::Session { member },
                    ballot,
                    evidence,
                });
            }
        }
        votes
    }

    /// These could not be cast: they count as not said.
    pub(super) fn failed(&mut self, votes: &[Vote]) {
        for vote in votes {
            if let Subject::Session { member } = &vote.subject
                && let Some(session) = self.held.get_mut(member)
            {
                session.said = None;
            }
        }
    }
}

impl Session {
    /// The vote that is due, with its evidence.
    fn look(
        &mut self,
        now: Monotonic,
        seen: Seen,
        impaired: Option<&str>,
    ) -> Option<(Ballot, String)> {
        match seen.heard {
            Some(heard) => self.heard = heard.max(self.heard),
            // Nobody looks at a session that is well, and its end is looked at at once: the grace begins here.
            None if self.open => self.heard = now,
            None => {}
        }
        self.open = seen.heard.is_some();
        let spoke = matches!(
            seen.committed,
            Some(Ballot::Reachable | Ballot::Unreachable)
        );
        self.known |= self.open || spoke;
        if impaired.is_some() && !self.open {
            self.heard = now;
        }
        let silent = now.since(self.heard);
        let ballot = match (self.open, seen.committed) {
            (true, _) => Ballot::Reachable,
            // Nobody was ever heard: nothing is known, and nothing is said.
            (false, None | Some(Ballot::Abstain)) if !self.known => return None,
            (false, None) => return None,
            (false, Some(_)) if impaired.is_some() => Ballot::Abstain,
            (false, Some(_)) if silent < GRACE => {
                self.said = None;
                return None;
            }
            (false, Some(_)) => Ballot::Unreachable,
        };
        self.overtaken = seen.committed.is_some_and(|committed| committed != ballot);
        let due = match self.said {
            Some((said, at)) => {
                let since = now.since(at);
                said != ballot
                    || ballot == Ballot::Unreachable && since >= RENEW
                    || self.overtaken && since >= AGAIN
            }
            None => ballot == Ballot::Unreachable || seen.committed != Some(ballot),
        };
        self.said = Some((ballot, self.said.filter(|_| !due).map_or(now, |(_, at)| at)));
        due.then(|| {
            let evidence = match ballot {
                Ballot::Reachable => {
                    "its agent has a session, here or with a replica that is heard".to_owned()
                }
                Ballot::Abstain => impaired.unwrap_or_default().to_owned(),
                Ballot::Unreachable => format!(
                    "its agent has had no session for {} s, here or with a replica that is heard",
                    silent.as_secs()
                ),
            };
            (ballot, evidence)
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use causeway_api::ReplicaId;

    use super::*;

    fn at(ms: u64) -> Monotonic {
        Monotonic::default().plus(Duration::from_millis(ms))
    }

    fn one(heard: Option<Monotonic>, committed: Option<Ballot>) -> BTreeMap<MemberName, Seen> {
        [("a".parse().unwrap(), Seen { heard, committed })].into()
    }

    fn ballots(votes: &[Vote]) -> Vec<Ballot> {
        votes.iter().map(|vote| vote.ballot).collect()
    }

    fn silence() -> Silence {
        Silence::new(ObserverId::Replica(ReplicaId(1)), "d".parse().unwrap())
    }

    #[test]
    fn a_vote_that_could_not_be_cast_is_cast_again() {
        let mut silence = silence();
        let votes = silence.look(at(0), one(Some(at(0)), None), None);
        assert_eq!(ballots(&votes), [Ballot::Reachable]);
        assert!(silence.is_content());
        assert_eq!(silence.look(at(500), one(Some(at(500)), None), None), []);
        silence.failed(&votes);
        assert!(!silence.is_content(), "it has to be looked at again");
        let votes = silence.look(at(1_000), one(Some(at(900)), None), None);
        assert_eq!(ballots(&votes), [Ballot::Reachable]);
        // One that was cast after all, though nobody heard of it, is not cast twice.
        silence.failed(&votes);
        let reachable = Some(Ballot::Reachable);
        assert_eq!(
            silence.look(at(1_500), one(Some(at(1_400)), reachable), None),
            []
        );
        assert!(silence.is_content());
    }

    #[test]
    fn silence_is_a_vote_after_a_grace_and_is_renewed() {
        let mut silence = silence();
        let reachable = Some(Ballot::Reachable);
        assert_eq!(silence.look(at(0), one(Some(at(0)), reachable), None), []);
        assert_eq!(silence.look(at(60_000), one(None, reachable), None), []);
        assert_eq!(silence.look(at(63_900), one(None, reachable), None), []);
        let votes = silence.look(at(64_000), one(None, reachable), None);
        assert_eq!(ballots(&votes), [Ballot::Unreachable]);
        silence.failed(&votes);
        let votes = silence.look(at(64_500), one(None, reachable), None);
        assert_eq!(ballots(&votes), [Ballot::Unreachable]);
        let lost = Some(Ballot::Unreachable);
        assert_eq!(silence.look(at(74_000), one(None, lost), None), []);
        assert_eq!(silence.look(at(74_500), one(None, lost), None).len(), 1);
    }

    #[test]
    fn an_older_word_that_is_decided_later_is_set_right() {
        let mut silence = silence();
        let (reachable, lost) = (Some(Ballot::Reachable), Some(Ballot::Unreachable));
        let here = |ms| one(Some(at(ms)), lost);
        let votes = silence.look(at(0), here(0), None);
        assert_eq!(ballots(&votes), [Ballot::Reachable]);
        assert!(!silence.is_content(), "it is not in force yet");
        assert_eq!(
            silence.look(at(500), one(Some(at(500)), reachable), None),
            []
        );
        assert!(silence.is_content());
        // What was cast long ago, and counted as lost, comes after all.
        assert_eq!(silence.look(at(600), here(600), None), []);
        assert!(!silence.is_content(), "it has to be looked at again");
        let votes = silence.look(at(2_000), here(2_000), None);
        assert_eq!(ballots(&votes), [Ballot::Reachable]);
        assert_eq!(silence.look(at(2_500), here(2_500), None), []);
        assert_eq!(
            silence.look(at(3_000), one(Some(at(3_000)), reachable), None),
            []
        );
        assert!(silence.is_content());
    }

    #[test]
    fn of_whom_nobody_ever_heard_nothing_is_said() {
        let mut silence = silence();
        assert_eq!(silence.look(at(0), one(None, None), None), []);
        assert_eq!(silence.look(at(100_000), one(None, None), None), []);
    }
}
