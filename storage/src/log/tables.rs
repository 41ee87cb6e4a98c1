//! The tables in redb, and what is checked when they are opened.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use causeway_api::ReplicaId;
use causeway_seam::Disk;
use causeway_seam::disk::Backend;
use redb::{
    Database, ReadableDatabase, ReadableTable, ReadableTableMetadata, StorageBackend,
    TableDefinition,
};
use serde::de::DeserializeOwned;

use super::change::Change;
use super::memory::Found;
use crate::error::StorageError;
use crate::form::{self, LogIdForm, VoteForm};

/// The database's file.
pub(super) const FILE: &str = "log.redb";

/// The version of the layout of the tables, and of what stands in them.
const FORMAT: u32 = 3;

/// The oldest version that is read. What was written before the first release is not.
const OLDEST: u32 = 3;

/// redb would take a gigabyte.
const CACHE_BYTES: usize = 16 << 20;

/// Entries by index.
const LOG: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("log");

/// One row each: [`OWNER`], [`VOTE`], [`COMMITTED`], [`PURGED`], [`CARRIED`].
const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");

const OWNER: &str = "owner";
const VOTE: &str = "vote";
const COMMITTED: &str = "committed";
const PURGED: &str = "purged";

/// The number of the journal's last record that was carried over.
const CARRIED: &str = "carried";

/// A file below this size is not worth compacting.
const COMPACT_FROM_BYTES: u64 = 4 << 20;

/// The open database.
pub(super) struct Tables {
    database: Database,
    file: Arc<dyn StorageBackend>,
}

/// How large a database is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Space {
    /// Its file, in bytes.
    pub(crate) bytes: u64,
    /// So many of them hold nothing.
    pub(crate) free: u64,
}

/// For messages: the database of a folder.
pub(super) fn path(disk: &dyn Disk) -> String {
    disk.location().join(FILE).display().to_string()
}

/// Whether a folder has one.
pub(super) fn exists(disk: &dyn Disk) -> Result<bool, StorageError> {
    Ok(disk.list()?.iter().any(|name| name == FILE))
}

impl Tables {
    /// Opens a database that is there, and says whose it is.
    pub(super) fn open(disk: &dyn Disk) -> Result<(Self, ReplicaId), StorageError> {
        let path = path(disk);
        let bad = |reason: String| StorageError::Database {
            path: path.clone(),
            reason,
        };
        let backend = Backend::new(disk.database(FILE)?);
        let tables = Self::on(backend).map_err(|error| bad(error.to_string()))?;
        let (format, owner) = tables.owner().map_err(|error| bad(error.to_string()))?;
        if format > FORMAT {
            return Err(StorageError::Newer {
                path,
                found: format,
                known: FORMAT,
            });
        }
        if format < OLDEST {
            return Err(StorageError::Unreleased {
                path,
                found: format,
                oldest: OLDEST,
            });
        }
        Ok((tables, ReplicaId(owner)))
    }

    /// How many bytes the file has, and how many of them hold nothing.
    pub(super) fn space(&self) -> io::Result<Space> {
        let write = self.database.begin_write().map_err(io::Error::other)?;
        let stats = write.stats().map_err(io::Error::other)?;
        write.abort().map_err(io::Error::other)?;
        let page = u64::try_from(stats.page_size()).unwrap_or(u64::MAX);
        let used = stats.allocated_pages().saturating_mul(page);
        let bytes = self.file.len()?;
        Ok(Space {
            bytes,
            free: bytes.saturating_sub(used),
        })
    }

    /// Gives space back to the file system where most of the file is free. Nobody reads or writes meanwhile, so only when
    /// it is opened: a running replica uses free pages again, and its file keeps the size that it once needed.
    pub(super) fn compact_if_worthwhile(&mut self) -> io::Result<()> {
        let bytes = self.file.len()?;
        if bytes < COMPACT_FROM_BYTES {
            return Ok(());
        }
        let space = self.space()?;
        if space.free <= bytes / 2 {
            return Ok(());
        }
        self.database.compact().map_err(io::Error::other)?;
        let after = self.file.len()?;
        tracing::info!(before = bytes, after, "the log's database was compacted");
        Ok(())
    }

    pub(super) fn on(backend: impl StorageBackend) -> Result<Self, redb::DatabaseError> {
        let file: Arc<dyn StorageBackend> = Arc::new(backend);
        let mut builder = redb::Builder::new();
        // Else a page that was altered on disk is trusted, and may make a later read panic.
        builder
            .set_cache_size(CACHE_BYTES)
            .set_check_integrity_on_open(true);
        let database = builder.create_with_backend(Backend::shared(Arc::clone(&file)))?;
        Ok(Self { database, file })
    }

    /// Format and replica of the database.
    fn owner(&self) -> io::Result<(u32, u64)> {
        let read = self.database.begin_read().map_err(io::Error::other)?;
        let meta = read.open_table(META).map_err(io::Error::other)?;
        let owner = row(&meta, OWNER)?;
        owner.ok_or_else(|| form::damaged("it does not say which replica it belongs to"))
    }

    /// Makes the tables of a new database, which becomes this replica's.
    pub(super) fn claim(&self, replica: ReplicaId) -> io::Result<()> {
        let write = self.database.begin_write().map_err(io::Error::other)?;
        {
            write.open_table(LOG).map_err(io::Error::other)?;
            let mut meta = write.open_table(META).map_err(io::Error::other)?;
            let owner = form::seal(&(FORMAT, replica.0))?;
            meta.insert(OWNER, owner.as_slice())
                .map_err(io::Error::other)?;
        }
        write.commit().map_err(io::Error::other)
    }

    /// Reads the ends of the log and the rows of [`META`].
    pub(super) fn find(&self) -> io::Result<Found> {
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

    /// The number of the journal's last record that was carried over.
    pub(super) fn carried(&self) -> io::Result<u64> {
        let read = self.database.begin_read().map_err(io::Error::other)?;
        let meta = read.open_table(META).map_err(io::Error::other)?;
        Ok(row(&meta, CARRIED)?.unwrap_or(0))
    }

    /// Makes changes, in order, durably, all or none: those of the journal up to a record.
    pub(super) fn write(&self, changes: &[Change], carried: u64) -> io::Result<()> {
        // Durability is immediate: the commit returns after fsync.
        let write = self.database.begin_write().map_err(io::Error::other)?;
        {
            let mut log = write.open_table(LOG).map_err(io::Error::other)?;
            let mut meta = write.open_table(META).map_err(io::Error::other)?;
            let carried = form::seal(&carried)?;
            meta.insert(CARRIED, carried.as_slice())
                .map_err(io::Error::other)?;
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
