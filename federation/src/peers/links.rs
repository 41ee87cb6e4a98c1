//! All links of one replica.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use causeway_api::peer::{
    Fenced, Lane, PEER_PROTOCOL, PEER_PROTOCOL_OLDEST, PeerAddresses, PeerHello, Ping, Range,
};
use causeway_api::{Generation, ReplicaId};
use causeway_seam::{Env, TaskHandle};
use causeway_state::level::{BASE_LEVEL, FEATURE_LEVEL};
use causeway_state::replicas::Standing;
use causeway_storage::{Consensus, ReplicaNode, WeakConsensus};
use tokio::sync::{Notify, watch};

use super::accept::{self, Guests};
use super::facts::FactsLane;
use super::knock::{self, Knocks};
use super::link::{self, Phase, Slot};
use super::{Acceptor, Dialler, Known, PeerSeen};

mod calls;
mod keep;

/// What a replica says of itself, and what stays so while it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Me {
    /// Its id.
    pub replica: ReplicaId,
    /// What it would be lost together with.
    pub domain: String,
    /// Where it is reached.
    pub addresses: PeerAddresses,
    /// Addresses of replicas to whom it introduces itself before it is added.
    pub join: Vec<String>,
}

/// The links of one replica. Clones share them; they end with [`PeerLinks::stop`] or the last clone: the log holds one.
#[derive(Clone)]
pub struct PeerLinks(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) env: Env,
    me: Me,
    boot: u64,
    pub(super) dialler: Option<Arc<Dialler>>,
    consensus: OnceLock<WeakConsensus>,
    attached: watch::Sender<bool>,
    facts: OnceLock<Arc<dyn FactsLane>>,
    peers: Mutex<BTreeMap<ReplicaId, Arc<Peer>>>,
    pub(super) guests: Mutex<Guests>,
    pub(super) knocks: Mutex<Knocks>,
    fenced: watch::Sender<Option<Fenced>>,
    changed: watch::Sender<u64>,
    tasks: Mutex<Vec<TaskHandle>>,
}

/// Another replica, with a slot for each lane.
pub(super) struct Peer {
    pub(super) id: ReplicaId,
    pub(super) address: watch::Sender<String>,
    pub(super) seen: Mutex<PeerSeen>,
    slots: Mutex<BTreeMap<Lane, Arc<Slot>>>,
}

impl Peer {
    /// Ends its links. Their tasks hold it, so that dropping it is not enough.
    fn end(&self) {
        let slots = std::mem::take(&mut *lock(&self.slots));
        for slot in slots.values() {
            drop(lock(&slot.task).take());
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        for peer in lock(&self.peers).values() {
            peer.end();
        }
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl std::fmt::Debug for PeerLinks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("PeerLinks").field(&self.0.me).finish()
    }
}

impl PeerLinks {
    /// With no links yet; without a dialler there never are any.
    #[must_use]
    pub fn new(env: &Env, me: Me, dialler: Option<Arc<Dialler>>) -> Self {
        Self(Arc::new(Inner {
            env: env.clone(),
            boot: env.random().next_u64(),
            me,
            dialler,
            consensus: OnceLock::new(),
            attached: watch::Sender::new(false),
            facts: OnceLock::new(),
            peers: Mutex::default(),
            guests: Mutex::default(),
            knocks: Mutex::default(),
            fenced: watch::Sender::new(None),
            changed: watch::Sender::new(0),
            tasks: Mutex::default(),
        }))
    }

    /// From now on the lane of facts is the handler's. To be called before [`PeerLinks::attach`].
    pub fn serve_facts(&self, facts: Arc<dyn FactsLane>) {
        let _ = self.0.facts.set(facts);
    }

    /// Begins: `consensus` answers calls, and its members are dialled; `acceptor` brings the links of others.
    pub fn attach(&self, consensus: &Consensus, acceptor: Option<Box<Acceptor>>) {
        let inner = &self.0;
        if inner.consensus.set(consensus.downgrade()).is_err() {
            return;
        }
        inner.attached.send_replace(true);
        let mut tasks = lock(&inner.tasks);
        if inner.dialler.is_some() {
            let keep = keep::keep(Arc::downgrade(inner));
            tasks.push(inner.env.spawn("links", keep));
            for address in &inner.me.join {
                let knock = knock::knock(Arc::downgrade(inner), address.clone(), None);
                tasks.push(inner.env.spawn("join", knock));
            }
        }
        if let Some(acceptor) = acceptor {
            let serve = accept::serve(Arc::downgrade(inner), acceptor);
            tasks.push(inner.env.spawn("peer links", serve));
        }
    }

    /// Ends all links.
    pub async fn stop(&self) {
        loop {
            // One of them may have begun another until it ended.
            let Some(mut task) = lock(&self.0.tasks).pop() else {
                break;
            };
            task.abort();
            task.ended().await;
        }
        let peers = std::mem::take(&mut *lock(&self.0.peers));
        for peer in peers.values() {
            peer.end();
        }
    }

    /// What this replica says of itself.
    #[must_use]
    pub fn me(&self) -> &Me {
        &self.0.me
    }

    /// What is known of the others.
    #[must_use]
    pub fn seen(&self) -> BTreeMap<ReplicaId, PeerSeen> {
        let peers = lock(&self.0.peers);
        let seen = peers
            .iter()
            .map(|(id, peer)| (*id, lock(&peer.seen).clone()));
        seen.collect()
    }

    /// Changes whenever a link goes up or down.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.changed.subscribe()
    }

    /// Set once another replica has said that this one has no part in the clusterset any more.
    #[must_use]
    pub fn fenced(&self) -> watch::Receiver<Option<Fenced>> {
        self.0.fenced.subscribe()
    }

    /// Somebody says that this replica has no part in the clusterset any more.
    pub fn fence(&self, fenced: Fenced) {
        self.0.fence(fenced);
    }

    /// What this replica says of itself now: its distance to a majority, its disk.
    #[must_use]
    pub fn own(&self) -> Ping {
        self.0.ping(0)
    }

    /// What another replica said of itself last.
    #[must_use]
    pub fn said(&self, replica: ReplicaId) -> Option<Ping> {
        lock(&self.0.guests).said(replica)
    }

    /// How replicas introduced themselves that have a link here now.
    #[must_use]
    pub fn hellos(&self) -> Vec<PeerHello> {
        lock(&self.0.guests).hellos(Lane::Raft).cloned().collect()
    }

    /// Replicas that introduced themselves and belong to no clusterset yet, or are no members: they wait to be added.
    #[must_use]
    pub fn waiting(&self) -> Vec<PeerHello> {
        let members = self.0.members();
        let guests = lock(&self.0.guests);
        let hellos = guests.hellos(Lane::Raft);
        let waiting = hellos.filter(|hello| !members.contains_key(&hello.replica));
        waiting.cloned().collect()
    }
}

impl Inner {
    /// How this replica introduces itself on a lane.
    pub(super) fn hello(&self, lane: Lane, to: Option<ReplicaId>) -> PeerHello {
        let level = (self.consensus()).map_or(FEATURE_LEVEL, |log| log.knows_level());
        PeerHello {
            replica: self.me.replica,
            to,
            lane,
            protocols: Range {
                oldest: PEER_PROTOCOL_OLDEST,
                newest: PEER_PROTOCOL,
            },
            features: Range {
                oldest: BASE_LEVEL,
                newest: level,
            },
            version: env!("CARGO_PKG_VERSION").to_owned(),
            boot: self.boot,
            folder: self.consensus().map_or(0, |log| log.folder()),
            clusterset: self.clusterset(),
            highest: self.highest(),
            domain: self.me.domain.clone(),
            addresses: self.me.addresses.clone(),
            others: Vec::new(),
        }
    }

    /// What this replica says of itself and of the others.
    pub(super) fn me(&self) -> &Me {
        &self.me
    }

    /// Holds a task until the links are stopped.
    pub(super) fn keep_task(&self, task: TaskHandle) {
        let mut tasks = lock(&self.tasks);
        tasks.retain(|task| !task.is_ended());
        tasks.push(task);
    }

    fn clusterset(&self) -> u64 {
        self.consensus()
            .map_or(0, |log| log.read(|state| state.clusterset))
    }

    pub(super) fn highest(&self) -> Generation {
        let consensus = self.consensus();
        consensus.map_or_else(Generation::default, |log| {
            log.read(|state| Generation {
                incarnation: state.incarnation,
                ..state.last_applied
            })
        })
    }

    /// The members of the log, as this replica knows them.
    pub(super) fn members(&self) -> BTreeMap<ReplicaId, ReplicaNode> {
        (self.consensus()).map_or_else(BTreeMap::new, |log| log.members())
    }

    /// What the decisions say of replicas.
    pub(super) fn known(&self) -> BTreeMap<ReplicaId, Known> {
        let members = self.members();
        if !members.contains_key(&self.me.replica) {
            // It is only joining, or has only begun: it knows nothing that it could hold against others.
            return BTreeMap::new();
        }
        let mut known: BTreeMap<_, _> = members.keys().map(|id| (*id, Known::default())).collect();
        let Some(log) = self.consensus() else {
            return known;
        };
        log.read(|state| {
            for (id, row) in state.replicas.iter() {
                let removed = state.replicas.removed(id);
                // Until its removal is decided, one whom the log leaves out is a member yet.
                let decided = row.standing != Standing::Admitted && !members.contains_key(&id);
                if decided || known.contains_key(&id) {
                    let removed = removed.filter(|_| decided);
                    let folder = row.folder;
                    known.insert(id, Known { folder, removed });
                }
            }
        });
        known
    }

    /// What is said with a ping.
    pub(super) fn ping(&self, number: u64) -> Ping {
        let micros = |duration: Duration| u32::try_from(duration.as_micros()).unwrap_or(u32::MAX);
        let disk = self.consensus().and_then(|log| log.disk().takes());
        Ping {
            number,
            highest: self.highest(),
            majority_us: self.majority_trip().map_or(0, |trip| micros(trip).max(1)),
            disk_us: disk.map_or(0, |disk| micros(disk).max(1)),
        }
    }

    /// The round trip to so many other voters as make a majority with this replica.
    fn majority_trip(&self) -> Option<Duration> {
        let status = self.consensus()?.status();
        let voters = status.members.iter().filter(|member| member.voter);
        let others: Vec<ReplicaId> = voters
            .map(|member| member.replica)
            .filter(|id| *id != self.me.replica)
            .collect();
        let peers = lock(&self.peers);
        let trip = |id: &ReplicaId| lock(&peers.get(id)?.seen).shortest_trip();
        let mut trips: Vec<Duration> = others.iter().filter_map(trip).collect();
        trips.sort_unstable();
        // Half of the others, rounded up: with this one that is more than half of all.
        trips.get(others.len().div_ceil(2).checked_sub(1)?).copied()
    }

    /// The log, once it is there and for as long as somebody else holds it.
    pub(super) fn consensus(&self) -> Option<Consensus> {
        self.consensus.get()?.upgrade()
    }

    pub(super) fn facts(&self) -> Option<&Arc<dyn FactsLane>> {
        self.facts.get()
    }

    pub(super) fn fence(&self, fenced: Fenced) {
        let own = self.highest().incarnation;
        if own == 0 || fenced.incarnation < own {
            return;
        }
        if fenced.incarnation == own {
            let Some(at) = fenced.removed else { return };
            // Whoever was a member after that was not removed by it.
            let known = self.consensus().map(|log| {
                log.read(|state| {
                    let removed = state.replicas.removed(self.me.replica).is_some();
                    removed || state.replicas.changed() < at
                })
            });
            if known != Some(true) {
                tracing::error!(by = %fenced.by, %at, "another replica says that this one was removed, and it was a member after that");
                return;
            }
        }
        self.fenced.send_if_modified(|held| {
            let news = held
                .as_ref()
                .is_none_or(|held| held.incarnation < fenced.incarnation);
            if news {
                *held = Some(fenced);
            }
            news
        });
    }

    pub(super) fn note_change(&self) {
        self.changed
            .send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Ends the links of those who were removed: they dial again, and hear it.
    fn turn_out(&self) {
        let Some(log) = self.consensus() else { return };
        let removed: BTreeSet<ReplicaId> = log.read(|state| {
            let all = state.replicas.iter().map(|(id, _)| id);
            all.filter(|id| state.replicas.removed(*id).is_some())
                .collect()
        });
        lock(&self.guests).expel(&removed);
    }

    /// Whether the log leaves out somebody whose removal is not decided yet.
    fn is_changing(&self) -> bool {
        let members = self.members();
        let Some(log) = self.consensus() else {
            return false;
        };
        log.read(|state| {
            let mut decided = state.replicas.members();
            decided.any(|(id, _)| !members.contains_key(&id))
        })
    }

    /// The peer, made where it is new; dialled where it says now.
    pub(super) fn peer(&self, id: ReplicaId, address: &str) -> Arc<Peer> {
        let mut peers = lock(&self.peers);
        let peer = peers.entry(id).or_insert_with(|| {
            Arc::new(Peer {
                id,
                address: watch::Sender::new(address.to_owned()),
                seen: Mutex::new(PeerSeen::new(id, address.to_owned())),
                slots: Mutex::default(),
            })
        });
        let peer = Arc::clone(peer);
        drop(peers);
        if !address.is_empty() {
            peer.address.send_if_modified(|held| {
                let moved = held != address;
                if moved {
                    address.clone_into(held);
                    address.clone_into(&mut lock(&peer.seen).address);
                }
                moved
            });
        }
        peer
    }

    /// The slot of a lane, dialled from now on.
    pub(super) fn slot(self: &Arc<Self>, peer: &Arc<Peer>, lane: Lane) -> Arc<Slot> {
        let mut slots = lock(&peer.slots);
        let slot = slots.entry(lane).or_insert_with(|| {
            let slot = Arc::new(Slot {
                phase: watch::Sender::new(Phase::Trying),
                again: Notify::new(),
                task: Mutex::default(),
            });
            if self.dialler.is_some() {
                let run = link::run(
                    Arc::downgrade(self),
                    Arc::downgrade(peer),
                    Arc::downgrade(&slot),
                    lane,
                );
                *lock(&slot.task) = Some(self.env.spawn("link", run));
            } else {
                let reason = "this replica has no links: start it with --peer-listen".to_owned();
                slot.phase.send_replace(Phase::Down(reason));
            }
            slot
        });
        Arc::clone(slot)
    }

    /// A peer is there: those of its links that wait are dialled at once.
    pub(super) fn redial(&self, id: ReplicaId) {
        let peer = lock(&self.peers).get(&id).cloned();
        if let Some(peer) = peer {
            for slot in lock(&peer.slots).values() {
                slot.again.notify_one();
            }
        }
    }

    /// Returns once the log is there; never where it never is.
    pub(super) fn ready(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut attached = self.attached.subscribe();
        async move {
            if attached.wait_for(|attached| *attached).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}
