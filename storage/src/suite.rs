//! openraft's own tests of log and state machine, on a real folder.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Arc;

use causeway_api::ReplicaId;
use causeway_seam::real::{Folder, env};
use causeway_seam::{Disk, TaskHandle};
use openraft::testing::log::{StoreBuilder, Suite};
use tempfile::TempDir;
use tokio::sync::broadcast;

use crate::log::LogStore;
use crate::machine::{Machine, Shared};
use crate::snapshot::Snapshots;
use crate::types::Types;

struct Build;

type Guard = (TempDir, TaskHandle);

impl StoreBuilder<Types, LogStore, Machine, Guard> for Build {
    async fn build(&self) -> Result<(Guard, LogStore, Machine), openraft::StorageError<Types>> {
        let temp = tempfile::tempdir().unwrap();
        let disk: Arc<dyn Disk> = Arc::new(Folder::open(temp.path()).unwrap());
        let (log, task) = LogStore::open(&env(), Arc::clone(&disk), ReplicaId(0), 4_096)
            .await
            .unwrap();
        let steps = broadcast::channel(16).0;
        let knows = causeway_state::level::FEATURE_LEVEL;
        let machine = Machine::new(Shared::new(), Snapshots::new(env(), disk), steps, knows);
        Ok(((temp, task), log, machine))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_suite_passes() {
    Suite::test_all(Build).await.unwrap();
}
