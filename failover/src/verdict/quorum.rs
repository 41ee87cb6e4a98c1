//! How many observers must agree, and how long their votes count.

use std::collections::BTreeSet;

use causeway_api::ids::FailureDomain;
use causeway_api::spec::{Detection, defaults};
use causeway_api::verdict::{Ballot, ClusterTime, ObserverId, Quorum, Subject};

use super::votes::{VoteBook, Weight};

/// The shortest life of a negative vote that is not renewed, in milliseconds of cluster time.
pub const NEGATIVE_TTL_FLOOR_MS: u64 = 60_000;

/// How long an agent has been silent at least when a replica votes that it does not hear its session, in milliseconds: one
/// that moves to another replica needs as much.
pub const AGENT_SILENT_MS: u64 = 4_000;

/// How long a replica has been silent at least when the leader says so, in milliseconds.
pub const REPLICA_SILENT_MS: u64 = 6_000;

/// What the root policy says of verdicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// How losses are detected.
    pub detection: Detection,
    /// How long a recovered subject waits before it serves again, in milliseconds of cluster time.
    pub hold_down_ms: u64,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            detection: Detection::default(),
            hold_down_ms: defaults::HOLD_DOWN_MS,
        }
    }
}

/// How long a negative vote counts without being renewed: a minute, or three times the hold time where that is longer,
/// so that a vote always outlives the hold that it is to carry.
#[must_use]
pub fn negative_ttl_ms(detection: &Detection) -> u64 {
    NEGATIVE_TTL_FLOOR_MS.max(detection.hold_for_ms.saturating_mul(3))
}

/// How often an observer renews a negative vote: a third of its life, so that two renewals may be lost.
#[must_use]
pub fn renew_after_ms(detection: &Detection) -> u64 {
    negative_ttl_ms(detection) / 3
}

fn ago(now: ClusterTime, ms: u64) -> ClusterTime {
    ClusterTime(now.0.saturating_sub(ms))
}

/// The count of the votes on one subject.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally {
    /// Votes that hold it reachable.
    pub reachable: usize,
    /// Unexpired votes that hold it unreachable.
    pub unreachable: usize,
    /// The distinct failure domains of those who reach it.
    pub reachable_domains: usize,
    /// The distinct failure domains of those who don't.
    pub unreachable_domains: usize,
    /// Observers that must hold it unreachable.
    pub need_observers: usize,
    /// Distinct failure domains in which they must stand.
    pub need_domains: usize,
    /// Since when all of it has been so at least: now, but where observers are silent. That they are is said later than they
    /// fell silent, and from then on they vouched for nothing.
    pub since: ClusterTime,
}

impl Tally {
    /// Counts. k = min(declared, max(1, known − 1)), over observers and over their failure domains alike: one observer
    /// alone decides alone, and of several one (and one domain) may be missing, since it may have fallen with the subject.
    ///
    /// Known are all that ever reached the subject, whatever became of them since: a quorum does not become easier because
    /// observers fall silent, are lost, suspect themselves, or let their votes expire; only one that left the clusterset is
    /// forgotten ([`VoteBook::forget`]). The failure domains of replicas that never reached it are known, too: where there
    /// are three, the one that has a way to a subject does not decide on it alone. An agent is known while a replica hears
    /// it: it may be in the very place that is lost.
    #[must_use]
    pub fn of(
        votes: &VoteBook,
        subject: &Subject,
        now: ClusterTime,
        detection: &Detection,
    ) -> Self {
        let ttl_ms = negative_ttl_ms(detection);
        let mut domains: BTreeSet<&FailureDomain> = BTreeSet::new();
        let (mut reaching, mut against) = (BTreeSet::new(), BTreeSet::new());
        let (mut known, mut tally) = (0_usize, Self::default());
        let (mut silent_ms, mut changed) = (0, ClusterTime::default());
        for (observer, vote) in votes.on(subject) {
            let weight = votes.weight(observer, vote, now, ttl_ms);
            changed = changed.max(match weight {
                Weight::Counts | Weight::Abstains => vote.since,
                Weight::Expired => now,
                Weight::AgentUnheard => {
                    silent_ms = silent_ms.max(AGENT_SILENT_MS);
                    ago(
                        votes.unheard_since(observer).unwrap_or(now),
                        AGENT_SILENT_MS,
                    )
                }
                Weight::Silent => {
                    silent_ms = silent_ms.max(REPLICA_SILENT_MS);
                    ago(now, REPLICA_SILENT_MS)
                }
            });
            let replica = matches!(observer, ObserverId::Replica(_));
            let can_tell = vote.reached && (replica || weight != Weight::AgentUnheard);
            known += usize::from(can_tell);
            if can_tell || replica {
                domains.insert(&vote.domain);
            }
            match (weight, vote.ballot) {
                (Weight::Counts, Ballot::Reachable) => {
                    tally.reachable += 1;
                    reaching.insert(&vote.domain);
                }
                (Weight::Counts, Ballot::Unreachable) => {
                    tally.unreachable += 1;
                    against.insert(&vote.domain);
                }
                _ => {}
            }
        }
        let need = |declared: u32, known: usize| {
            let declared = usize::try_from(declared).unwrap_or(usize::MAX).max(1);
            declared.min(known.saturating_sub(1).max(1))
        };
        tally.since = changed.max(ago(now, silent_ms)).min(now);
        tally.reachable_domains = reaching.len();
        tally.unreachable_domains = against.len();
        tally.need_observers = need(detection.min_observers, known);
        tally.need_domains = need(detection.min_failure_domains, domains.len());
        tally
    }

    /// What the count had to reach, as it is kept with a verdict.
    pub(super) fn quorum(&self) -> Quorum {
        let small = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Quorum {
            observers: small(self.need_observers),
            domains: small(self.need_domains),
            reached_from: small(self.reachable_domains),
        }
    }

    /// Whether the quorum holds the subject unreachable. What is reached from as many failure domains as not is no loss:
    /// those places that don't reach it are rerouted by themselves.
    #[must_use]
    pub fn lost(&self) -> bool {
        self.unreachable >= self.need_observers
            && self.unreachable_domains >= self.need_domains
            && self.unreachable_domains > self.reachable_domains
    }
}
