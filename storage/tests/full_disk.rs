//! A disk that takes no more writes stops the replica with a message, and loses nothing that was acknowledged.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use causeway_api::ReplicaId;
use causeway_seam::real::{Folder, env};
use causeway_seam::{Disk, DiskError};
use causeway_storage::{Consensus, NoPeers, ProposeError, Role, Settings};
use common::{LIMIT, member, node, open};
use redb::StorageBackend;

/// A folder whose databases take no more writes once it is full.
struct Filling {
    inner: Folder,
    full: Arc<AtomicBool>,
}

#[derive(Debug)]
struct FillingFile {
    inner: Box<dyn StorageBackend>,
    full: Arc<AtomicBool>,
}

impl FillingFile {
    fn check(&self) -> io::Result<()> {
        if self.full.load(Ordering::SeqCst) {
            return Err(io::Error::new(
                io::ErrorKind::StorageFull,
                "no space left on device",
            ));
        }
        Ok(())
    }
}

impl StorageBackend for FillingFile {
    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.inner.read(offset, out)
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.check()?;
        self.inner.set_len(len)
    }
    fn sync_data(&self) -> io::Result<()> {
        self.check()?;
        self.inner.sync_data()
    }
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.check()?;
        self.inner.write(offset, data)
    }
}

impl Disk for Filling {
    fn create_database(&self, name: &str, content: &[u8]) -> Result<(), DiskError> {
        self.inner.create_database(name, content)
    }
    fn database(&self, name: &str) -> Result<Box<dyn StorageBackend>, DiskError> {
        Ok(Box::new(FillingFile {
            inner: self.inner.database(name)?,
            full: Arc::clone(&self.full),
        }))
    }
    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, DiskError> {
        self.inner.read(name)
    }
    fn replace(&self, name: &str, content: &[u8]) -> Result<(), DiskError> {
        self.inner.replace(name, content)
    }
    fn remove(&self, name: &str) -> Result<(), DiskError> {
        self.inner.remove(name)
    }
    fn list(&self) -> Result<Vec<String>, DiskError> {
        self.inner.list()
    }
    fn location(&self) -> &Path {
        self.inner.location()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_stops_the_replica_and_loses_nothing() {
    let temp = tempfile::tempdir().unwrap();
    let full = Arc::new(AtomicBool::new(false));
    let disk = Arc::new(Filling {
        inner: Folder::open(temp.path()).unwrap(),
        full: Arc::clone(&full),
    });
    let settings = Settings::default();
    let consensus = Consensus::open(
        env(),
        disk,
        ReplicaId(1),
        settings.clone(),
        Arc::new(NoPeers),
    );
    let consensus = consensus.await.unwrap();
    consensus.bootstrap(node()).await.unwrap();
    for n in 0..10 {
        consensus
            .propose(member(&format!("kept-{n}")))
            .await
            .unwrap();
    }
    full.store(true, Ordering::SeqCst);
    let error = consensus.propose(member("lost")).await.unwrap_err();
    assert!(matches!(error, ProposeError::Stopped(_)), "{error}");
    // What is known is still told.
    assert_eq!(consensus.read(|state| state.members.len()), 10);
    let status = consensus.status();
    assert_eq!(status.role, Role::Stopped);
    let reason = status.stopped.unwrap();
    assert!(reason.contains("no space left on device"), "{reason}");
    drop(consensus);

    let consensus = open(temp.path(), settings).await;
    consensus.recovered(LIMIT).await.unwrap();
    let members = consensus.read(|state| state.members.len());
    assert!((10..=11).contains(&members), "{members}");
    consensus.propose(member("more")).await.unwrap();
}
