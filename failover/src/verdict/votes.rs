//! The vote book: the last vote of each observer on each subject.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use causeway_api::MemberName;
use causeway_api::ids::{FailureDomain, Name, ReplicaId};
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
    /// Whether it ever reached the subject: one that abstains since is still known to be able to tell.
    pub reached: bool,
}

/// What one vote counts for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// It is counted.
    Counts,
    /// Its observer cannot tell: it never reached the subject, or suspects itself.
    Abstains,
    /// Its observer is a replica that the leader has not heard of for a while.
    Silent,
    /// Its observer is an agent whose session no replica hears.
    AgentUnheard,
    /// It is a negative vote that was not renewed in time.
    Expired,
}

/// What may have to be concluded anew after votes were cast.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Touched {
    /// These gateways and sessions, and what follows from them.
    Some(BTreeSet<Subject>),
    /// Everything: an observer counts again.
    All,
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
    /// How many negative votes each member's agent holds, where it holds any: most places reach everything, and are not
    /// looked at again for each service.
    complaints: BTreeMap<MemberName, u32>,
}

impl VoteBook {
    /// Enters votes; says what has to be concluded anew. Where an agent's session is heard no more, or again, that includes
    /// all that the agent voted on.
    pub fn cast_all<'a>(
        &mut self,
        votes: impl IntoIterator<Item = &'a Vote>,
        now: ClusterTime,
    ) -> Touched {
        let mut touched = BTreeSet::new();
        let mut turned = BTreeSet::new();
        let mut anew = false;
        for vote in votes {
            // A replica that votes for the first time tells that it is there: a region is concluded from that, too.
            anew = anew || self.is_silent(&vote.observer) || self.is_new(&vote.observer);
            if anew {
                self.cast(vote, now);
                continue;
            }
            let agent = match &vote.subject {
                Subject::Session { member } => Some((member, self.hears_agent(member))),
                _ => None,
            };
            let news = self.cast(vote, now);
            touched.insert(vote.subject.clone());
            if let Some((member, heard)) = agent.filter(|_| news)
                && heard != self.hears_agent(member)
            {
                turned.insert(ObserverId::Agent(member.clone()));
            }
        }
        if anew {
            return Touched::All;
        }
        if !turned.is_empty() {
            let theirs = self
                .rows
                .iter()
                .filter(|(_, row)| turned.iter().any(|agent| row.contains_key(agent)));
            touched.extend(theirs.map(|(subject, _)| subject.clone()));
        }
        Touched::Some(touched)
    }

    fn is_new(&self, observer: &ObserverId) -> bool {
        let mut rows = self.rows.values();
        matches!(observer, ObserverId::Replica(_)) && !rows.any(|row| row.contains_key(observer))
    }

    /// What a vote counts for.
    #[must_use]
    pub fn weight(
        &self,
        observer: &ObserverId,
        vote: &CastVote,
        now: ClusterTime,
        ttl_ms: u64,
    ) -> Weight {
        let unheard = match observer {
            ObserverId::Replica(replica) => self.silent.contains(replica),
            ObserverId::Agent(member) => !self.hears_agent(member),
        };
        match observer {
            // First of all: one that abstained before it fell silent is in the place that is lost, like any other.
            ObserverId::Agent(_) if unheard => Weight::AgentUnheard,
            _ if vote.ballot == Ballot::Abstain => Weight::Abstains,
            ObserverId::Replica(_) if unheard => Weight::Silent,
            _ if vote.expired(now, ttl_ms) => Weight::Expired,
            _ => Weight::Counts,
        }
    }

    /// Whether replicas that are heard hear the session of a member's agent, with them or with one that they hear: any does,
    /// and those who do not stand in no more failure domains than those who do. One that fell with the agent goes on
    /// saying that it hears it, until the leader says that it is silent.
    #[must_use]
    pub fn hears_agent(&self, member: &MemberName) -> bool {
        let session = Subject::Session {
            member: member.clone(),
        };
        let domains = |ballot: Ballot| -> BTreeSet<&FailureDomain> {
            let votes = self.on(&session).filter(|(observer, vote)| {
                vote.ballot == ballot
                    && matches!(observer, ObserverId::Replica(replica) if !self.silent.contains(replica))
            });
            votes.map(|(_, vote)| &vote.domain).collect()
        };
        let hear = domains(Ballot::Reachable).len();
        hear > 0 && domains(Ballot::Unreachable).len() <= hear
    }

    /// When the last of the replicas that are heard said that they don't hear an agent any more.
    pub(super) fn unheard_since(&self, agent: &ObserverId) -> Option<ClusterTime> {
        let ObserverId::Agent(member) = agent else {
            return None;
        };
        let session = Subject::Session {
            member: member.clone(),
        };
        let against = self.on(&session).filter(|(observer, vote)| {
            vote.ballot == Ballot::Unreachable && !self.is_silent(observer)
        });
        against.map(|(_, vote)| vote.since).max()
    }

    /// Whether a replica that stands in a failure domain is heard. Counted are those that ever voted.
    #[must_use]
    pub fn hears_replica_in(&self, domain: &str) -> bool {
        let mut all = self.rows.values().flatten();
        all.any(|(observer, vote)| {
            vote.domain.as_str() == domain
                && matches!(observer, ObserverId::Replica(replica) if !self.silent.contains(replica))
        })
    }

    /// Whether a member's agent holds anything unreachable.
    #[must_use]
    pub fn complains(&self, agent: &MemberName) -> bool {
        self.complaints.contains_key(agent)
    }

    /// The agents that hold anything unreachable.
    pub fn complaining(&self) -> impl Iterator<Item = &MemberName> {
        self.complaints.keys()
    }

    fn complain(&mut self, agent: &MemberName, was: bool, is: bool) {
        if was == is {
            return;
        }
        let count = self.complaints.entry(agent.clone()).or_default();
        *count = if is {
            count.saturating_add(1)
        } else {
            count.saturating_sub(1)
        };
        if *count == 0 {
            self.complaints.remove(agent);
        }
    }

    /// Counts anew, after rows were taken out.
    fn recount(&mut self) {
        self.complaints.clear();
        for (observer, vote) in self.rows.values().flatten() {
            if let (ObserverId::Agent(agent), Ballot::Unreachable) = (observer, vote.ballot) {
                *self.complaints.entry(agent.clone()).or_default() += 1;
            }
        }
    }

    /// Forgets an observer that is no more, with all its votes; says whether it was known. Until then it counts as one that
    /// could tell, so that a quorum does not become easier while it is gone.
    pub fn forget(&mut self, observer: &ObserverId) -> bool {
        let mut known = match observer {
            ObserverId::Replica(replica) => self.silent.remove(replica),
            ObserverId::Agent(_) => false,
        };
        for row in self.rows.values_mut() {
            known |= row.remove(observer).is_some();
        }
        self.rows.retain(|_, row| !row.is_empty());
        self.recount();
        known
    }

    /// The gateways and the session of a member that were voted on, in order.
    pub fn leaves_of<'a>(&'a self, member: &'a MemberName) -> impl Iterator<Item = &'a Subject> {
        leaves_in(&self.rows, member).map(|(subject, _)| subject)
    }

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
        let reached = vote.ballot != Ballot::Abstain || old.is_some_and(|old| old.reached);
        let cast = CastVote {
            domain: vote.domain.clone(),
            ballot: vote.ballot,
            since,
            at: now,
            evidence: cut(&vote.evidence),
            reached,
        };
        let was = old.is_some_and(|old| old.ballot == Ballot::Unreachable);
        row.insert(vote.observer.clone(), cast);
        if let ObserverId::Agent(agent) = &vote.observer {
            self.complain(agent, was, vote.ballot == Ballot::Unreachable);
        }
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
        let mut book = Self {
            rows,
            ..Self::default()
        };
        book.recount();
        book
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
        let known = self.rows.remove(subject).is_some();
        if known && !self.complaints.is_empty() {
            self.recount();
        }
        known
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
        self.recount();
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

/// As much of a sentence as is kept.
fn cut(sentence: &str) -> String {
    let end = sentence.char_indices().nth(EVIDENCE_CHARS);
    let kept = end.and_then(|(end, _)| sentence.get(..end));
    kept.unwrap_or(sentence).to_owned()
}

/// No name is smaller.
static LEAST: LazyLock<Option<Name>> = LazyLock::new(|| Name::new("0").ok());

/// The gateways and the session of one member, out of rows by subject.
pub(super) fn leaves_in<'a, V>(
    rows: &'a BTreeMap<Subject, V>,
    member: &'a MemberName,
) -> impl Iterator<Item = (&'a Subject, &'a V)> {
    let first = LEAST.as_ref().map(|least| Subject::Gateway {
        member: member.clone(),
        gateway: least.clone(),
    });
    let session = Subject::Session {
        member: member.clone(),
    };
    let gateways = first.into_iter().flat_map(|first| rows.range(first..));
    let gateways = gateways.take_while(
        move |(subject, _)| matches!(subject, Subject::Gateway { member: of, .. } if of == member),
    );
    gateways.chain(rows.get_key_value(&session))
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
