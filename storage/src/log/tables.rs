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

use super::draft::Draft;
use super::memory::Found;
use super::writer::Change;
use crate::error::StorageError;
use crate::form::{self, LogIdForm, VoteForm};
use crate::snapshot;

/// The database's file.
const FILE: &str = "log.redb";

/// The version of the layout of the tables, and of what stands in them.
const FORMAT: u32 = 2;

/// The oldest version that is read. What was written before the first release is not.
const OLDEST: u32 = 2;

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

/// Makes a replica's database with these changes in it. redb makes its file in several steps, and one that is there by half
/// it refuses for good; so it is made in memory, and written to the disk whole.
pub(super) fn create(
    disk: &dyn Disk,
    replica: ReplicaId,
    changes: &[Change],
) -> Result<(), StorageError> {
    let make = || {
        let draft = Draft::default();
        let tables = Tables::on(draft.clone()).map_err(io::Error::other)?;
        tables.claim(replica)?;
        if !changes.is_empty() {
            tables.write(changes)?;
        }
        drop(tables);
        Ok(draft.take())
    };
    let content = make().map_err(|error: io::Error| StorageError::Database {
        path: path(disk),
        reason: error.to_string(),
    })?;
    Ok(disk.create_database(FILE, &content)?)
}

impl Tables {
    /// Opens the database, creating it where the folder is new, and checks that it is whole, ours and readable.
    pub(super) fn open(disk: &dyn Disk, replica: ReplicaId) -> Result<(Self, Found), StorageError> {
        if !exists(disk)? {
            // Without the log nobody knows what this replica has promised: its snapshots alone are no data folder.
            if snapshot::newest_index(disk)?.is_some() {
                return Err(StorageError::Database {
                    path: path(disk),
                    reason: "it is not there, and a snapshot beside it is".into(),
                });
            }
            create(disk, replica, &[])?;
        }
        let (mut tables, found, owner) = Self::open_any(disk)?;
        if owner != replica {
            return Err(StorageError::ForeignReplica {
                path: disk.location().display().to_string(),
                found: owner,
                wanted: replica,
            });
        }
        tables
            .compact_if_worthwhile()
            .map_err(|error| StorageError::Database {
                path: path(disk),
                reason: error.to_string(),
            })?;
        Ok((tables, found))
    }

    /// Opens a database that is there, whosever it is, and checks that it is whole and readable.
    pub(super) fn open_any(disk: &dyn Disk) -> Result<(Self, Found, ReplicaId), StorageError> {
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
        let found = tables.find().map_err(|error| bad(error.to_string()))?;
        let reaches = snapshot::newest_index(disk)?;
        if let Some(purged) = found.purged
            && reaches.is_none_or(|reaches| reaches < purged.index)
        {
            let reaches = reaches.map_or_else(
                || "there is none".to_owned(),
                |index| format!("the newest one reaches entry {index}"),
            );
            return Err(StorageError::Snapshot {
                path: disk.location().display().to_string(),
                reason: format!(
                    "a snapshot is missing: the log begins behind entry {}, and {reaches}",
                    purged.index
                ),
            });
        }
        Ok((tables, found, ReplicaId(owner)))
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
    fn compact_if_worthwhile(&mut self) -> io::Result<()> {
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

    fn on(backend: impl StorageBackend) -> Result<Self, redb::DatabaseError> {
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
    fn claim(&self, replica: ReplicaId) -> io::Result<()> {
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
