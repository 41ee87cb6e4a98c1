//! Opens what each loss of power leaves, and judges it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use causeway_api::ReplicaId;
use causeway_faults::{FaultyDisk, Seeded, Survival};
use causeway_seam::Random;
use openraft::storage::{IOFlushed, RaftLogReader, RaftLogStorage};
use openraft::type_config::TypeConfigExt;
use openraft::vote::leader_id_std::CommittedLeaderId;

use super::run::{JOURNAL_BYTES, LogModel, Run, SnapshotModel};
use crate::error::StorageError;
use crate::form;
use crate::log::LogStore;
use crate::snapshot::Snapshots;
use crate::types::{Entry, LogId, Types};

/// Something that must not be.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) operations: u64,
    pub(super) survival: Survival,
    pub(super) reason: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            operations,
            survival,
            reason,
        } = self;
        write!(f, "after {operations} operations, {survival:?}: {reason}")
    }
}

/// What was found, or why it was refused.
type Found = Result<(LogModel, SnapshotModel), String>;

/// Judges one run.
pub(super) struct Judge<'a> {
    run: &'a Run,
    /// What was found in a folder of this content: most losses of power leave what another one left.
    known: BTreeMap<u64, Found>,
    /// How many folders were opened.
    pub(super) opened: usize,
}

impl<'a> Judge<'a> {
    pub(super) fn new(run: &'a Run) -> Self {
        Self {
            run,
            known: BTreeMap::new(),
            opened: 0,
        }
    }

    /// Cuts the power after each operation, with each kind of survival.
    pub(super) async fn judge(&mut self, kinds: &[Survival], seed: u64) -> Vec<Fault> {
        let mut faults = Vec::new();
        for moment in self.run.history.moments() {
            for survival in kinds {
                let operations = moment.operations();
                let (disk, content) = moment.cut(*survival, seed ^ operations << 8);
                if !self.known.contains_key(&content) {
                    self.opened += 1;
                    let found = self.reopen(disk).await;
                    self.known.insert(content, found);
                }
                if let Err(reason) = self.check(operations, &self.known[&content]) {
                    faults.push(Fault {
                        operations,
                        survival: *survival,
                        reason,
                    });
                }
            }
        }
        faults
    }

    /// Flips bits of the whole folder at the end, one at a time. Returns how many were refused.
    pub(super) async fn judge_flips(&mut self, flips: u64, seed: u64) -> (usize, Vec<Fault>) {
        let random = Seeded::new(seed);
        let end = self.run.history.moments().last().unwrap();
        let operations = end.operations();
        let (mut refused, mut faults) = (0, Vec::new());
        let names = causeway_seam::Disk::list(&self.run.disk).unwrap();
        for _ in 0..flips {
            let (disk, _) = end.cut(Survival::Everything, seed);
            let name = &names[usize::try_from(random.below(names.len() as u64)).unwrap()];
            let len = causeway_seam::Disk::read(&disk, name)
                .unwrap()
                .unwrap()
                .len() as u64;
            // Mostly where there is something: the file's second half is often empty.
            let bit = random.below(len * 8) >> random.below(3);
            assert!(disk.flip(name, bit));
            let fault = match read(disk).await {
                Err(error) => {
                    refused += 1;
                    let text = error.clone();
                    let names_it = ["log.redb", "log.journal", ".snapshot"]
                        .iter()
                        .any(|name| text.contains(name));
                    (!names_it).then(|| format!("it does not say which file: {text}"))
                }
                Ok(found) => self.check(operations, &Ok(found)).err(),
            };
            faults.extend(fault.map(|reason| Fault {
                operations,
                survival: Survival::Everything,
                reason: format!("bit {bit} of {name}: {reason}"),
            }));
        }
        (refused, faults)
    }

    fn check(&self, operations: u64, found: &Found) -> Result<(), String> {
        let (log, snapshot) = found
            .as_ref()
            .map_err(|error| format!("refused: {error}"))?;
        let story = &self.run.log;
        let (safe, begun) = story.allowed(operations);
        if !story.values[safe..=begun].contains(log) {
            let earlier = story.values[..safe].contains(log);
            return Err(if earlier {
                format!("acknowledged changes of the log are lost: {}", short(log))
            } else {
                format!(
                    "no such log was ever written: {}, acknowledged: {}",
                    short(log),
                    short(&story.values[safe])
                )
            });
        }
        let story = &self.run.snapshot;
        let (safe, begun) = story.allowed(operations);
        if !story.values[safe..=begun].contains(snapshot) {
            return Err(format!(
                "the snapshot is none of those that may be there: {:?}",
                snapshot.as_ref().map(|(id, state)| (id, state.len()))
            ));
        }
        let reaches = snapshot.as_ref().map(|(id, _)| *id);
        if log.purged > reaches {
            return Err(format!(
                "the log is purged up to {:?} and the snapshot reaches {reaches:?}",
                log.purged
            ));
        }
        Ok(())
    }

    /// Reads what is there, and goes on from it: what is appended then must be there afterwards.
    async fn reopen(&self, disk: FaultyDisk) -> Found {
        let (log, snapshot) = read(disk.clone()).await?;
        let next = disk.kill();
        let last = log.entries.last_key_value().map(|(_, (id, _))| *id);
        let last = last.max(log.purged);
        let entry = Entry {
            log_id: LogId {
                leader_id: last.map_or(CommittedLeaderId::new(1), |id| id.leader_id),
                index: last.map_or(0, |id| id.index + 1),
            },
            payload: openraft::EntryPayload::Blank,
        };
        let env = causeway_faults::env(1);
        let disk = Arc::new(next.clone());
        let opened = LogStore::open(&env, disk, ReplicaId(1), JOURNAL_BYTES).await;
        let (mut store, _writer) = opened.map_err(|error| error.to_string())?;
        let (tell, heard) = Types::oneshot();
        let callback = IOFlushed::<Types>::signal(tell);
        let appended = store.append([entry.clone()], callback).await;
        appended.map_err(|error| error.to_string())?;
        heard.await.unwrap().map_err(|error| error.to_string())?;
        let (after, _) = read(next.restart(Survival::Nothing)).await?;
        let mut wanted = log.clone();
        let row = form::write_entry(&entry).unwrap();
        wanted
            .entries
            .insert(entry.log_id.index, (entry.log_id, row));
        if after != wanted {
            return Err(format!(
                "what was appended after it is lost: {}",
                short(&after)
            ));
        }
        Ok((log, snapshot))
    }
}

fn short(log: &LogModel) -> String {
    let ends = |log: &LogModel| {
        let first = log.entries.first_key_value().map(|(index, _)| *index);
        let last = log.entries.last_key_value().map(|(_, (id, _))| *id);
        (first, last)
    };
    format!(
        "entries {:?}, vote {:?}, committed {:?}, purged {:?}",
        ends(log),
        log.vote,
        log.committed,
        log.purged
    )
}

/// Reads a folder as a replica that starts does.
async fn read(disk: FaultyDisk) -> Found {
    try_read(disk).await.map_err(|error| error.to_string())
}

async fn try_read(disk: FaultyDisk) -> Result<(LogModel, SnapshotModel), StorageError> {
    let env = causeway_faults::env(1);
    let disk: Arc<dyn causeway_seam::Disk> = Arc::new(disk);
    let snapshots = Snapshots::new(env.clone(), Arc::clone(&disk));
    let (mut store, _writer) = LogStore::open(&env, disk, ReplicaId(1), JOURNAL_BYTES).await?;
    let bad = |error: std::io::Error| StorageError::Database {
        path: "log.redb".into(),
        reason: error.to_string(),
    };
    let entries = store.try_get_log_entries(..).await.map_err(bad)?;
    let rows = entries.iter().map(|entry| {
        let row = form::write_entry(entry).unwrap();
        (entry.log_id.index, (entry.log_id, row))
    });
    let log = LogModel {
        vote: store.read_vote().await.map_err(bad)?,
        committed: store.read_committed().await.map_err(bad)?,
        purged: store.get_log_state().await.map_err(bad)?.last_purged_log_id,
        entries: rows.collect(),
    };
    let snapshot = snapshots.newest().await?;
    let snapshot = snapshot.map(|found| {
        (
            found.meta.last_log_id.unwrap(),
            found.snapshot.state().to_vec(),
        )
    });
    Ok((log, snapshot))
}
