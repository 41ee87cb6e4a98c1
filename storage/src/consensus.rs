//! The log of one replica, as the rest of Causeway sees it.

mod admit;
#[cfg(test)]
mod broken_off_tests;
#[cfg(test)]
mod cluster_tests;
mod duties;
mod entries;
mod fence;
mod identity;
mod large;
mod leading;
#[cfg(test)]
mod level_tests;
mod life;
pub mod members;
pub mod past;
mod propose;
pub mod reads;
mod time;
#[cfg(test)]
mod time_tests;
mod together;
mod turns;

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use causeway_api::peer::Fenced;
use causeway_api::{Generation, ReplicaId};
use causeway_seam::{Disk, Env};
use causeway_state::{ClientId, Command, Outcome, State};
use openraft::async_runtime::watch::WatchReceiver;
use openraft::errors::{InitializeError, RaftError};
use tokio::sync::{broadcast, watch};

use crate::decisions::{Decisions, Position, Step};
use crate::error::{BootstrapError, ReadError, StorageError};
pub use crate::log::DiskPulse;
use crate::machine::Shared;
use crate::network;
use crate::network::snapshots::{Transfer, Transfers};
use crate::peers::{PeerCall, PeerCallKind, Peers, ReplicaNode};
use crate::settings::{Settings, Timing};
use crate::status::{Lead, Role, Status};
use life::{Ground, Life};

pub use propose::Answer;

/// The log of one replica. Clones share it; once all are dropped it stops where it stands, as in a crash, which loses
/// nothing that was acknowledged. [`Consensus::stop`] ends it in order.
#[derive(Clone)]
pub struct Consensus {
    inner: Arc<Inner>,
}

struct Inner {
    env: Env,
    settings: Settings,
    ground: Ground,
    life: Mutex<Life>,
    timing: Mutex<Timing>,
    /// Held while one life is followed by another.
    restarting: tokio::sync::Mutex<()>,
    fenced: Mutex<Option<Fenced>>,
    shared: Arc<Shared>,
    steps: broadcast::WeakSender<Step>,
    lead: watch::Receiver<Lead>,
    client: ClientId,
    folder: u64,
    serial: AtomicU64,
    turns: turns::Turns,
    /// Held by the change of members that this replica makes as the leader.
    changing: tokio::sync::Mutex<()>,
    counted: time::Counted,
}

impl std::fmt::Debug for Consensus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Consensus")
            .field(&self.inner.client.replica)
            .finish()
    }
}

impl Consensus {
    /// Opens the log in a data folder, creating it where it is absent. A replica that was there before goes on where it
    /// was; a new one waits for [`Consensus::bootstrap`], or to be added by others.
    ///
    /// # Errors
    /// [`StorageError`] where the folder is in use, damaged, another replica's or a newer version's.
    pub async fn open(
        env: Env,
        disk: Arc<dyn Disk>,
        replica: ReplicaId,
        settings: Settings,
        peers: Arc<dyn Peers>,
    ) -> Result<Self, StorageError> {
        let shared = Shared::new();
        let (steps, _) = broadcast::channel(settings.decisions_kept.max(1));
        let (tell, lead) = watch::channel(Lead::default());
        let ground = Ground {
            env: env.clone(),
            disk: Arc::clone(&disk),
            replica,
            peers,
            shared: Arc::clone(&shared),
            transfers: Arc::new(Transfers::default()),
            tell: Arc::new(tell),
        };
        let weak_steps = steps.downgrade();
        fence::check(&env, &disk).await?;
        let life = ground.begin(1, steps, &settings).await?;
        let folder = identity::folder(&env, &disk).await?;
        let client = ClientId {
            replica,
            nonce: env.random().next_u64(),
        };
        let consensus = Self {
            inner: Arc::new(Inner {
                env,
                timing: Mutex::new(settings.timing()),
                settings,
                ground,
                life: Mutex::new(life),
                restarting: tokio::sync::Mutex::default(),
                fenced: Mutex::default(),
                shared,
                steps: weak_steps,
                lead,
                client,
                folder,
                serial: AtomicU64::new(1),
                turns: turns::Turns::new(client),
                changing: tokio::sync::Mutex::default(),
                counted: time::Counted::default(),
            }),
        };
        consensus.lead_at_once().await;
        Ok(consensus)
    }

    /// The only voter need not wait to see whether another leads.
    async fn lead_at_once(&self) {
        let me = self.inner.client.replica.0;
        // Of the state and not of the metrics, which know no member until the log has begun to run: a replica among many would
        // take itself for the only one, and depose the leader at each of its starts.
        let raft = self.raft();
        let alone = raft.with_raft_state(move |state| {
            let voters: Vec<u64> = state.membership_state.effective().voter_ids().collect();
            voters == [me]
        });
        if alone.await.unwrap_or(false) {
            // It would be elected anyway, a little later.
            let _ = self.raft().trigger().elect(false).await;
        }
    }

    /// Begins a new clusterset with this replica as its only voter, once and only once. May be tried again where the
    /// first command was not decided.
    ///
    /// # Errors
    /// [`BootstrapError`] where there is a clusterset already, or where the first command was not decided.
    pub async fn bootstrap(&self, me: ReplicaNode) -> Result<Generation, BootstrapError> {
        let incarnation = self.read(|state| state.incarnation);
        if incarnation != 0 {
            return Err(BootstrapError::Exists { incarnation });
        }
        let replica = self.inner.client.replica;
        let members = BTreeMap::from([(replica.0, me)]);
        match self.raft().initialize(members).await {
            Ok(()) => {}
            Err(RaftError::APIError(InitializeError::NotAllowed(_))) => {
                // A stop between the first membership and the first command leaves this.
                let others = self.status().members.iter().any(|m| m.replica != replica);
                if others {
                    return Err(BootstrapError::Joined("its log has other members".into()));
                }
            }
            Err(other) => return Err(BootstrapError::Joined(other.to_string())),
        }
        let answer = self.propose(Command::Bootstrap { incarnation: 1 }).await?;
        match answer.outcome {
            Outcome::Accepted { generation, .. } => {
                // Whoever joins later learns the level with the log. Where it fails, the leader raises it later.
                let level = self.knows_level();
                if level > causeway_state::level::BASE_LEVEL {
                    let _ = self.propose(Command::RaiseLevel { level }).await;
                }
                Ok(generation)
            }
            // Sent again because the first answer was lost.
            Outcome::Duplicate | Outcome::Unchanged => Ok(answer.generation),
            Outcome::Refused(causeway_state::Refusal::AlreadyBootstrapped { incarnation }) => {
                Err(BootstrapError::Exists { incarnation })
            }
            Outcome::Refused(refusal) => Err(BootstrapError::Refused(refusal.to_string())),
        }
    }

    /// Reads the state as this replica has it: a *local* read, which may be behind. Quick work only: decisions wait for
    /// it.
    pub fn read<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        self.inner.shared.read(read)
    }

    /// Waits until the state is at least what it was before this replica was last stopped. Needs a leader, since only
    /// one knows how far the log is committed.
    ///
    /// # Errors
    /// [`ReadError`] where it is not so within `limit`.
    pub async fn recovered(&self, limit: Duration) -> Result<(), ReadError> {
        let raft = self.raft();
        let recovery = raft.wait_for_recovery(None);
        match self.inner.env.timeout(limit, recovery).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(ReadError::Stopped(error.to_string())),
            Err(_) => Err(ReadError::NoQuorum { waited: limit }),
        }
    }

    /// How far the state has come, as it changes.
    #[must_use]
    pub fn position(&self) -> watch::Receiver<Position> {
        self.inner.shared.position()
    }

    /// Follows the decisions from now on. Subscribe first and read the state then: what is decided in between is in
    /// both.
    #[must_use]
    pub fn decisions(&self) -> Decisions {
        let steps = self.inner.steps.upgrade();
        // A log that has stopped decides nothing: its followers end at once.
        let steps = steps.unwrap_or_else(|| broadcast::channel(1).0);
        Decisions::new(steps.subscribe())
    }

    /// Whether this replica leads, as far as it knows, and a majority confirmed it within the longest election timeout.
    /// An isolated leader believes in itself longer than it should: what must be certain asks
    /// [`Consensus::linearizable`].
    #[must_use]
    pub fn is_leader(&self) -> bool {
        let status = self.status();
        let alone = status.members.iter().filter(|member| member.voter).count() == 1;
        let patience = self.timing().election_max_ms;
        let heard = |ms| ms <= patience;
        status.role == Role::Leader && (alone || status.quorum_heard_ms.is_some_and(heard))
    }

    /// The state of the log, for people and metrics; asks nobody.
    #[must_use]
    pub fn status(&self) -> Status {
        let metrics = self.raft().metrics();
        let lead = *self.inner.lead.borrow();
        let now = self.inner.env.now();
        let metrics = metrics.borrow_watched();
        let applied = self.inner.shared.position().borrow().index;
        Status::new(&metrics, lead, applied, now)
    }

    /// Whether this replica belongs to no clusterset yet: nothing was ever decided or voted in its data folder.
    pub async fn is_fresh(&self) -> bool {
        !self.raft().is_initialized().await.unwrap_or(true)
    }

    /// Whether this replica leads, as far as it knows; see [`Consensus::is_leader`].
    #[must_use]
    pub fn leads(&self) -> bool {
        self.status().role == Role::Leader
    }

    /// How long the disk takes to make a write of the log durable; where nothing is decided, one is made for that every
    /// other second.
    #[must_use]
    pub fn disk(&self) -> DiskPulse {
        let life = self.inner.life.lock();
        let life = life.unwrap_or_else(std::sync::PoisonError::into_inner);
        life.pulse(self.inner.env.now())
    }

    /// The number that the data folder got when it was made: one that was wiped has another.
    #[must_use]
    pub fn folder(&self) -> u64 {
        self.inner.folder
    }

    /// The members of the log, as this replica knows them.
    #[must_use]
    pub fn members(&self) -> BTreeMap<ReplicaId, ReplicaNode> {
        let members = self.status().members.into_iter();
        members
            .map(|member| (member.replica, member.node))
            .collect()
    }

    /// Changes whenever the members of the log, as this replica knows them, or who leads may have.
    #[must_use]
    pub fn membership(&self) -> watch::Receiver<Lead> {
        self.inner.lead.clone()
    }

    /// Answers a call of another replica.
    ///
    /// # Errors
    /// A sentence for the caller, where the log has stopped or the call cannot be read.
    pub async fn answer(&self, call: PeerCall) -> Result<Vec<u8>, String> {
        let failed = |error: postcard::Error| error.to_string();
        match call.kind {
            PeerCallKind::Propose => {
                let answer = self.take_proposal(&call.body).await?;
                postcard::to_stdvec(&answer).map_err(failed)
            }
            PeerCallKind::Change => {
                let answer = self.take_change(&call.body).await?;
                postcard::to_stdvec(&answer).map_err(failed)
            }
            PeerCallKind::Read => {
                let answer = self.take_read(&call.body).await?;
                postcard::to_stdvec(&answer).map_err(failed)
            }
            _ => network::answer(self.raft(), &self.inner.ground.transfers, call).await,
        }
    }

    /// Writes a snapshot now. Returns once it was asked for.
    pub async fn snapshot(&self) {
        let _ = self.raft().trigger().snapshot().await;
    }

    /// Stops the log in order: returns once all that was queued is on disk and the data folder is free.
    pub async fn stop(&self) {
        let _one = self.inner.restarting.lock().await;
        self.inner.end().await;
    }

    /// Without holding it.
    #[must_use]
    pub fn downgrade(&self) -> WeakConsensus {
        WeakConsensus(Arc::downgrade(&self.inner))
    }

    /// Snapshots that are on their way to others, or from one.
    #[must_use]
    pub fn transfers(&self) -> Vec<Transfer> {
        self.inner.ground.transfers.all()
    }
}

/// A log that may be gone: for those whom the log itself holds.
#[derive(Debug, Clone)]
pub struct WeakConsensus(std::sync::Weak<Inner>);

impl WeakConsensus {
    /// The log, if somebody still holds it.
    #[must_use]
    pub fn upgrade(&self) -> Option<Consensus> {
        self.0.upgrade().map(|inner| Consensus { inner })
    }
}
