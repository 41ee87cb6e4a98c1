//! For tests: the shared parts of a replica that has no peers, with its log.
#![allow(clippy::unwrap_used)]

use std::ops::Deref;
use std::sync::Arc;

use causeway_api::ids::ReplicaId;
use causeway_seam::real::{self, Folder};
use causeway_storage::{Consensus, NoPeers, ReplicaNode, Settings};

use super::Shared;
use crate::replica::metrics::ReplicaMetrics;
use crate::telemetry::Metrics;

/// The parts, and the folder of the log, which goes with this.
pub(crate) struct Alone {
    shared: Arc<Shared>,
    _folder: tempfile::TempDir,
}

impl Alone {
    /// Replica `id`, in a failure domain of its own, which has begun a log.
    pub(crate) async fn new(id: u64) -> Self {
        let env = real::env();
        let folder = tempfile::tempdir().unwrap();
        let disk = Arc::new(Folder::open(folder.path()).unwrap());
        let (id, settings) = (ReplicaId(id), Settings::default());
        let consensus = Consensus::open(env.clone(), disk, id, settings, Arc::new(NoPeers));
        let consensus = consensus.await.unwrap();
        consensus.bootstrap(ReplicaNode::default()).await.unwrap();
        let metrics = ReplicaMetrics::new(Metrics::new("controller"));
        let domain = format!("d{}", id.0).parse().unwrap();
        Self {
            shared: Shared::new(env, id, domain, consensus, metrics),
            _folder: folder,
        }
    }
}

impl Deref for Alone {
    type Target = Arc<Shared>;

    fn deref(&self) -> &Arc<Shared> {
        &self.shared
    }
}
