//! The one writer: takes what has gathered in the queue and commits it as one.
//!
//! It has a thread of its own on a real system, where it waits for the disk, and tells who waits for a write from there; in
//! a simulator it is a task like others, and waits as the simulator says.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use causeway_seam::Env;
use openraft::storage::IOFlushed;
use tokio::sync::{Notify, mpsc, oneshot};

use super::change::Change;
use super::ledger::{Ledger, Written};
use super::memory::Memory;
use super::pulse::Pulse;
use crate::form::{self, LogIdForm};
use crate::types::Types;

/// How many writes are committed as one at most.
const BATCH: usize = 512;

/// How long a committed place may wait for company. Losing it costs a restart the time to hear it anew, nothing else;
/// an fsync of its own after each entry would halve what a single client gets through.
const COMMITTED_DELAY: Duration = Duration::from_millis(20);

/// After so long without a write one is made that changes nothing, so that a disk that stalls is noticed.
pub(super) const BEAT: Duration = Duration::from_secs(2);

/// Who waits for a write.
pub(super) enum Done {
    Flushed(IOFlushed<Types>),
    Tell(oneshot::Sender<io::Result<()>>),
    Nobody,
}

impl Done {
    fn tell(self, result: io::Result<()>) {
        match self {
            Self::Flushed(callback) => callback.io_completed(result),
            Self::Tell(tell) => {
                let _ = tell.send(result);
            }
            Self::Nobody => {}
        }
    }
}

/// What the writer is asked for.
pub(super) enum Asked {
    Change(Change),
    /// Only the committed place, if it waits.
    Committed,
    /// Only to go to the disk.
    Beat,
}

/// A queued write.
pub(super) struct Op {
    /// Rises by one with each write.
    pub(super) number: u64,
    pub(super) asked: Asked,
    pub(super) done: Done,
}

/// Asks the writer for the committed place where nothing takes it along; ends with the log.
pub(super) async fn keep_committed(
    env: Env,
    memory: Arc<Memory>,
    queue: mpsc::WeakSender<Op>,
    news: Arc<Notify>,
) {
    loop {
        news.notified().await;
        env.sleep(COMMITTED_DELAY).await;
        if !memory.committed_waits() {
            continue;
        }
        let Some(queue) = queue.upgrade() else { return };
        let Ok(permit) = queue.reserve().await else {
            return;
        };
        permit.send(Op {
            number: memory.next_number(),
            asked: Asked::Committed,
            done: Done::Nobody,
        });
    }
}

/// Asks the writer to go to the disk where nothing has taken it there for a while; ends with the log.
pub(super) async fn keep_beating(
    env: Env,
    memory: Arc<Memory>,
    queue: mpsc::WeakSender<Op>,
    pulse: Arc<Pulse>,
) {
    loop {
        env.sleep(BEAT / 2).await;
        let Some(queue) = queue.upgrade() else { return };
        if pulse.rests(env.now(), BEAT) {
            // Where the queue is full, the writer has enough to do.
            let _ = queue.try_send(Op {
                number: memory.next_number(),
                asked: Asked::Beat,
                done: Done::Nobody,
            });
        }
    }
}

/// What the writer works with.
pub(super) struct Writer {
    pub(super) env: Env,
    pub(super) memory: Arc<Memory>,
    pub(super) queue: mpsc::Receiver<Op>,
    pub(super) pulse: Arc<Pulse>,
}

impl Writer {
    /// Writes until the queue is closed and empty.
    pub(super) async fn run(mut self, ledger: Ledger) {
        let mut ledger = Some(ledger);
        while let Some(first) = self.queue.recv().await {
            let mut batch = vec![first];
            while batch.len() < BATCH
                && let Ok(op) = self.queue.try_recv()
            {
                batch.push(op);
            }
            ledger = self.commit(ledger, batch).await;
        }
        // So that the folder of a replica that is stopped is all in the tables. What fails here is in the journal still.
        if let Some(mut ledger) = ledger {
            let committed = self.committed(u64::MAX);
            let finish = move || match committed? {
                Some(change) => ledger.write(vec![change]).and_then(|_| ledger.carry_over()),
                None => ledger.carry_over(),
            };
            if let Some(Err(error)) = self.env.blocking_apart(finish).await {
                tracing::warn!(%error, "the journal could not be carried over");
            }
        }
    }

    /// The committed place, if it is to go with the writes before a number.
    fn committed(&self, before: u64) -> io::Result<Option<Change>> {
        let committed = self.memory.take_committed(before);
        let row = committed.map(|place| form::seal(&place.as_ref().map(LogIdForm::from)));
        Ok(row.transpose()?.map(Change::Committed))
    }

    /// Commits a batch and tells who waits. After a failure nothing is written any more, and the ledger is gone: what a
    /// later write builds upon may be missing.
    async fn commit(&self, ledger: Option<Ledger>, batch: Vec<Op>) -> Option<Ledger> {
        let last = batch.last().map_or(0, |op| op.number);
        let (mut changes, mut done, mut beat) = (Vec::new(), Vec::new(), false);
        for op in batch {
            match op.asked {
                Asked::Change(change) => changes.push(change),
                Asked::Committed => {}
                Asked::Beat => beat = true,
            }
            done.push(op.done);
        }
        match self.write(ledger, changes, last, beat).await {
            Ok((ledger, written)) => {
                if written == Some(Written::Tables) {
                    self.memory.carried_over(last);
                }
                done.into_iter().for_each(|done| done.tell(Ok(())));
                Some(ledger)
            }
            Err(error) => {
                let reason = format!("the log cannot be written: {error}");
                if self.memory.check().is_ok() {
                    tracing::error!(%error, "the log cannot be written; this replica stops");
                }
                self.memory.fail(&reason);
                for done in done {
                    done.tell(Err(io::Error::new(error.kind(), reason.clone())));
                }
                None
            }
        }
    }

    async fn write(
        &self,
        ledger: Option<Ledger>,
        mut changes: Vec<Change>,
        last: u64,
        beat: bool,
    ) -> io::Result<(Ledger, Option<Written>)> {
        self.memory.check()?;
        let mut ledger = ledger.ok_or_else(|| io::Error::other("an earlier write failed"))?;
        changes.extend(self.committed(last.saturating_add(1))?);
        if changes.is_empty() {
            return match beat {
                true => Ok((self.beat(ledger).await?, None)),
                false => Ok((ledger, None)),
            };
        }
        let write = move || {
            let written = ledger.write(changes);
            written.map(|written| (ledger, Some(written)))
        };
        let written = self.at_the_disk(write).await?;
        self.pulse.end(self.env.now(), written.is_err());
        written
    }

    /// Goes to the disk and changes nothing. A failure ends nothing, since nothing builds upon it: who leads leaves the lead
    /// to another, and the next one may go well.
    async fn beat(&self, mut ledger: Ledger) -> io::Result<Ledger> {
        let refused = self.pulse.read(self.env.now()).refuses;
        let beat = move || (ledger.beat(), ledger);
        let (done, ledger) = self.at_the_disk(beat).await?;
        self.pulse.end(self.env.now(), done.is_err());
        match done {
            Err(error) if !refused => tracing::warn!(%error, "the disk of the log takes no write"),
            Ok(()) if refused => tracing::info!("the disk of the log takes writes again"),
            _ => {}
        }
        Ok(ledger)
    }

    async fn at_the_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<T> {
        self.pulse.begin(self.env.now());
        let done = self.env.blocking_apart(work).await;
        done.ok_or_else(|| io::Error::other("the log's writer panicked"))
    }
}
