//! The one writer: takes what has gathered in the queue and commits it in one transaction.
//!
//! The commit waits for the disk away from other tasks, through the seam: on a thread on a real system, at once and in
//! order in a simulator.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use causeway_seam::Env;
use openraft::storage::IOFlushed;
use tokio::sync::{mpsc, oneshot};

use super::memory::Memory;
use super::pulse::Pulse;
use super::tables::Tables;
use crate::types::Types;

/// How many writes share a transaction at most.
const BATCH: usize = 512;

/// How long a committed place may wait for company. Losing it costs a restart the time to hear it anew, nothing else;
/// an fsync of its own after each entry would halve what a single client gets through.
const COMMITTED_DELAY: Duration = Duration::from_millis(20);

/// A change to the tables.
pub(super) enum Change {
    Append(Vec<(u64, Arc<[u8]>)>),
    Vote(Vec<u8>),
    Committed(Vec<u8>),
    /// `None`: all.
    TruncateAfter(Option<u64>),
    Purge {
        upto: u64,
        purged: Vec<u8>,
    },
}

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

/// A queued write.
pub(super) struct Op {
    /// Rises by one with each write.
    pub(super) number: u64,
    pub(super) change: Change,
    pub(super) done: Done,
}

enum Woken {
    By(Op),
    ByDelay,
    ByEnd,
}

/// Writes until the queue is closed and empty.
pub(super) async fn run(
    env: Env,
    tables: Arc<Tables>,
    memory: Arc<Memory>,
    mut queue: mpsc::Receiver<Op>,
    pulse: Arc<Pulse>,
) {
    // A committed place that waits for company.
    let mut lazy: Option<Op> = None;
    loop {
        let woken = tokio::select! {
            biased;
            op = queue.recv() => op.map_or(Woken::ByEnd, Woken::By),
            () = env.sleep(COMMITTED_DELAY), if lazy.is_some() => Woken::ByDelay,
        };
        let may_wait = matches!(woken, Woken::By(_));
        let ended = matches!(woken, Woken::ByEnd);
        let mut batch: Vec<Op> = lazy.take().into_iter().collect();
        if let Woken::By(op) = woken {
            batch.push(op);
        }
        while batch.len() < BATCH
            && let Ok(op) = queue.try_recv()
        {
            batch.push(op);
        }
        if may_wait
            && batch
                .iter()
                .all(|op| matches!(op.change, Change::Committed(_)))
        {
            lazy = batch.pop();
        } else if !batch.is_empty() {
            pulse.begin(env.now());
            commit(&env, &tables, &memory, batch).await;
            pulse.end(env.now());
        }
        if ended {
            return;
        }
    }
}

/// Commits a batch and tells who waits. After a failure nothing is written any more: what a later write builds upon may
/// be missing.
async fn commit(env: &Env, tables: &Arc<Tables>, memory: &Arc<Memory>, batch: Vec<Op>) {
    let last = batch.last().map_or(0, |op| op.number);
    let (changes, done): (Vec<Change>, Vec<Done>) =
        batch.into_iter().map(|op| (op.change, op.done)).unzip();
    let result = match memory.check() {
        Err(error) => Err(error),
        Ok(()) => {
            let tables = Arc::clone(tables);
            let written = env.blocking(move || tables.write(&changes)).await;
            written.unwrap_or_else(|| Err(io::Error::other("the database's writer panicked")))
        }
    };
    match result {
        Ok(()) => {
            memory.flushed(last);
            done.into_iter().for_each(|done| done.tell(Ok(())));
        }
        Err(error) => {
            let reason = format!("the log cannot be written: {error}");
            if memory.check().is_ok() {
                tracing::error!(%error, "the log cannot be written; this replica stops");
            }
            memory.fail(&reason);
            for done in done {
                done.tell(Err(io::Error::new(error.kind(), reason.clone())));
            }
        }
    }
}
