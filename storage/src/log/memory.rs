//! What is known of the log without asking the disk: its ends, the vote, and the rows that are not in the tables yet.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::types::{LogId, Vote};

/// What was found on disk.
#[derive(Debug, Clone, Default)]
pub(super) struct Found {
    pub(super) vote: Option<Vote>,
    pub(super) committed: Option<LogId>,
    /// The last entry that was purged.
    pub(super) purged: Option<LogId>,
    /// The last entry, or the last that was purged where there is none.
    pub(super) last: Option<LogId>,
    /// The index of the first entry, where there is any.
    pub(super) first: Option<u64>,
}

/// A row that is queued, and the number of the write that carries it.
struct Pending {
    number: u64,
    row: Arc<[u8]>,
}

#[derive(Default)]
struct Inner {
    found: Found,
    pending: BTreeMap<u64, Pending>,
    /// A committed place that is not queued, and the number of the write that it follows.
    uncarried: Option<u64>,
    /// Why the writer failed. Nothing is taken after that.
    failed: Option<String>,
}

/// Shared by the store, its readers and the writer.
#[derive(Default)]
pub(super) struct Memory {
    inner: Mutex<Inner>,
    number: AtomicU64,
}

/// A part of the log: the range that exists, and the rows of it that may not be on disk.
pub(super) struct View {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) pending: BTreeMap<u64, Arc<[u8]>>,
}

impl Memory {
    pub(super) fn new(found: Found) -> Self {
        Self {
            inner: Mutex::new(Inner {
                found,
                ..Inner::default()
            }),
            number: AtomicU64::new(1),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing in here can panic half-way.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn next_number(&self) -> u64 {
        self.number.fetch_add(1, Ordering::Relaxed)
    }

    /// Fails once the writer has.
    pub(super) fn check(&self) -> io::Result<()> {
        match &self.lock().failed {
            Some(reason) => Err(io::Error::other(reason.clone())),
            None => Ok(()),
        }
    }

    pub(super) fn fail(&self, reason: &str) {
        self.lock().failed.get_or_insert_with(|| reason.to_owned());
    }

    pub(super) fn vote(&self) -> Option<Vote> {
        self.lock().found.vote
    }

    pub(super) fn set_vote(&self, vote: Vote) {
        self.lock().found.vote = Some(vote);
    }

    pub(super) fn committed(&self) -> Option<LogId> {
        self.lock().found.committed
    }

    /// Goes with the next write.
    pub(super) fn set_committed(&self, committed: Option<LogId>) {
        let mut inner = self.lock();
        inner.found.committed = committed;
        inner.uncarried = Some(self.number.load(Ordering::Relaxed));
    }

    /// The committed place, if it is to go with the writes before a number: never ahead of the entries that it names.
    pub(super) fn take_committed(&self, before: u64) -> Option<Option<LogId>> {
        let mut inner = self.lock();
        inner.uncarried.take_if(|after| *after <= before)?;
        Some(inner.found.committed)
    }

    /// Whether a committed place waits for company.
    pub(super) fn committed_waits(&self) -> bool {
        self.lock().uncarried.is_some()
    }

    /// The last purged entry and the last entry.
    pub(super) fn ends(&self) -> (Option<LogId>, Option<LogId>) {
        let inner = self.lock();
        (inner.found.purged, inner.found.last)
    }

    pub(super) fn append(&self, number: u64, rows: &[(LogId, Arc<[u8]>)]) {
        let mut inner = self.lock();
        for (id, row) in rows {
            let row = Arc::clone(row);
            inner.pending.insert(id.index, Pending { number, row });
            inner.found.first.get_or_insert(id.index);
            inner.found.last = Some(*id);
        }
    }

    pub(super) fn truncate_after(&self, last: Option<LogId>) {
        let mut inner = self.lock();
        if inner.found.last <= last {
            return;
        }
        match last {
            Some(id) => inner.pending.split_off(&id.index.saturating_add(1)),
            None => std::mem::take(&mut inner.pending),
        };
        inner.found.last = last.max(inner.found.purged);
        inner.found.first = inner
            .found
            .first
            .filter(|first| last.is_some_and(|id| id.index >= *first));
    }

    pub(super) fn purge(&self, upto: LogId) {
        let mut inner = self.lock();
        inner.pending = inner.pending.split_off(&upto.index.saturating_add(1));
        inner.found.purged = inner.found.purged.max(Some(upto));
        let next = upto.index.saturating_add(1);
        let remains = inner.found.last.is_some_and(|last| last.index >= next);
        inner.found.first = inner
            .found
            .first
            .filter(|_| remains)
            .map(|first| first.max(next));
        inner.found.last = inner.found.last.max(inner.found.purged);
    }

    /// All writes up to this number are in the tables.
    pub(super) fn carried_over(&self, number: u64) {
        self.lock()
            .pending
            .retain(|_, pending| pending.number > number);
    }

    /// What exists of a range, and a reader of the disk as it is at this moment, where not all of it is in memory.
    pub(super) fn view<R>(
        &self,
        start: u64,
        end: u64,
        reader: impl FnOnce() -> io::Result<R>,
    ) -> io::Result<(View, Option<R>)> {
        let inner = self.lock();
        let after = |id: Option<LogId>| id.map_or(0, |id| id.index.saturating_add(1));
        // Without an entry the range is empty.
        let start = start.max(inner.found.first.unwrap_or(u64::MAX));
        let end = end.min(after(inner.found.last)).max(start);
        let rows = inner.pending.range(start..end);
        let pending = rows.map(|(index, pending)| (*index, Arc::clone(&pending.row)));
        let view = View {
            start,
            end,
            pending: pending.collect(),
        };
        let held = u64::try_from(view.pending.len()).unwrap_or(0);
        let whole = held == end.saturating_sub(start);
        let reader = (!whole).then(reader).transpose()?;
        Ok((view, reader))
    }
}
