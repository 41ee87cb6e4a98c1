//! Snapshots: files of their own, replaced whole, each with a version and a checksum over everything ([`image`]).
//!
//! A snapshot is in memory once at a time, however many take it: the state is written right behind its head, the file's content
//! is what is read, and two replicas that are sent the same one share it.

mod image;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use causeway_seam::{Disk, Env};

use crate::error::StorageError;
use crate::types::{Snapshot, SnapshotMeta};
use image::{Bad, VERSION};
pub(crate) use image::{Draft, Image};

const PREFIX: &str = "state-";

const SUFFIX: &str = ".snapshot";

/// The snapshots of one data folder. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Snapshots {
    env: Env,
    disk: Arc<dyn Disk>,
    last: Arc<Mutex<Last>>,
}

/// The last one that was read or written here.
#[derive(Default)]
struct Last {
    name: String,
    /// There for as long as somebody uses it.
    image: Weak<Image>,
    /// Bytes of its state: the next one has about as many.
    bytes: usize,
}

impl Last {
    fn note(&mut self, name: String, image: &Arc<Image>) {
        *self = Self {
            name,
            image: Arc::downgrade(image),
            bytes: image.state().len(),
        };
    }
}

fn lock(last: &Mutex<Last>) -> MutexGuard<'_, Last> {
    last.lock().unwrap_or_else(PoisonError::into_inner)
}

fn snapshot(image: Arc<Image>) -> Snapshot {
    Snapshot {
        meta: image.meta().clone(),
        snapshot: image,
    }
}

impl Snapshots {
    pub(crate) fn new(env: Env, disk: Arc<dyn Disk>) -> Self {
        Self {
            env,
            disk,
            last: Arc::default(),
        }
    }

    /// The newest, checked; `None` where there is none.
    pub(crate) async fn newest(&self) -> Result<Option<Snapshot>, StorageError> {
        self.of_disk(|disk, last| {
            let Some(name) = names(disk)?.pop() else {
                return Ok(None);
            };
            // Held meanwhile: of two who want the same one, the other takes what the first has read.
            let mut last = lock(last);
            let held = last.image.upgrade().filter(|_| last.name == name);
            if let Some(image) = held {
                return Ok(Some(snapshot(image)));
            }
            let Some(image) = named(disk, &name)? else {
                return Ok(None);
            };
            let image = Arc::new(image);
            last.note(name, &image);
            Ok(Some(snapshot(image)))
        })
        .await
    }

    /// Writes one, and removes those before the one that it replaces. `state` puts the state behind the bytes that it is given.
    pub(crate) async fn write(
        &self,
        meta: SnapshotMeta,
        state: impl FnOnce(Vec<u8>) -> io::Result<Vec<u8>> + Send + 'static,
    ) -> Result<Snapshot, StorageError> {
        self.of_disk(move |disk, last| {
            let bytes = lock(last).bytes;
            let image = Arc::new(draw(disk, meta, bytes + bytes / 8, state)?);
            save(disk, &image)?;
            lock(last).note(name(image.meta()), &image);
            Ok(snapshot(image))
        })
        .await
    }

    /// Keeps one that came from elsewhere, unless it is here.
    pub(crate) async fn keep(&self, image: Arc<Image>) -> Result<(), StorageError> {
        let index = image.meta().last_log_id.map_or(0, |id| id.index);
        let newest = self.of_disk(|disk, _| newest_index(disk)).await?;
        if newest == Some(index) {
            // Almost always the same one, and it is in memory then.
            let newest = self.newest().await?;
            if newest.is_some_and(|newest| newest.meta == *image.meta()) {
                return Ok(());
            }
        }
        self.of_disk(move |disk, last| {
            save(disk, &image)?;
            lock(last).note(name(image.meta()), &image);
            Ok(())
        })
        .await
    }

    /// Reads the state in one, where it holds nobody up.
    pub(crate) async fn decode<T: Send + 'static>(
        &self,
        image: &Arc<Image>,
        decode: impl FnOnce(&[u8]) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let image = Arc::clone(image);
        let read = self.env.blocking(move || decode(image.state())).await;
        read.unwrap_or_else(|| Err(io::Error::other("the state was not read")))
    }

    async fn of_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Disk, &Mutex<Last>) -> Result<T, StorageError> + Send + 'static,
    ) -> Result<T, StorageError> {
        let (disk, last) = (Arc::clone(&self.disk), Arc::clone(&self.last));
        let done = self.env.blocking(move || work(disk.as_ref(), &last)).await;
        done.unwrap_or_else(|| {
            Err(StorageError::Snapshot {
                path: self.disk.location().display().to_string(),
                reason: "the disk was not reached".into(),
            })
        })
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

pub(crate) fn newest(disk: &dyn Disk) -> Result<Option<Image>, StorageError> {
    // An older one is no substitute: the log that would lead on from it may be purged.
    match names(disk)?.pop() {
        Some(name) => named(disk, &name),
        None => Ok(None),
    }
}

/// The snapshot that reaches up to an entry; `None` where there is none.
pub(crate) fn at(disk: &dyn Disk, index: u64) -> Result<Option<Image>, StorageError> {
    named(disk, &format!("{PREFIX}{index:020}{SUFFIX}"))
}

fn named(disk: &dyn Disk, name: &str) -> Result<Option<Image>, StorageError> {
    let Some(content) = disk.read(name)? else {
        return Ok(None);
    };
    let path = || disk.location().join(name).display().to_string();
    match Image::parse(content) {
        Ok(image) => Ok(Some(image)),
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

/// Writes one, as [`Snapshots::write`] does.
pub(crate) fn write(
    disk: &dyn Disk,
    meta: SnapshotMeta,
    state: impl FnOnce(Vec<u8>) -> io::Result<Vec<u8>>,
) -> Result<(), StorageError> {
    save(disk, &draw(disk, meta, 0, state)?)
}

fn draw(
    disk: &dyn Disk,
    meta: SnapshotMeta,
    about: usize,
    state: impl FnOnce(Vec<u8>) -> io::Result<Vec<u8>>,
) -> Result<Image, StorageError> {
    let name = name(&meta);
    let drawn = Draft::new(meta, about).and_then(|draft| draft.written(state));
    let drawn = drawn.map_err(|error| StorageError::Snapshot {
        path: disk.location().join(&name).display().to_string(),
        reason: error.to_string(),
    });
    Ok(drawn?.end())
}

fn save(disk: &dyn Disk, image: &Image) -> Result<(), StorageError> {
    let name = name(image.meta());
    disk.replace(&name, image.file())?;
    let mut old = names(disk)?;
    old.retain(|old| *old < name);
    // The one before stays, for those who ask how it was.
    old.pop();
    for old in old {
        disk.remove(&old)?;
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use causeway_seam::real::Folder;
    use openraft::vote::leader_id_std::CommittedLeaderId;

    use super::*;
    use crate::types::LogId;

    pub(super) fn meta(index: u64) -> SnapshotMeta {
        SnapshotMeta {
            last_log_id: Some(LogId {
                leader_id: CommittedLeaderId::new(2),
                index,
            }),
            ..SnapshotMeta::default()
        }
    }

    fn state(state: &[u8]) -> impl FnOnce(Vec<u8>) -> io::Result<Vec<u8>> + use<> {
        let state = state.to_vec();
        move |bytes| Ok([bytes, state].concat())
    }

    #[tokio::test]
    async fn a_snapshot_is_in_memory_once_and_read_anew_when_nobody_has_it() {
        let temp = tempfile::tempdir().unwrap();
        let folder = Arc::new(Folder::open(temp.path()).unwrap());
        let snapshots = Snapshots::new(causeway_seam::real::env(), folder);
        assert!(snapshots.newest().await.unwrap().is_none());
        let written = snapshots.write(meta(5), state(b"one")).await.unwrap();
        let first = snapshots.newest().await.unwrap().unwrap();
        assert!(Arc::ptr_eq(&written.snapshot, &first.snapshot));
        drop((written, first));
        let read = snapshots.newest().await.unwrap().unwrap();
        assert_eq!(read.snapshot.state(), b"one");
        let again = snapshots.newest().await.unwrap().unwrap();
        assert!(Arc::ptr_eq(&read.snapshot, &again.snapshot));
        // What came from elsewhere is there at once; and one of the same place is written no more.
        let mut draft = Draft::new(meta(6), 3).unwrap();
        draft.push(b"two");
        let came = Arc::new(draft.end());
        snapshots.keep(Arc::clone(&came)).await.unwrap();
        snapshots.keep(Arc::clone(&came)).await.unwrap();
        let newest = snapshots.newest().await.unwrap().unwrap();
        assert!(Arc::ptr_eq(&newest.snapshot, &came));
        drop((newest, came));
        let newest = snapshots.newest().await.unwrap().unwrap();
        assert_eq!(
            (newest.meta, newest.snapshot.state()),
            (meta(6), &b"two"[..])
        );
    }

    #[test]
    fn the_newest_is_read_and_all_before_the_one_before_go() {
        let temp = tempfile::tempdir().unwrap();
        let folder = Folder::open(temp.path()).unwrap();
        assert!(newest(&folder).unwrap().is_none());
        for index in [9, 10, 100] {
            write(&folder, meta(index), state(&[1, 2, 3])).unwrap();
        }
        assert_eq!(indices(&folder).unwrap(), [10, 100]);
        assert_eq!(newest(&folder).unwrap().unwrap().meta(), &meta(100));
        assert_eq!(at(&folder, 10).unwrap().unwrap().meta(), &meta(10));
        assert!(at(&folder, 9).unwrap().is_none());
    }

    #[test]
    fn a_refusal_names_file_and_remedy() {
        let temp = tempfile::tempdir().unwrap();
        let folder = Folder::open(temp.path()).unwrap();
        write(&folder, meta(5), state(b"state")).unwrap();
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
