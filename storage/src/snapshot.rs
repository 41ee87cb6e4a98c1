//! Snapshots: files of their own, replaced whole, each with a version and a checksum over everything.
//!
//! `CWSNAP\r\n` · version (4 bytes, little-endian) · CRC-32 of all that follows (4) · length of the head (4) · head · state.
//! The head says which entries the state contains; the state is `causeway_state`'s own form, with a version of its own.
//! The line end in the mark shows a file that was mangled as text.

use std::io;
use std::sync::Arc;

use causeway_seam::{Disk, Env};
use serde::{Deserialize, Serialize};

use crate::error::StorageError;
use crate::form::{self, LogIdForm, StoredMembershipForm};
use crate::types::{Snapshot, SnapshotMeta};

const MARK: &[u8; 8] = b"CWSNAP\r\n";

/// The version of the layout above.
const VERSION: u32 = 1;

const PREFIX: &str = "state-";

const SUFFIX: &str = ".snapshot";

#[derive(Serialize, Deserialize)]
struct Head {
    last: Option<LogIdForm>,
    membership: StoredMembershipForm,
}

/// The snapshots of one data folder. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Snapshots {
    env: Env,
    disk: Arc<dyn Disk>,
}

impl Snapshots {
    pub(crate) fn new(env: Env, disk: Arc<dyn Disk>) -> Self {
        Self { env, disk }
    }

    /// The newest, checked; `None` where there is none.
    pub(crate) async fn newest(&self) -> Result<Option<Snapshot>, StorageError> {
        let disk = Arc::clone(&self.disk);
        let read = self.env.blocking(move || newest(disk.as_ref())).await;
        read.unwrap_or_else(|| Err(self.panicked()))
    }

    /// Writes one, and removes those before the one that it replaces.
    pub(crate) async fn write(
        &self,
        meta: SnapshotMeta,
        state: impl FnOnce() -> io::Result<Vec<u8>> + Send + 'static,
    ) -> Result<Snapshot, StorageError> {
        let disk = Arc::clone(&self.disk);
        let written = self
            .env
            .blocking(move || write(disk.as_ref(), meta, state))
            .await;
        written.unwrap_or_else(|| Err(self.panicked()))
    }

    fn panicked(&self) -> StorageError {
        StorageError::Snapshot {
            path: self.disk.location().display().to_string(),
            reason: "the disk was not reached".into(),
        }
    }
}

/// Names sort as their entries do.
fn name(meta: &SnapshotMeta) -> String {
    let index = meta.last_log_id.map_or(0, |id| id.index);
    format!("{PREFIX}{index:020}{SUFFIX}")
}

fn names(disk: &dyn Disk) -> Result<Vec<String>, StorageError> {
    let mut names = disk.list()?;
    names.retain(|name| name.ends_with(SUFFIX));
    Ok(names)
}

/// The entry up to which the newest snapshot reaches, by its name.
pub(crate) fn newest_index(disk: &dyn Disk) -> Result<Option<u64>, StorageError> {
    Ok(indices(disk)?.pop())
}

/// The entries up to which the snapshots that there are reach, by their names, ascending.
pub(crate) fn indices(disk: &dyn Disk) -> Result<Vec<u64>, StorageError> {
    let number = |name: &String| {
        let digits = name.strip_suffix(SUFFIX)?.strip_prefix(PREFIX)?;
        digits.parse().ok()
    };
    Ok(names(disk)?.iter().filter_map(number).collect())
}

pub(crate) fn newest(disk: &dyn Disk) -> Result<Option<Snapshot>, StorageError> {
    // An older one is no substitute: the log that would lead on from it may be purged.
    match names(disk)?.pop() {
        Some(name) => named(disk, &name),
        None => Ok(None),
    }
}

/// The snapshot that reaches up to an entry; `None` where there is none.
pub(crate) fn at(disk: &dyn Disk, index: u64) -> Result<Option<Snapshot>, StorageError> {
    named(disk, &format!("{PREFIX}{index:020}{SUFFIX}"))
}

fn named(disk: &dyn Disk, name: &str) -> Result<Option<Snapshot>, StorageError> {
    let Some(content) = disk.read(name)? else {
        return Ok(None);
    };
    let path = || disk.location().join(name).display().to_string();
    match parse(&content) {
        Ok(snapshot) => Ok(Some(snapshot)),
        Err(Bad::Newer(found)) => Err(StorageError::Newer {
            path: path(),
            found,
            known: VERSION,
        }),
        Err(Bad::Damaged(reason)) => Err(StorageError::Snapshot {
            path: path(),
            reason,
        }),
    }
}

pub(crate) fn write(
    disk: &dyn Disk,
    meta: SnapshotMeta,
    state: impl FnOnce() -> io::Result<Vec<u8>>,
) -> Result<Snapshot, StorageError> {
    let name = name(&meta);
    let bad = |error: io::Error| StorageError::Snapshot {
        path: disk.location().join(&name).display().to_string(),
        reason: error.to_string(),
    };
    let state = state().map_err(bad)?;
    disk.replace(&name, &compose(&meta, &state).map_err(bad)?)?;
    let mut old = names(disk)?;
    old.retain(|old| *old < name);
    // The one before stays, for those who ask how it was.
    old.pop();
    for old in old {
        disk.remove(&old)?;
    }
    Ok(Snapshot {
        meta,
        snapshot: state,
    })
}

fn compose(meta: &SnapshotMeta, state: &[u8]) -> io::Result<Vec<u8>> {
    let head = form::seal(&Head {
        last: meta.last_log_id.as_ref().map(Into::into),
        membership: (&meta.last_membership).into(),
    })?;
    let len = u32::try_from(head.len())
        .map_err(io::Error::other)?
        .to_le_bytes();
    let mut sum = crc32fast::Hasher::new();
    for part in [len.as_slice(), &head, state] {
        sum.update(part);
    }
    let (version, sum) = (VERSION.to_le_bytes(), sum.finalize().to_le_bytes());
    Ok([MARK.as_slice(), &version, &sum, &len, &head, state].concat())
}

#[derive(Debug)]
enum Bad {
    Newer(u32),
    Damaged(String),
}

fn parse(content: &[u8]) -> Result<Snapshot, Bad> {
    let damaged = |reason: &str| Bad::Damaged(reason.to_owned());
    let short = || damaged("the snapshot is cut short");
    let rest = content
        .strip_prefix(MARK)
        .ok_or_else(|| damaged("this is no snapshot"))?;
    let (version, rest) = rest.split_first_chunk::<4>().ok_or_else(short)?;
    match u32::from_le_bytes(*version) {
        VERSION => {}
        0 => return Err(damaged("the snapshot has version 0, which there is not")),
        found => return Err(Bad::Newer(found)),
    }
    let (sum, body) = rest.split_first_chunk::<4>().ok_or_else(short)?;
    if crc32fast::hash(body) != u32::from_le_bytes(*sum) {
        return Err(damaged(
            "the snapshot is damaged: its checksum does not fit",
        ));
    }
    let (len, rest) = body.split_first_chunk::<4>().ok_or_else(short)?;
    let len = usize::try_from(u32::from_le_bytes(*len)).map_err(|_| short())?;
    let (head, state) = rest.split_at_checked(len).ok_or_else(short)?;
    let unreadable = |error: io::Error| Bad::Damaged(format!("the snapshot's head: {error}"));
    let head: Head = form::open(head).map_err(unreadable)?;
    Ok(Snapshot {
        meta: SnapshotMeta {
            last_log_id: head.last.map(Into::into),
            last_membership: head.membership.read().map_err(unreadable)?,
        },
        snapshot: state.to_vec(),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use causeway_seam::real::Folder;
    use openraft::vote::leader_id_std::CommittedLeaderId;

    use super::*;
    use crate::types::LogId;

    fn meta(index: u64) -> SnapshotMeta {
        SnapshotMeta {
            last_log_id: Some(LogId {
                leader_id: CommittedLeaderId::new(2),
                index,
            }),
            ..SnapshotMeta::default()
        }
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_refused() {
        let content = compose(&meta(7), b"the state").unwrap();
        assert_eq!(parse(&content).unwrap().snapshot, b"the state");
        for bit in 0..content.len() * 8 {
            let mut flipped = content.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(parse(&flipped).is_err(), "bit {bit}");
        }
        for len in 0..content.len() {
            assert!(parse(&content[..len]).is_err(), "cut to {len}");
        }
    }

    #[test]
    fn the_newest_is_read_and_all_before_the_one_before_go() {
        let temp = tempfile::tempdir().unwrap();
        let folder = Folder::open(temp.path()).unwrap();
        assert!(newest(&folder).unwrap().is_none());
        for index in [9, 10, 100] {
            write(&folder, meta(index), || Ok(vec![1, 2, 3])).unwrap();
        }
        assert_eq!(indices(&folder).unwrap(), [10, 100]);
        assert_eq!(newest(&folder).unwrap().unwrap().meta, meta(100));
        assert_eq!(at(&folder, 10).unwrap().unwrap().meta, meta(10));
        assert!(at(&folder, 9).unwrap().is_none());
    }

    #[test]
    fn a_refusal_names_file_and_remedy() {
        let temp = tempfile::tempdir().unwrap();
        let folder = Folder::open(temp.path()).unwrap();
        write(&folder, meta(5), || Ok(b"state".to_vec())).unwrap();
        let file = folder.list().unwrap().remove(0);
        let mut content = folder.read(&file).unwrap().unwrap();
        *content.last_mut().unwrap() ^= 1;
        folder.replace(&file, &content).unwrap();
        let text = newest(&folder).unwrap_err().to_string();
        assert!(
            text.contains(&file) && text.contains("checksum") && text.contains("backup"),
            "{text}"
        );
        content[8] = 9;
        folder.replace(&file, &content).unwrap();
        let text = newest(&folder).unwrap_err().to_string();
        assert!(
            text.contains("format 9") && text.contains("upgrade"),
            "{text}"
        );
    }
}
