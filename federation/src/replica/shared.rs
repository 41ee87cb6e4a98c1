//! What the parts of a replica share.

#[cfg(test)]
pub(crate) mod alone;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use causeway_api::Generation;
use causeway_api::ids::{FailureDomain, MemberName, ReplicaId};
use causeway_index::FactStore;
use causeway_seam::{Env, Monotonic};
use causeway_state::command::Command;
use causeway_state::outcome::Outcome;
use causeway_storage::Consensus;
use tokio::sync::watch;

use super::admission::Admission;
use super::backend::memory::Memory;
use super::brain::Brain;
use super::contingencies::Preparations;
use super::doubts::Doubts;
use super::exchange::Exchange;
use super::metrics::ReplicaMetrics;
use super::part::Part;
use super::registry::Declared;
use super::roll::Rolls;
use super::sessions::{Session, Sessions, lock};
use super::status::counts::Counts;
use super::status::scope::{Changes, StatusChanges};
use crate::peers::PeerLinks;

/// Shared by the parts of a replica.
pub(crate) struct Shared {
    pub(crate) env: Env,
    pub(crate) id: ReplicaId,
    pub(crate) domain: FailureDomain,
    pub(crate) consensus: Consensus,
    pub(crate) sessions: Sessions,
    /// Facts and sessions, shared with the other replicas.
    pub(crate) exchange: Exchange,
    /// Links to the other replicas, where there are any.
    pub(crate) links: OnceLock<PeerLinks>,
    /// Whether this replica has a part in its clusterset.
    pub(crate) part: Part,
    /// Which replicas there are, for agents.
    pub(crate) rolls: Rolls,
    /// How many sessions may begin at once.
    pub(crate) admission: Admission,
    pub(crate) brain: Brain,
    /// What is prepared for losses.
    pub(crate) preparations: Preparations,
    pub(crate) refusals: Refusals,
    /// Committed plans that this replica's facts do not bear out.
    pub(crate) doubts: Doubts,
    pub(crate) metrics: ReplicaMetrics,
    /// What the host cluster's objects declare, as they were seen last.
    pub(crate) declared: Declared,
    /// When what changed, for people.
    pub(crate) memory: Memory,
    /// Who exports and who imports how much.
    pub(crate) counts: Counts,
    /// Held by whoever has the state of the past computed.
    pub(crate) past: tokio::sync::Mutex<()>,
    facts: Mutex<FactStore>,
    /// Rises whenever something that a person may look at has changed; with the members that it was about.
    status: watch::Sender<StatusChanges>,
    /// Rises whenever members came, went, or are elsewhere or declared otherwise than before: what is observed follows.
    places: watch::Sender<u64>,
}

impl Shared {
    pub(crate) fn new(
        env: Env,
        id: ReplicaId,
        domain: FailureDomain,
        consensus: Consensus,
        metrics: ReplicaMetrics,
    ) -> Arc<Self> {
        Arc::new(Self {
            env,
            id,
            domain,
            consensus,
            sessions: Sessions::default(),
            exchange: Exchange::default(),
            links: OnceLock::new(),
            part: Part::default(),
            rolls: Rolls::default(),
            admission: Admission::default(),
            brain: Brain::default(),
            preparations: Preparations::default(),
            refusals: Refusals::default(),
            doubts: Doubts::default(),
            metrics,
            declared: Declared::default(),
            memory: Memory::default(),
            counts: Counts::default(),
            past: tokio::sync::Mutex::default(),
            facts: Mutex::new(FactStore::new()),
            status: watch::Sender::new(StatusChanges::default()),
            places: watch::Sender::new(0),
        })
    }

    /// The facts of all members. Taken inside [`Consensus::read`] or alone, never the other way round, and never held
    /// over an await.
    pub(crate) fn facts(&self) -> MutexGuard<'_, FactStore> {
        lock(&self.facts)
    }

    /// The highest generation that this replica has seen.
    pub(crate) fn highest(&self) -> Generation {
        self.consensus.read(|state| state.last_applied)
    }

    /// Proposes a command; an error says that it may or may not have been committed.
    pub(crate) async fn propose(&self, command: Command) -> Result<Outcome, String> {
        let outcome = self
            .consensus
            .propose(command)
            .await
            .map(|answer| answer.outcome)
            .map_err(|error| error.to_string());
        self.metrics.proposed(&outcome);
        outcome
    }

    /// Something about a member changed that people may look at.
    pub(crate) fn status_changed(&self, member: &MemberName) {
        self.status.send_modify(|changes| changes.member(member));
    }

    /// Something changed that may concern anybody.
    pub(crate) fn any_status_changed(&self) {
        self.status.send_modify(StatusChanges::everything);
    }

    /// Members came, went, or changed their place.
    pub(crate) fn places_changed(&self) {
        self.places.send_modify(|count| *count += 1);
    }

    /// Follows where members are.
    pub(crate) fn places(&self) -> watch::Receiver<u64> {
        self.places.subscribe()
    }

    pub(crate) fn session_opened(&self, member: &MemberName) {
        self.say_opened(member);
        self.sessions_changed();
    }

    /// Something about sessions changed, here or elsewhere.
    pub(crate) fn sessions_changed(&self) {
        self.any_status_changed();
    }

    pub(crate) fn session_closed(&self, session: &Session) {
        self.memory.left(&session.hello.member, self.env.now());
        self.say_ended(session);
        self.sessions_changed();
    }

    /// Follows changes of what people look at.
    pub(crate) fn status_changes(&self) -> Changes {
        Changes::new(self.status.subscribe())
    }
}

/// What was refused of which member, for its conditions: the last refusal.
#[derive(Default)]
pub(crate) struct Refusals {
    rows: Mutex<BTreeMap<MemberName, Refused>>,
}

/// Something of a member's agent that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    /// Of what kind.
    pub(crate) kind: RefusedKind,
    /// A sentence with the remedy.
    pub(crate) reason: String,
    /// Since when it is refused for this, by this replica's clock.
    pub(crate) since: Monotonic,
}

/// Why something of an agent is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RefusedKind {
    /// Its certificate is of another member.
    Identity,
    /// It speaks a protocol that this build does not.
    Protocol,
    /// No MemberCluster has its name.
    Unregistered,
    /// Another cluster has its name.
    ForeignCluster,
    /// An agent of a newer epoch has a session.
    OlderEpoch,
    /// Its facts are larger than any real cluster's.
    Facts,
    /// It follows decisions that this replica's log lacks.
    LostDecisions,
}

impl Refusals {
    /// At most this many members: names that nobody registered may be anything.
    const MAX: usize = 10_000;

    /// Notes a refusal. One of the same kind as the last goes on for as long as that.
    pub(crate) fn note(
        &self,
        member: &MemberName,
        kind: RefusedKind,
        reason: &str,
        now: Monotonic,
    ) {
        let mut rows = lock(&self.rows);
        if rows.len() < Self::MAX || rows.contains_key(member) {
            let goes_on = rows.get(member).filter(|before| before.kind == kind);
            let since = goes_on.map_or(now, |before| before.since);
            rows.insert(
                member.clone(),
                Refused {
                    kind,
                    reason: reason.to_owned(),
                    since,
                },
            );
        }
    }

    pub(crate) fn clear(&self, member: &MemberName) {
        lock(&self.rows).remove(member);
    }

    pub(crate) fn all(&self) -> BTreeMap<MemberName, Refused> {
        lock(&self.rows).clone()
    }
}
