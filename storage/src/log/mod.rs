//! The log: entries, vote, committed place and purged place in one database, so that they change together; and a journal in
//! front of it, so that a commit is one write to one place.
//!
//! Writes are queued in the order in which openraft makes them, and one task, on a thread of its own where there are
//! threads, commits whatever has gathered ([`writer`]): a vote never overtakes entries, and many appends share an fsync. It
//! goes to the [`journal`], and from there to the [`tables`] of redb once in a while ([`ledger`]). What is not in the tables
//! is readable from memory ([`memory`]).
//!
//! A database is made in memory first (`draft`); [`offline`] is for verbs on the folder of a replica that is stopped.
//!
//! Reads take a transaction of redb where they are made: they seldom leave its cache, and a thread of their own would
//! cost more than they do.

mod change;
mod draft;
mod entries;
mod journal;
mod ledger;
mod memory;
pub(crate) mod offline;
mod pulse;
mod tables;
mod writer;

use std::fmt::Debug;
use std::io;
use std::ops::RangeBounds;
use std::sync::Arc;

use causeway_api::ReplicaId;
use causeway_seam::{Disk, Env, TaskHandle};
use openraft::OptionalSend;
use openraft::storage::{IOFlushed, LogState, RaftLogReader, RaftLogStorage};
use tokio::sync::{Notify, mpsc, oneshot};

use crate::error::StorageError;
use crate::form::{self, LogIdForm, VoteForm};
use crate::types::{Entry, LogId, Types, Vote};
use change::Change;
pub(crate) use entries::Entries;
use ledger::Ledger;
use memory::Memory;
pub use pulse::DiskPulse;
pub(crate) use pulse::Pulse;
use tables::Tables;
use writer::{Asked, Done, Op, Writer};

/// How many writes may wait before openraft has to.
const QUEUE: usize = 1_024;

/// How many bytes of records a new journal takes.
pub(crate) const JOURNAL_BYTES: usize = 1 << 20;

/// How many bytes of entries are read for one append to another replica; at least one entry.
const READ_BYTES: usize = 4 << 20;

/// The log. Clones share it.
#[derive(Clone)]
pub(crate) struct LogStore {
    tables: Arc<Tables>,
    memory: Arc<Memory>,
    queue: mpsc::Sender<Op>,
    pulse: Arc<Pulse>,
    /// Tells of a committed place that is to be written.
    committed: Arc<Notify>,
    _keepers: Arc<[TaskHandle; 2]>,
}

impl LogStore {
    /// Opens the log of a replica, creating it where it is absent, with a journal of so many bytes. The task is its writer: it
    /// ends by itself once all clones are gone, having written all that was queued, and at once when its handle is dropped.
    pub(crate) async fn open(
        env: &Env,
        disk: Arc<dyn Disk>,
        replica: ReplicaId,
        journal_bytes: usize,
    ) -> Result<(Self, TaskHandle), StorageError> {
        let location = disk.location().display().to_string();
        let opened = env
            .blocking(move || Ledger::open(disk.as_ref(), replica, journal_bytes))
            .await;
        let (ledger, found) = opened.unwrap_or_else(|| {
            Err(StorageError::Database {
                path: location,
                reason: "the database could not be read at all".into(),
            })
        })?;
        let tables = Arc::clone(ledger.tables());
        let memory = Arc::new(Memory::new(found));
        let (queue, ops) = mpsc::channel(QUEUE);
        let pulse = Arc::new(Pulse::default());
        let writer = Writer {
            env: env.clone(),
            memory: Arc::clone(&memory),
            queue: ops,
            pulse: Arc::clone(&pulse),
        };
        let task = env.spawn_apart("log writer", writer.run(ledger));
        let committed = Arc::new(Notify::new());
        let (to, news) = (queue.downgrade(), Arc::clone(&committed));
        let keeper = writer::keep_committed(env.clone(), Arc::clone(&memory), to, news);
        let (to, measured) = (queue.downgrade(), Arc::clone(&pulse));
        let beating = writer::keep_beating(env.clone(), Arc::clone(&memory), to, measured);
        let store = Self {
            tables,
            memory,
            queue,
            pulse,
            committed,
            _keepers: Arc::new([
                env.spawn("log keeper", keeper),
                env.spawn("log beat", beating),
            ]),
        };
        Ok((store, task))
    }

    /// How long writes take.
    pub(crate) fn pulse(&self) -> Arc<Pulse> {
        Arc::clone(&self.pulse)
    }

    /// Queues a write. `change` is made in memory at the same time, so that memory and queue agree in their order.
    async fn queue<T>(
        &self,
        done: Done,
        change: impl FnOnce(&Memory, u64) -> (Change, T),
    ) -> io::Result<T> {
        self.memory.check()?;
        let permit = self.queue.reserve().await;
        let permit = permit.map_err(|_| io::Error::other("the log's writer has stopped"))?;
        let number = self.memory.next_number();
        let (change, result) = change(&self.memory, number);
        permit.send(Op {
            number,
            asked: Asked::Change(change),
            done,
        });
        Ok(result)
    }

    /// Reads entries, and writes nothing.
    pub(crate) fn entries(&self) -> Entries {
        Entries {
            tables: Arc::clone(&self.tables),
            memory: Arc::clone(&self.memory),
        }
    }

    /// Entries in a range, in order, without a hole, and no more than `budget` bytes of them unless it is one.
    fn read(&self, range: impl RangeBounds<u64>, budget: usize) -> io::Result<Vec<Entry>> {
        entries::read(&self.tables, &self.memory, range, budget)
    }
}

impl RaftLogReader<Types> for LogStore {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> io::Result<Vec<Entry>> {
        self.read(range, usize::MAX)
    }

    async fn read_vote(&mut self) -> io::Result<Option<Vote>> {
        Ok(self.memory.vote())
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> io::Result<Vec<Entry>> {
        self.read(start..end, READ_BYTES)
    }
}

impl RaftLogStorage<Types> for LogStore {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> io::Result<LogState<Types>> {
        let (last_purged_log_id, last_log_id) = self.memory.ends();
        Ok(LogState {
            last_purged_log_id,
            last_log_id,
        })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> io::Result<()> {
        let bytes = form::seal(&VoteForm::from(vote))?;
        let (tell, heard) = oneshot::channel();
        self.queue(Done::Tell(tell), |memory, _| {
            memory.set_vote(*vote);
            (Change::Vote(bytes), ())
        })
        .await?;
        heard
            .await
            .unwrap_or_else(|_| Err(io::Error::other("the log's writer has stopped")))
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> io::Result<()> {
        self.memory.check()?;
        self.memory.set_committed(committed);
        self.committed.notify_one();
        Ok(())
    }

    async fn read_committed(&mut self) -> io::Result<Option<LogId>> {
        Ok(self.memory.committed())
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<Types>) -> io::Result<()>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let mut rows: Vec<(LogId, Arc<[u8]>)> = Vec::new();
        for entry in entries {
            rows.push((entry.log_id, form::write_entry(&entry)?.into()));
        }
        self.queue(Done::Flushed(callback), |memory, number| {
            memory.append(number, &rows);
            let rows = rows.iter().map(|(id, row)| (id.index, Arc::clone(row)));
            (Change::Append(rows.collect()), ())
        })
        .await
    }

    async fn truncate_after(&mut self, last: Option<LogId>) -> io::Result<()> {
        self.queue(Done::Nobody, |memory, _| {
            memory.truncate_after(last);
            (Change::TruncateAfter(last.map(|id| id.index)), ())
        })
        .await
    }

    async fn purge(&mut self, upto: LogId) -> io::Result<()> {
        let purged = form::seal(&LogIdForm::from(&upto))?;
        self.queue(Done::Nobody, |memory, _| {
            memory.purge(upto);
            let change = Change::Purge {
                upto: upto.index,
                purged,
            };
            (change, ())
        })
        .await
    }
}

#[cfg(test)]
mod beat_tests;
