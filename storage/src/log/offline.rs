//! The log of a replica that does not run: looked at, ended, or begun at a place that is not the beginning.

use std::collections::BTreeMap;
use std::io;

use causeway_api::ReplicaId;
use causeway_seam::Disk;

use super::JOURNAL_BYTES;
use super::change::Change;
use super::ledger::{self, Ledger, Opened};
use super::memory::Found;
use super::tables;
use crate::error::StorageError;
use crate::form::{self, LogIdForm, VoteForm};
use crate::types::{Entry, LogId, Vote};

/// An open log. Nobody else can open it meanwhile.
pub(crate) struct Offline {
    ledger: Ledger,
    found: Found,
    replica: ReplicaId,
    path: String,
}

impl Offline {
    /// Opens the log in a folder, whosever it is.
    pub(crate) fn open(disk: &dyn Disk) -> Result<Self, StorageError> {
        let path = tables::path(disk);
        if !tables::exists(disk)? {
            return Err(StorageError::Database {
                path,
                reason: "it is not there: this is no data folder of a replica".into(),
            });
        }
        let Opened {
            ledger,
            found,
            owner: replica,
        } = Ledger::open_any(disk)?;
        Ok(Self {
            ledger,
            found,
            replica,
            path,
        })
    }

    /// Whose it is.
    pub(crate) fn replica(&self) -> ReplicaId {
        self.replica
    }

    pub(crate) fn vote(&self) -> Option<Vote> {
        self.found.vote
    }

    pub(crate) fn committed(&self) -> Option<LogId> {
        self.found.committed
    }

    pub(crate) fn purged(&self) -> Option<LogId> {
        self.found.purged
    }

    /// The last entry, or the last that was purged.
    pub(crate) fn last(&self) -> Option<LogId> {
        self.found.last
    }

    /// How many bytes the database has, and how many of them are free.
    pub(crate) fn space(&self) -> Result<tables::Space, StorageError> {
        self.ledger
            .tables()
            .space()
            .map_err(|error| self.bad(&error))
    }

    /// Hands out all entries from an index on, in order.
    pub(crate) fn entries(
        &self,
        from: u64,
        mut take: impl FnMut(Entry) -> io::Result<()>,
    ) -> Result<(), StorageError> {
        let (Some(first), Some(last)) = (self.found.first, self.found.last) else {
            return Ok(());
        };
        let end = last.index.saturating_add(1);
        let mut read = || {
            let reader = self.ledger.tables().reader()?;
            reader.rows(from.max(first).min(end), end, &BTreeMap::new(), |_, row| {
                take(form::read_entry(row)?)?;
                Ok(true)
            })
        };
        read().map_err(|error| self.bad(&error))
    }

    /// Removes all entries, since a snapshot contains them up to `last`; at once and durably.
    pub(crate) fn conclude(mut self, last: LogId) -> Result<(), StorageError> {
        let changes = begun_at(last).map_err(|error| self.bad(&error))?;
        let written = self.ledger.write(changes);
        let carried = written.and_then(|_| self.ledger.carry_over());
        carried.map_err(|error| self.bad(&error))
    }

    fn bad(&self, error: &io::Error) -> StorageError {
        StorageError::Database {
            path: self.path.clone(),
            reason: error.to_string(),
        }
    }
}

/// Makes the log of a replica that goes on after `last`, in a folder that has none.
pub(crate) fn begin(disk: &dyn Disk, replica: ReplicaId, last: LogId) -> Result<(), StorageError> {
    let bad = |error: io::Error| StorageError::Database {
        path: tables::path(disk),
        reason: error.to_string(),
    };
    let vote = openraft::vote::leader_id_std::LeaderId {
        term: last.leader_id.term,
        voted_for: replica.0,
    };
    let vote = Vote {
        leader_id: vote,
        committed: false,
    };
    let mut changes = begun_at(last).map_err(bad)?;
    changes.push(Change::Vote(
        form::seal(&VoteForm::from(&vote)).map_err(bad)?,
    ));
    ledger::create(disk, replica, &changes, JOURNAL_BYTES)
}

fn begun_at(last: LogId) -> io::Result<Vec<Change>> {
    let place = LogIdForm::from(&last);
    Ok(vec![
        Change::Purge {
            upto: last.index,
            purged: form::seal(&place)?,
        },
        Change::Committed(form::seal(&Some(place))?),
    ])
}
