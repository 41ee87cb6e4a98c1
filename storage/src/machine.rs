//! Between openraft and `causeway_state::apply`: locks, loops and answers, and no judgement.
//!
//! The state lives in memory. A restart takes it from the newest snapshot and applies the log up to the place that was
//! known to be committed.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use causeway_api::{Generation, ReplicaId};
use causeway_state::{Command, LogPosition, Outcome, Request, State, apply, level, snapshot};
use futures::{Stream, TryStreamExt};
use openraft::storage::{EntryResponder, RaftSnapshotBuilder, RaftStateMachine};
use openraft::{EntryPayload, OptionalSend};
use tokio::sync::{broadcast, oneshot, watch};

use crate::compare::Comparison;
use crate::decisions::{Decision, Position, Step};
use crate::snapshot::{Image, Snapshots};
use crate::types::{
    Entry, LogId, Membership, Proposal, Reply, Snapshot, SnapshotMeta, StoredMembership, Types,
};

/// After so many entries it is told how far the state has come, at the latest: telling it after each would wake all who
/// wait for a place for each of the others'.
const TOGETHER: usize = 64;

/// Tells how far the state has come, however applying ends.
struct Told(Arc<Shared>);

impl Drop for Told {
    fn drop(&mut self) {
        self.0.tell();
    }
}

/// What is applied.
#[derive(Default)]
struct Applied {
    state: State,
    last: Option<LogId>,
    membership: StoredMembership,
}

/// Takes over into the state who is a member of the log, after the entry that says so.
pub(crate) fn note_members(state: &mut State, membership: &Membership, at: LogId) {
    let generation = Generation {
        incarnation: state.incarnation,
        term: at.leader_id.term,
        index: at.index,
    };
    let members = membership.nodes().map(|(id, _)| ReplicaId(*id));
    state.note_members(members, generation);
}

/// Applies a request, and takes over who is a member where the state does not know it yet.
pub(crate) fn apply_request(
    state: &mut State,
    membership: &Membership,
    at: LogId,
    request: &Request,
) -> Outcome {
    let position = LogPosition {
        term: at.leader_id.term,
        index: at.index,
    };
    let outcome = apply(state, position, request);
    if state.replicas.changed() == Generation::default() {
        note_members(state, membership, at);
    }
    outcome
}

/// What readers share with the machine.
pub(crate) struct Shared {
    applied: RwLock<Applied>,
    position: watch::Sender<Position>,
    comparison: Mutex<Comparison>,
}

impl Shared {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            applied: RwLock::default(),
            position: watch::Sender::default(),
            comparison: Mutex::default(),
        })
    }

    /// What was compared with the leader.
    pub(crate) fn comparison(&self) -> MutexGuard<'_, Comparison> {
        self.comparison
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the state as this replica has it.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        // A panic while the state was changed stops the log for good; until then the last word is better than none.
        let applied = self.applied.read().unwrap_or_else(PoisonError::into_inner);
        read(&applied.state)
    }

    /// A state that changes behind the log's back, for tests of what finds it.
    #[cfg(test)]
    pub(crate) fn sabotage(&self, change: impl FnOnce(&mut State)) {
        self.change(|applied| change(&mut applied.state));
        self.tell();
    }

    pub(crate) fn position(&self) -> watch::Receiver<Position> {
        self.position.subscribe()
    }

    fn change<T>(&self, change: impl FnOnce(&mut Applied) -> T) -> T {
        let mut applied = self.applied.write().unwrap_or_else(PoisonError::into_inner);
        change(&mut applied)
    }

    /// Tells how far the state has come. Everybody who waits for a place is woken by it.
    fn tell(&self) {
        let applied = self.applied.read().unwrap_or_else(PoisonError::into_inner);
        let position = Position {
            index: applied.last.map_or(0, |id| id.index),
            generation: applied.state.last_applied,
        };
        drop(applied);
        self.position.send_if_modified(|told| {
            let news = *told != position;
            *told = position;
            news
        });
    }
}

/// The state machine of one replica.
pub(crate) struct Machine {
    shared: Arc<Shared>,
    snapshots: Snapshots,
    steps: broadcast::Sender<Step>,
    /// The highest level of behaviour that it takes part in.
    knows: u32,
    /// Dropped with it, for whoever waits until nothing is applied any longer.
    _alive: Option<oneshot::Sender<()>>,
}

impl Machine {
    pub(crate) fn new(
        shared: Arc<Shared>,
        snapshots: Snapshots,
        steps: broadcast::Sender<Step>,
        knows: u32,
    ) -> Self {
        Self {
            shared,
            snapshots,
            steps,
            knows,
            _alive: None,
        }
    }

    /// Drops `alive` when it is dropped itself.
    pub(crate) fn until(self, alive: oneshot::Sender<()>) -> Self {
        let _alive = Some(alive);
        Self { _alive, ..self }
    }

    /// Applies an entry; an error stops the log before it.
    fn apply_entry(&self, entry: Entry) -> io::Result<Reply> {
        let id = entry.log_id;
        let request = match entry.payload {
            EntryPayload::Normal(Proposal(request)) => request,
            EntryPayload::Blank => {
                self.shared.change(|applied| applied.last = Some(id));
                return Ok(None);
            }
            EntryPayload::Membership(membership) => {
                self.shared.change(|applied| {
                    applied.last = Some(id);
                    note_members(&mut applied.state, &membership, id);
                    applied.membership = StoredMembership::new(Some(id), membership);
                });
                return Ok(None);
            }
        };
        if let Err(beyond) = level::check(&request, id.index, self.knows) {
            tracing::error!("{beyond}");
            return Err(io::Error::new(io::ErrorKind::Unsupported, beyond));
        }
        let at = LogPosition {
            term: id.leader_id.term,
            index: id.index,
        };
        let outcome = self.shared.change(|applied| {
            applied.last = Some(id);
            let Applied {
                state, membership, ..
            } = applied;
            apply_request(state, membership.membership(), id, &request)
        });
        self.compare(at, &request, &outcome);
        let decision = Decision {
            at,
            request,
            outcome: outcome.clone(),
        };
        // Nobody need follow.
        let _ = self.steps.send(Step::Decided(Arc::new(decision)));
        Ok(Some(outcome))
    }

    fn compare(&self, at: LogPosition, request: &Request, outcome: &Outcome) {
        let Command::CompareDigest { seen, mark } = &request.command else {
            if matches!(outcome, Outcome::Accepted { .. }) {
                self.shared.comparison().touched();
            }
            return;
        };
        // One that was sent again is no other place.
        if matches!(outcome, Outcome::Duplicate | Outcome::Refused(_)) {
            return;
        }
        let digest = || self.shared.read(State::digest);
        let mut comparison = self.shared.comparison();
        comparison.compare(at, seen.as_ref(), *mark, digest);
    }
}

impl RaftStateMachine<Types> for Machine {
    type SnapshotData = Arc<Image>;
    type SnapshotBuilder = Builder;

    async fn applied_state(&mut self) -> io::Result<(Option<LogId>, StoredMembership)> {
        let applied = self
            .shared
            .applied
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        Ok((applied.last, applied.membership.clone()))
    }

    async fn apply<Strm>(&mut self, mut entries: Strm) -> io::Result<()>
    where
        Strm: Stream<Item = Result<EntryResponder<Types>, io::Error>> + Unpin + OptionalSend,
    {
        let told = Told(Arc::clone(&self.shared));
        let mut untold = 0;
        while let Some((entry, responder)) = entries.try_next().await? {
            let reply = self.apply_entry(entry)?;
            // Without an answer the client waits for ever.
            if let Some(responder) = responder {
                responder.send(reply);
            }
            untold += 1;
            if untold == TOGETHER {
                told.0.tell();
                untold = 0;
            }
        }
        Ok(())
    }

    async fn get_snapshot_builder(&mut self) -> Builder {
        let applied = self
            .shared
            .applied
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        Builder {
            snapshots: self.snapshots.clone(),
            // Most of it is shared, and what is not is small.
            state: applied.state.clone(),
            meta: SnapshotMeta {
                last_log_id: applied.last,
                last_membership: applied.membership.clone(),
            },
        }
    }

    async fn install_snapshot(&mut self, meta: &SnapshotMeta, image: Arc<Image>) -> io::Result<()> {
        let decode = |bytes: &[u8]| snapshot::decode(bytes).map_err(|error| invalid(&error));
        let state = self.snapshots.decode(&image, decode).await?;
        let index = meta.last_log_id.map_or(0, |id| id.index);
        if let Err(beyond) = level::check_state(&state, index, self.knows) {
            tracing::error!("{beyond}");
            return Err(io::Error::new(io::ErrorKind::Unsupported, beyond));
        }
        let kept = self.snapshots.keep(image).await;
        kept.map_err(io::Error::other)?;
        self.shared.change(|applied| {
            *applied = Applied {
                state,
                last: meta.last_log_id,
                membership: meta.last_membership.clone(),
            };
        });
        self.shared.tell();
        self.shared.comparison().replaced();
        let _ = self.steps.send(Step::Replaced);
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> io::Result<Option<Snapshot>> {
        self.snapshots.newest().await.map_err(io::Error::other)
    }
}

/// Writes one snapshot of the state as it was when the builder was made.
pub(crate) struct Builder {
    snapshots: Snapshots,
    state: State,
    meta: SnapshotMeta,
}

impl RaftSnapshotBuilder<Types> for Builder {
    type SnapshotData = Arc<Image>;

    async fn build_snapshot(&mut self) -> io::Result<Snapshot> {
        let state = std::mem::take(&mut self.state);
        let encode =
            move |bytes| snapshot::encode_behind(bytes, &state).map_err(|error| invalid(&error));
        let written = self.snapshots.write(self.meta.clone(), encode).await;
        written.map_err(io::Error::other)
    }
}

fn invalid(error: &snapshot::SnapshotError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error.to_string())
}
