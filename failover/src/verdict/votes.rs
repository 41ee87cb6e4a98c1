//! The vote book: the last vote of each observer on each subject.

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::MemberName;
use causeway_api::ids::{FailureDomain, ReplicaId};
use causeway_api::verdict::{Ballot, ClusterTime, ObserverId, Subject, Vote};
use serde::{Deserialize, Serialize};

/// The longest sentence of evidence that is kept, in characters; the rest is cut.
pub const EVIDENCE_CHARS: usize = 240;

/// One observer's last vote on one subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CastVote {
    /// The failure domain in which the observer stands.
    pub domain: FailureDomain,
    /// What it holds.
    pub ballot: Ballot,
    /// Since when it has held that, in cluster time.
    pub since: ClusterTime,
    /// When it last said so: a negative vote expires unless it is renewed.
    pub at: ClusterTime,
    /// Its sentence.
    pub evidence: String,
}

impl CastVote {
    /// Whether it is a negative vote that was not renewed in time.
    #[must_use]
    pub fn expired(&self, now: ClusterTime, ttl_ms: u64) -> bool {
        self.ballot == Ballot::Unreachable && now >= self.at.plus_ms(ttl_ms)
    }
}

/// The last vote of each observer on each subject.
pub type Rows = BTreeMap<Subject, BTreeMap<ObserverId, CastVote>>;

/// Votes by subject and observer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct VoteBook {
    rows: Rows,
    /// Replicas that nobody hears: their votes do not count until they vote again.
    silent: BTreeSet<ReplicaId>,
}

impl VoteBook {
    /// Enters a vote; says whether it changed anything other than the time of its renewal.
    pub fn cast(&mut self, vote: &Vote, now: ClusterTime) -> bool {
        let heard_again = match &vote.observer {
            ObserverId::Replica(replica) => self.silent.remove(replica),
            ObserverId::Agent(_) => false,
        };
        let row = self.rows.entry(vote.subject.clone()).or_default();
        let old = row.get(&vote.observer);
        let same = old.filter(|old| old.ballot == vote.ballot && old.domain == vote.domain);
        let (since, changed) = same.map_or((now, true), |old| (old.since, false));
        let cast = CastVote {
            domain: vote.domain.clone(),
            ballot: vote.ballot,
            since,
            at: now,
            evidence: vote.evidence.chars().take(EVIDENCE_CHARS).collect(),
        };
        row.insert(vote.observer.clone(), cast);
        changed || heard_again
    }

    /// Counts a replica's votes as abstentions until it votes again; says whether that is news. Only what has voted can be
    /// silent.
    pub fn silence(&mut self, replica: ReplicaId) -> bool {
        let observer = ObserverId::Replica(replica);
        let voted = self.rows.values().any(|row| row.contains_key(&observer));
        voted && self.silent.insert(replica)
    }

    /// The replicas whose votes do not count since nobody hears them.
    #[must_use]
    pub fn silent(&self) -> &BTreeSet<ReplicaId> {
        &self.silent
    }

    /// Whether an observer's votes do not count since nobody hears it.
    #[must_use]
    pub fn is_silent(&self, observer: &ObserverId) -> bool {
        matches!(observer, ObserverId::Replica(replica) if self.silent.contains(replica))
    }

    /// The votes alone, as a form that knows no silence has them.
    #[must_use]
    pub fn rows(&self) -> &Rows {
        &self.rows
    }

    /// A book of these votes, in which nobody is silent.
    #[must_use]
    pub fn of_rows(rows: Rows) -> Self {
        Self {
            rows,
            silent: BTreeSet::new(),
        }
    }

    /// The votes on a subject of those who are heard.
    pub fn heard<'a>(
        &'a self,
        subject: &Subject,
    ) -> impl Iterator<Item = (&'a ObserverId, &'a CastVote)> + use<'a> {
        self.on(subject)
            .filter(|(observer, _)| !self.is_silent(observer))
    }

    /// The votes on a subject, whoever cast them.
    pub fn on<'a>(
        &'a self,
        subject: &Subject,
    ) -> impl Iterator<Item = (&'a ObserverId, &'a CastVote)> + use<'a> {
        self.rows.get(subject).into_iter().flatten()
    }

    /// One observer's vote on a subject.
    #[must_use]
    pub fn of(&self, observer: &ObserverId, subject: &Subject) -> Option<&CastVote> {
        self.rows.get(subject)?.get(observer)
    }

    /// Every subject that was voted on, in order.
    pub fn subjects(&self) -> impl Iterator<Item = &Subject> {
        self.rows.keys()
    }

    /// Forgets a subject that is no more; says whether it was known.
    pub fn retire(&mut self, subject: &Subject) -> bool {
        self.rows.remove(subject).is_some()
    }

    /// Forgets all subjects of a member, and the votes of its agent.
    pub fn remove_member(&mut self, member: &MemberName) {
        self.rows
            .retain(|subject, _| subject_member(subject) != Some(member));
        let agent = ObserverId::Agent(member.clone());
        for row in self.rows.values_mut() {
            row.remove(&agent);
        }
        self.rows.retain(|_, row| !row.is_empty());
    }

    /// How many votes it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.values().map(BTreeMap::len).sum()
    }

    /// Whether nobody has voted on anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

/// The member that a subject is part of, if it is part of one.
#[must_use]
pub fn subject_member(subject: &Subject) -> Option<&MemberName> {
    match subject {
        Subject::Gateway { member, .. }
        | Subject::Session { member }
        | Subject::Member { member } => Some(member),
        Subject::Zone { .. } | Subject::Region { .. } => None,
    }
}
