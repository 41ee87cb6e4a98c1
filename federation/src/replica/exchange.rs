//! Facts and sessions, shared with the other replicas: no decision and no quorum is needed for any of it.
//!
//! What is said and what becomes of it is computed by [`causeway_core::exchange`]; here it meets connections
//! ([`lane`]), sessions ([`own`]: what this replica says of those it has) and whoever waits for an answer ([`ask`]).

mod ask;
mod lane;
mod own;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use causeway_api::exchange::{FromGiver, FromTaker, Presence};
use causeway_api::facts::FactDelta;
use causeway_api::peer::FromPeer;
use causeway_api::{MemberName, ReplicaId};
use causeway_core::exchange::{
    FirstHand, Giver, Heard, Presences, Recent, Seen, Taker, hear_first_hand,
};
use causeway_index::{ApplyError, FactStore, Whole};
use causeway_seam::Monotonic;
use tokio::sync::{Notify, mpsc, watch};

use super::sessions::{End, lock};
use super::shared::{RefusedKind, Shared};

pub(crate) use lane::join;
#[cfg(test)]
use lane::lane;

/// What is shared with other replicas, and how far.
#[derive(Default)]
pub(crate) struct Exchange {
    inner: Mutex<Inner>,
    /// Where replicas accept sessions, as they said last.
    addresses: watch::Sender<BTreeMap<ReplicaId, String>>,
    questions: ask::Questions,
}

#[derive(Default)]
struct Inner {
    recent: Recent,
    taker: Taker,
    presences: Presences,
    /// Connections on which this replica gives.
    giving: BTreeMap<u64, Arc<Giving>>,
    /// Connections on which it takes.
    taking: BTreeMap<u64, (ReplicaId, mpsc::Sender<FromPeer>)>,
    /// The last sessions that ended here, of members that have none here now.
    ended: BTreeMap<MemberName, own::Ended>,
    next: u64,
}

/// A connection on which this replica gives.
struct Giving {
    giver: Mutex<Giver>,
    /// Members of whom something changed that can wait a moment.
    later: Mutex<BTreeSet<MemberName>>,
    due: Notify,
}

/// A member's session with another replica, as that says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Elsewhere {
    /// The replica.
    pub(crate) home: ReplicaId,
    /// What it said last.
    pub(crate) presence: Presence,
    /// When it said so.
    pub(crate) said: Monotonic,
    /// When the replica was heard last.
    pub(crate) heard: Monotonic,
    /// Whether there is a connection to it now.
    pub(crate) connected: bool,
}

impl From<Seen<'_>> for Elsewhere {
    fn from(seen: Seen<'_>) -> Self {
        Self {
            home: seen.home,
            presence: seen.presence.clone(),
            said: Monotonic(seen.said),
            heard: Monotonic(seen.heard),
            connected: seen.connected,
        }
    }
}

impl Exchange {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        lock(&self.inner)
    }

    /// Applies an agent's own word, and tells the other replicas.
    ///
    /// # Errors
    /// [`ApplyError`] where it was not applied.
    pub(crate) fn first_hand(
        &self,
        facts: &mut FactStore,
        delta: FactDelta,
    ) -> Result<FirstHand, ApplyError> {
        let owner = delta.owner.clone();
        let mut inner = self.inner();
        let heard = hear_first_hand(facts, &mut inner.recent, delta)?;
        if heard.newer {
            for giving in inner.giving.values() {
                lock(&giving.giver).news(&owner, heard.base);
                giving.due.notify_one();
            }
        }
        Ok(heard)
    }

    /// A session opened or ended: said at once.
    fn present(&self, member: &MemberName) {
        for giving in self.inner().giving.values() {
            lock(&giving.giver).present(member);
            giving.due.notify_one();
        }
    }

    /// Something of a session changed that can wait a moment.
    pub(crate) fn present_later(&self, member: &MemberName) {
        for giving in self.inner().giving.values() {
            lock(&giving.later).insert(member.clone());
        }
    }

    /// A member's newest session elsewhere.
    pub(crate) fn elsewhere(&self, member: &MemberName) -> Option<Elsewhere> {
        self.inner().presences.of(member).map(Elsewhere::from)
    }

    /// The newest session of each member elsewhere.
    pub(crate) fn all_elsewhere(&self) -> BTreeMap<MemberName, Elsewhere> {
        let inner = self.inner();
        let all = inner.presences.members();
        all.filter_map(|member| {
            let seen = inner.presences.of(member)?;
            Some((member.clone(), seen.into()))
        })
        .collect()
    }

    /// Whether a member has a session with another replica that is heard.
    pub(crate) fn is_heard_elsewhere(&self, member: &MemberName) -> bool {
        let inner = self.inner();
        let mut all = inner.presences.all_of(member);
        all.any(|seen| seen.presence.open && seen.connected)
    }

    /// A replica has been silent for too long: its sessions are not heard.
    fn silent(&self, peer: ReplicaId) {
        self.inner().presences.end(peer);
    }

    /// How many owners' facts were asked of other replicas and have not come.
    pub(crate) fn pending(&self) -> usize {
        self.inner().taker.pending()
    }

    /// The other replicas whose facts come in now, and those to whom ours go.
    pub(crate) fn connections(&self) -> (BTreeSet<ReplicaId>, usize) {
        let inner = self.inner();
        let from = inner.taking.values().map(|(peer, _)| *peer);
        (from.collect(), inner.giving.len())
    }

    /// A member was removed: nothing of it is kept.
    pub(crate) fn forget(&self, member: &MemberName) {
        let mut inner = self.inner();
        inner.recent.forget(member);
        inner.ended.remove(member);
    }

    /// Where agents find other replicas, and this one if it was said.
    pub(crate) fn addresses(&self) -> BTreeMap<ReplicaId, String> {
        self.addresses.borrow().clone()
    }

    /// Follows where agents find replicas.
    pub(crate) fn follow_addresses(&self) -> watch::Receiver<BTreeMap<ReplicaId, String>> {
        self.addresses.subscribe()
    }

    /// A replica says where agents find it.
    pub(crate) fn note_address(&self, replica: ReplicaId, sessions: &str) {
        self.addresses.send_if_modified(|addresses| {
            let before = addresses.get(&replica).map_or("", String::as_str);
            let news = before != sessions;
            if sessions.is_empty() {
                addresses.remove(&replica);
            } else if news {
                addresses.insert(replica, sessions.to_owned());
            }
            news
        });
    }

    /// Replicas that are members no longer are forgotten.
    pub(crate) fn keep_replicas(&self, members: &BTreeSet<ReplicaId>) {
        self.addresses.send_if_modified(|addresses| {
            let before = addresses.len();
            addresses.retain(|id, _| members.contains(id));
            addresses.len() != before
        });
        let mut inner = self.inner();
        let gone: Vec<ReplicaId> = inner
            .presences
            .givers()
            .filter(|id| !members.contains(id))
            .collect();
        for id in gone {
            inner.presences.forget(id);
        }
    }

    /// A replica to whom this one gives, and whether it takes packed facts.
    fn begin_giving(&self, packing: bool) -> (u64, Arc<Giving>) {
        let giver = if packing {
            Giver::packing()
        } else {
            Giver::new()
        };
        let giving = Arc::new(Giving {
            giver: Mutex::new(giver),
            later: Mutex::default(),
            due: Notify::new(),
        });
        let mut inner = self.inner();
        inner.next += 1;
        let number = inner.next;
        inner.giving.insert(number, giving.clone());
        (number, giving)
    }

    fn end_giving(&self, number: u64) {
        self.inner().giving.remove(&number);
    }

    /// A replica that gives to this one.
    fn begin_taking(&self, peer: ReplicaId, sender: mpsc::Sender<FromPeer>, now: Monotonic) -> u64 {
        let mut inner = self.inner();
        inner.next += 1;
        let number = inner.next;
        inner.taking.insert(number, (peer, sender));
        inner.presences.begin(peer, now.0);
        number
    }

    /// What had been asked there is asked of the others. Says whether the replica gives on no other connection.
    fn end_taking(&self, number: u64) -> bool {
        let mut inner = self.inner();
        let Some((peer, _)) = inner.taking.remove(&number) else {
            return false;
        };
        if inner.taking.values().any(|(other, _)| *other == peer) {
            return false;
        }
        inner.presences.end(peer);
        if inner.taker.ended(peer) {
            for (_, sender) in inner.taking.values() {
                // One that is full has its next comparison in a few seconds.
                let _ = sender.try_send(FromPeer::Facts(FromTaker::Compare));
            }
        }
        true
    }
}

impl Shared {
    /// Hears another replica, and returns what to answer.
    fn hear_replica(&self, from: ReplicaId, message: FromGiver) -> Option<FromTaker> {
        let now = self.env.now();
        // Before any lock is taken: it may be long.
        let (message, whole) = match message {
            FromGiver::Packed(packed) => match Whole::read(*packed) {
                Ok(whole) => (FromGiver::Alive, Some(whole)),
                Err(error) => {
                    tracing::error!(%from, %error, "facts from another replica refused");
                    let reason = format!("from replica {from}: {error}");
                    let kind = RefusedKind::Facts;
                    self.refusals.note(&error.owner, kind, &reason, now);
                    return None;
                }
            },
            message => (message, None),
        };
        // Under the lock of the state: a removal comes before, and is seen, or after, and takes these facts along.
        let heard = self.consensus.read(|state| {
            let mut facts = self.facts();
            let mut inner = self.exchange.inner();
            let Inner {
                recent,
                taker,
                presences,
                ..
            } = &mut *inner;
            let held = (&mut *facts, recent, presences);
            let registered = |member: &MemberName| state.members.contains_key(member);
            match whole {
                Some(whole) => taker.hear_whole(from, whole, now.0, held, registered),
                None => taker.hear(from, message, now.0, held, registered),
            }
        });
        let Heard {
            changed,
            answer,
            presence,
            diff,
            refused,
            damaged: _,
            again,
        } = heard;
        if let Some(changed) = changed {
            self.facts_changed(&changed.owner, &changed.touched);
            if changed.became_whole {
                self.became_whole(&changed.owner);
            }
        }
        if let Some(error @ ApplyError::TooManyRows { .. }) = refused {
            tracing::error!(%from, %error, "facts from another replica refused");
            if let ApplyError::TooManyRows { owner, .. } = &error {
                let reason = error.to_string();
                self.refusals.note(owner, RefusedKind::Facts, &reason, now);
            }
        }
        if let Some((id, answer)) = diff {
            self.exchange.questions.answered(id, answer);
        }
        if !presence.is_empty() {
            self.sessions_elsewhere(&presence);
        } else if again {
            self.sessions_changed();
        }
        answer
    }

    /// Other replicas said something of sessions: of two sessions of one agent the newer one counts.
    fn sessions_elsewhere(&self, members: &[MemberName]) {
        for member in members {
            let Some(seen) = self.exchange.elsewhere(member) else {
                continue;
            };
            let there = seen.presence.order();
            if let Some(session) = self.sessions.of(member)
                && seen.presence.open
                && there > session.order()
            {
                tracing::info!(%member, home = %seen.home, "its agent has a newer session elsewhere");
                session.end(End::Moved);
            }
        }
        self.sessions_changed();
    }
}
