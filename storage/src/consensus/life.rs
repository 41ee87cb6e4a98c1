//! One life of openraft on the data folder. It may be ended and begun anew in place, which is how its patience is changed;
//! the state stays as it is meanwhile.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use causeway_api::ReplicaId;
use causeway_seam::{Disk, Env, Monotonic, TaskHandle};
use tokio::sync::{broadcast, oneshot, watch};

use super::{Consensus, Inner};
use crate::decisions::Step;
use crate::error::StorageError;
use crate::log::{DiskPulse, Entries, LogStore, Pulse};
use crate::machine::{Machine, Shared};
use crate::network::snapshots::Transfers;
use crate::network::{Network, Raft};
use crate::peers::Peers;
use crate::settings::{Settings, Timing};
use crate::snapshot::Snapshots;
use crate::status::{self, Lead};
use crate::types::Entry;

/// How long the end of a life waits for the last writes.
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// How long the other side of a call may be silent, at least.
const PATIENCE: Duration = Duration::from_secs(2);

/// What all lives of one process share.
pub(super) struct Ground {
    pub(super) env: Env,
    pub(super) disk: Arc<dyn Disk>,
    pub(super) replica: ReplicaId,
    pub(super) peers: Arc<dyn Peers>,
    pub(super) shared: Arc<Shared>,
    pub(super) transfers: Arc<Transfers>,
    /// Where it is told who leads.
    pub(super) tell: Arc<watch::Sender<Lead>>,
}

/// One life.
pub(super) struct Life {
    pub(super) raft: Raft,
    /// Counts the lives of this process.
    pub(super) number: u64,
    writer: Option<TaskHandle>,
    pulse: Arc<Pulse>,
    /// For those who ask for an entry; given up with the life, so that the data folder is free.
    entries: Option<Entries>,
    /// Resolves once nothing is applied to the state any longer.
    machine: Option<oneshot::Receiver<()>>,
    _observer: TaskHandle,
}

impl Ground {
    /// Begins a life.
    pub(super) async fn begin(
        &self,
        number: u64,
        steps: broadcast::Sender<Step>,
        settings: &Settings,
    ) -> Result<Life, StorageError> {
        let config = settings.raft().validate();
        let config = config.map_err(|error| StorageError::Settings(error.to_string()))?;
        let snapshots = Snapshots::new(self.env.clone(), Arc::clone(&self.disk));
        let disk = Arc::clone(&self.disk);
        let opened = LogStore::open(&self.env, disk, self.replica, settings.journal_bytes);
        let (log, writer) = opened.await?;
        let pulse = log.pulse();
        let entries = Some(log.entries());
        // Read here for its errors, which openraft would wrap beyond recognition; held, so that openraft need not read it again.
        let newest = snapshots.newest().await?;
        let knows = settings.feature_level;
        let (alive, machine) = oneshot::channel();
        let shared = Arc::clone(&self.shared);
        let applied = Machine::new(shared, snapshots, steps, knows).until(alive);
        let network = Network {
            env: self.env.clone(),
            peers: Arc::clone(&self.peers),
            patience: PATIENCE.max(Duration::from_millis(settings.election_max_ms * 2)),
            transfers: Arc::clone(&self.transfers),
        };
        let (id, config) = (self.replica.0, Arc::new(config));
        let raft = openraft::Raft::new(id, config, network, log, applied).await;
        drop(newest);
        let raft = raft.map_err(|error| StorageError::Stopped(error.to_string()))?;
        let tell = Arc::clone(&self.tell);
        let observer = status::observe(self.env.clone(), raft.metrics(), tell);
        Ok(Life {
            raft,
            number,
            writer: Some(writer),
            pulse,
            entries,
            machine: Some(machine),
            _observer: self.env.spawn("log observer", observer),
        })
    }
}

impl Life {
    /// How the disk is.
    pub(super) fn pulse(&self, now: Monotonic) -> DiskPulse {
        self.pulse.read(now)
    }
}

impl Life {
    /// An entry of the log; `None` where it is not there, or cannot be read.
    pub(super) fn entry(&self, index: u64) -> Option<Entry> {
        self.entries.as_ref()?.one(index).ok().flatten()
    }
}

impl Inner {
    /// Ends the life that there is: returns once all that was queued is on disk, nothing is applied any more, and the data
    /// folder is free.
    pub(super) async fn end(&self) {
        let (raft, writer, machine) = {
            let mut life = self.life.lock().unwrap_or_else(PoisonError::into_inner);
            life.entries = None;
            (life.raft.clone(), life.writer.take(), life.machine.take())
        };
        let _ = raft.shutdown().await;
        if let Some(mut writer) = writer {
            let _ = self.env.timeout(STOP_LIMIT, writer.ended()).await;
        }
        drop(raft);
        if let Some(machine) = machine {
            let _ = self.env.timeout(STOP_LIMIT, machine).await;
        }
    }
}

impl Consensus {
    /// How patient the log is now.
    #[must_use]
    pub fn timing(&self) -> Timing {
        let timing = self.inner.timing.lock();
        *timing.unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes how patient the log is: ends openraft and begins it anew, in place. Proposals that are under way meanwhile are
    /// sent again. A leader hands over before, where it can.
    ///
    /// # Errors
    /// [`StorageError`] where it did not begin again; the log has stopped then.
    pub async fn retime(&self, timing: Timing) -> Result<(), StorageError> {
        let inner = &self.inner;
        let _one = inner.restarting.lock().await;
        if self.timing() == timing {
            return Ok(());
        }
        let Some(steps) = inner.steps.upgrade() else {
            return Err(StorageError::Stopped("it is being shut down".into()));
        };
        let number = self.life() + 1;
        inner.end().await;
        let settings = inner.settings.clone().with(timing);
        let life = inner.ground.begin(number, steps, &settings).await?;
        *inner.life.lock().unwrap_or_else(PoisonError::into_inner) = life;
        *inner.timing.lock().unwrap_or_else(PoisonError::into_inner) = timing;
        self.lead_at_once().await;
        Ok(())
    }

    /// openraft as it lives now.
    pub(super) fn raft(&self) -> Raft {
        let life = self.inner.life.lock();
        life.unwrap_or_else(PoisonError::into_inner).raft.clone()
    }

    /// Which of its lives this is.
    pub(super) fn life(&self) -> u64 {
        let life = self.inner.life.lock();
        life.unwrap_or_else(PoisonError::into_inner).number
    }

    /// Whether a life that has ended was followed by another. Waits where it is about to be.
    pub(super) async fn lives_again(&self, number: u64) -> bool {
        let _settled = self.inner.restarting.lock().await;
        self.life() != number
    }
}
