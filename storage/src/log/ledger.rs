//! Journal and tables as one: what is written is durable when it returns, and both are brought together when they are
//! opened, so that whatever reads the tables need not know of the journal.

use std::io;
use std::sync::Arc;

use causeway_api::ReplicaId;
use causeway_seam::Disk;

use super::change::Change;
use super::draft::Draft;
use super::journal::{self, Journal};
use super::memory::Found;
use super::tables::{self, Tables};
use crate::error::StorageError;
use crate::snapshot;

/// An open log. Nobody else can open it meanwhile.
pub(super) struct Ledger {
    tables: Arc<Tables>,
    journal: Journal,
    /// What is in the journal, and not in the tables yet.
    held: Vec<Change>,
    /// The last record's, whether it is in the journal or went to the tables at once.
    number: u64,
}

/// A log as it was found.
pub(super) struct Opened {
    pub(super) ledger: Ledger,
    pub(super) found: Found,
    pub(super) owner: ReplicaId,
}

/// Where a write went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    /// It is in the journal alone.
    Journal,
    /// The tables have it, and all before.
    Tables,
}

/// Makes a replica's log with these changes in it. redb makes its file in several steps, and one that is there by half it
/// refuses for good; so it is made in memory, and written to the disk whole.
pub(super) fn create(
    disk: &dyn Disk,
    replica: ReplicaId,
    changes: &[Change],
    journal_bytes: usize,
) -> Result<(), StorageError> {
    // First: a database without a journal is refused.
    journal::create(disk, journal_bytes)?;
    let make = || {
        let draft = Draft::default();
        let tables = Tables::on(draft.clone()).map_err(io::Error::other)?;
        tables.claim(replica)?;
        if !changes.is_empty() {
            tables.write(changes, 0)?;
        }
        drop(tables);
        Ok(draft.take())
    };
    let content = make().map_err(|error: io::Error| bad(disk, &error))?;
    Ok(disk.create_database(tables::FILE, &content)?)
}

fn bad(disk: &dyn Disk, error: &io::Error) -> StorageError {
    StorageError::Database {
        path: tables::path(disk),
        reason: error.to_string(),
    }
}

impl Ledger {
    /// Opens the log of a replica, creating it where the folder is new, and checks that it is whole, ours and readable.
    pub(super) fn open(
        disk: &dyn Disk,
        replica: ReplicaId,
        journal_bytes: usize,
    ) -> Result<(Self, Found), StorageError> {
        if !tables::exists(disk)? {
            // Without the log nobody knows what this replica has promised: its snapshots alone are no data folder.
            if snapshot::newest_index(disk)?.is_some() {
                return Err(StorageError::Database {
                    path: tables::path(disk),
                    reason: "it is not there, and a snapshot beside it is".into(),
                });
            }
            create(disk, replica, &[], journal_bytes)?;
        }
        let opened = Self::open_any(disk)?;
        if opened.owner != replica {
            return Err(StorageError::ForeignReplica {
                path: disk.location().display().to_string(),
                found: opened.owner,
                wanted: replica,
            });
        }
        let (mut ledger, found) = (opened.ledger, opened.found);
        if let Some(tables) = Arc::get_mut(&mut ledger.tables) {
            tables
                .compact_if_worthwhile()
                .map_err(|error| bad(disk, &error))?;
        }
        Ok((ledger, found))
    }

    /// Opens a log that is there, whosever it is, and checks that it is whole and readable.
    pub(super) fn open_any(disk: &dyn Disk) -> Result<Opened, StorageError> {
        let (tables, owner) = Tables::open(disk)?;
        let number = tables.carried().map_err(|error| bad(disk, &error))?;
        let (journal, held, number) = Journal::open(disk, number)?;
        let mut ledger = Self {
            tables: Arc::new(tables),
            journal,
            held,
            number,
        };
        ledger.carry_over().map_err(|error| bad(disk, &error))?;
        let found = ledger.tables.find().map_err(|error| bad(disk, &error))?;
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
        Ok(Opened {
            ledger,
            found,
            owner,
        })
    }

    /// What is read.
    pub(super) fn tables(&self) -> &Arc<Tables> {
        &self.tables
    }

    /// Makes changes, in order, durably, all or none.
    pub(super) fn write(&mut self, changes: Vec<Change>) -> io::Result<Written> {
        let number = self.number.saturating_add(1);
        let in_journal = self.journal.append(number, &changes)?;
        self.number = number;
        self.held.extend(changes);
        if in_journal {
            return Ok(Written::Journal);
        }
        self.carry_over()?;
        Ok(Written::Tables)
    }

    /// Takes the way to the disk that a write takes, and changes nothing.
    pub(super) fn beat(&mut self) -> io::Result<()> {
        self.journal.beat()
    }

    /// Brings what is in the journal to the tables, and makes it empty.
    pub(super) fn carry_over(&mut self) -> io::Result<()> {
        if !self.held.is_empty() {
            self.tables.write(&self.held, self.number)?;
            self.held.clear();
        }
        self.journal.clear()
    }
}
