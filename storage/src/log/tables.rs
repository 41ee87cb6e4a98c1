//! The tables in redb, and what is checked when they are opened.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use causeway_api::ReplicaId;
use causeway_seam::Disk;
use causeway_seam::disk::Backend;
use redb::{
    Database, ReadableDatabase, ReadableTable, ReadableTableMetadata, StorageBackend,
    TableDefinition,
};
use serde::de::DeserializeOwned;

use super::memory::Found;
use super::writer::Change;
use crate::error::StorageError;
use crate::form::{self, LogIdForm, VoteForm};

/// The database's file.
const FILE: &str = "log.redb";

/// The version of the layout of the tables.
const FORMAT: u32 = 1;

/// redb would take a gigabyte.
const CACHE_BYTES: usize = 16 << 20;

/// Entries by index.
const LOG: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("log");

/// One row each: [`OWNER`], [`VOTE`], [`COMMITTED`], [`PURGED`].
const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");

const OWNER: &str = "owner";
const VOTE: &str = "vote";
const COMMITTED: &str = "committed";
const PURGED: &str = "purged";

/// The open database.
pub(super) struct Tables {
    database: Database,
}

impl Tables {
    /// Opens the database and checks that it is whole, ours and readable.
    pub(super) fn open(disk: &dyn Disk, replica: ReplicaId) -> Result<(Self, Found), StorageError> {
        let path = disk.location().join(FILE).display().to_string();
        let bad = |reason: String| StorageError::Database {
            path: path.clone(),
            reason,
        };
        if !disk.list()?.iter().any(|name| name == FILE) {
            let content = fresh(replica).map_err(|error| bad(error.to_string()))?;
            disk.create_database(FILE, &content)?;
        }
        let backend = Backend::new(disk.database(FILE)?);
        let tables = Self::on(backend).map_err(|error| bad(error.to_string()))?;
        let owner = tables
            .claim(replica)
            .map_err(|error| bad(error.to_string()))?;
        if owner.0 > FORMAT {
            return Err(StorageError::Newer {
                path,
                found: owner.0,
                known: FORMAT,
            });
        }
        if owner.1 != replica.0 {
            return Err(StorageError::ForeignReplica {
                path: disk.location().display().to_string(),
                found: ReplicaId(owner.1),
                wanted: replica,
            });
        }
        let found = tables.find().map_err(|error| bad(error.to_string()))?;
        Ok((tables, found))
    }

    fn on(backend: impl StorageBackend) -> Result<Self, redb::DatabaseError> {
        let mut builder = redb::Builder::new();
        // Else a page that was altered on disk is trusted, and may make a later read panic.
        builder
            .set_cache_size(CACHE_BYTES)
            .set_check_integrity_on_open(true);
        let database = builder.create_with_backend(backend)?;
        Ok(Self { database })
    }

    /// Format and replica of the database; a new one becomes ours.
    fn claim(&self, replica: ReplicaId) -> io::Result<(u32, u64)> {
        let write = self.database.begin_write().map_err(io::Error::other)?;
        let owner = {
            write.open_table(LOG).map_err(io::Error::other)?;
            let mut meta = write.open_table(META).map_err(io::Error::other)?;
            let known = meta
                .get(OWNER)
                .map_err(io::Error::other)?
                .map(|row| form::open(row.value()));
            match known {
                Some(owner) => owner?,
                None => {
                    let owner = (FORMAT, replica.0);
                    meta.insert(OWNER, form::seal(&owner)?.as_slice())
                        .map_err(io::Error::other)?;
                    owner
                }
            }
        };
        write.commit().map_err(io::Error::other)?;
        Ok(owner)
    }

    /// Reads the ends of the log and the rows of [`META`].
    fn find(&self) -> io::Result<Found> {
        let read = self.database.begin_read().map_err(io::Error::other)?;
        let meta = read.open_table(META).map_err(io::Error::other)?;
        let vote: Option<VoteForm> = row(&meta, VOTE)?;
        let committed: Option<Option<LogIdForm>> = row(&meta, COMMITTED)?;
        let purged: Option<LogIdForm> = row(&meta, PURGED)?;
        let log = read.open_table(LOG).map_err(io::Error::other)?;
        let first = log
            .first()
            .map_err(io::Error::other)?
            .map(|(key, _)| key.value());
        let last = log.last().map_err(io::Error::other)?;
        let mut found = Found {
            vote: vote.map(Into::into),
            committed: committed.flatten().map(Into::into),
            purged: purged.map(Into::into),
            last: purged.map(Into::into),
            first,
        };
        if let (Some(first), Some((key, last_row))) = (first, last) {
            let (last, rows) = (key.value(), log.len().map_err(io::Error::other)?);
            if last.checked_sub(first).and_then(|n| n.checked_add(1)) != Some(rows) {
                return Err(form::damaged(&format!(
                    "the log has a hole: {rows} entries from {first} to {last}"
                )));
            }
            if purged.is_some_and(|purged| first != purged.index.saturating_add(1)) {
                return Err(form::damaged(&format!(
                    "the log has a hole: it begins with entry {first} and was purged up to another"
                )));
            }
            found.last = Some(form::read_entry(last_row.value())?.log_id);
        }
        Ok(found)
    }

    /// Makes changes, in order, durably, all or none.
    pub(super) fn write(&self, changes: &[Change]) -> io::Result<()> {
        // Durability is immediate: the commit returns after fsync.
        let write = self.database.begin_write().map_err(io::Error::other)?;
        {
            let mut log = write.open_table(LOG).map_err(io::Error::other)?;
            let mut meta = write.open_table(META).map_err(io::Error::other)?;
            for change in changes {
                match change {
                    Change::Append(rows) => {
                        for (index, row) in rows {
                            log.insert(index, row.as_ref()).map_err(io::Error::other)?;
                        }
                    }
                    Change::Vote(row) => {
                        meta.insert(VOTE, row.as_slice())
                            .map_err(io::Error::other)?;
                    }
                    Change::Committed(row) => {
                        meta.insert(COMMITTED, row.as_slice())
                            .map_err(io::Error::other)?;
                    }
                    Change::TruncateAfter(last) => {
                        let from = last.map_or(0, |last| last.saturating_add(1));
                        log.retain_in(from.., |_, _| false)
                            .map_err(io::Error::other)?;
                    }
                    Change::Purge { upto, purged } => {
                        meta.insert(PURGED, purged.as_slice())
                            .map_err(io::Error::other)?;
                        log.retain_in(..=*upto, |_, _| false)
                            .map_err(io::Error::other)?;
                    }
                }
            }
        }
        write.commit().map_err(io::Error::other)
    }

    /// A reader of the database as it is now.
    pub(super) fn reader(&self) -> io::Result<Reader> {
        let read = self.database.begin_read().map_err(io::Error::other)?;
        let log = read.open_table(LOG).map_err(io::Error::other)?;
        Ok(Reader { log })
    }
}

/// The content of a new database, which is already ours. redb makes its file in several steps, and one that is there by
/// half it refuses for good; so it is made in memory, and written to the disk whole.
fn fresh(replica: ReplicaId) -> io::Result<Vec<u8>> {
    let file = Draft::default();
    let tables = Tables::on(file.clone()).map_err(io::Error::other)?;
    tables.claim(replica)?;
    drop(tables);
    let mut content = file.0.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(std::mem::take(&mut *content))
}

/// A database's file in memory.
#[derive(Debug, Clone, Default)]
struct Draft(Arc<Mutex<Vec<u8>>>);

impl Draft {
    fn part<T>(
        &self,
        offset: u64,
        len: usize,
        with: impl FnOnce(&mut [u8]) -> T,
    ) -> io::Result<T> {
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let mut content = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let part = content.get_mut(start..start.saturating_add(len));
        Ok(with(part.ok_or(io::ErrorKind::UnexpectedEof)?))
    }
}

impl StorageBackend for Draft {
    fn len(&self) -> io::Result<u64> {
        let content = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        u64::try_from(content.len()).map_err(io::Error::other)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.part(offset, out.len(), |part| out.copy_from_slice(part))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let len = usize::try_from(len).map_err(io::Error::other)?;
        let mut content = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        content.resize(len, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.part(offset, data.len(), |part| part.copy_from_slice(data))
    }
}

fn row<T: DeserializeOwned>(
    meta: &impl ReadableTable<&'static str, &'static [u8]>,
    name: &'static str,
) -> io::Result<Option<T>> {
    let row = meta.get(name).map_err(io::Error::other)?;
    row.map(|row| form::open(row.value())).transpose()
}

/// The log at one moment.
pub(super) struct Reader {
    log: redb::ReadOnlyTable<u64, &'static [u8]>,
}

impl Reader {
    /// Hands out the rows of a range in order, those in `pending` from there; until `take` says that it is enough.
    pub(super) fn rows(
        &self,
        start: u64,
        end: u64,
        pending: &BTreeMap<u64, Arc<[u8]>>,
        mut take: impl FnMut(u64, &[u8]) -> io::Result<bool>,
    ) -> io::Result<()> {
        let mut stored = self.log.range(start..end).map_err(io::Error::other)?;
        let mut next = stored.next().transpose().map_err(io::Error::other)?;
        for index in start..end {
            while next.as_ref().is_some_and(|(key, _)| key.value() < index) {
                next = stored.next().transpose().map_err(io::Error::other)?;
            }
            let more = match (pending.get(&index), &next) {
                (Some(row), _) => take(index, row)?,
                (None, Some((key, row))) if key.value() == index => take(index, row.value())?,
                _ => {
                    return Err(form::damaged(&format!(
                        "the log has a hole: entry {index} is not there"
                    )));
                }
            };
            if !more {
                break;
            }
        }
        Ok(())
    }
}
