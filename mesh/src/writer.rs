//! The writer: which services changed → render → difference → operations.

use std::sync::Arc;
use std::time::Duration;

use causeway_api::ServiceKey;
use causeway_api::session::DiffEntry;
use causeway_api::view::Applied;
use causeway_seam::Env;
use tokio::sync::watch;

use crate::lease::LeaseState;
use crate::source::Source;

/// How a writer behaves; nothing here changes what is written.
#[derive(Debug, Clone)]
pub struct WriterOptions {
    /// How many requests may be under way at once.
    pub concurrency: usize,
    /// The first wait after a refused write; doubled up to `retry_max`, with jitter.
    pub retry_first: Duration,
    /// The longest wait after a refused write.
    pub retry_max: Duration,
}

impl Default for WriterOptions {
    fn default() -> Self {
        Self {
            concurrency: 16,
            retry_first: Duration::from_millis(500),
            retry_max: Duration::from_secs(60),
        }
    }
}

/// What a writer has done since it started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WriterStats {
    /// Objects created or changed.
    pub applied: u64,
    /// Objects removed.
    pub deleted: u64,
    /// Requests that failed.
    pub failed: u64,
    /// Services rendered.
    pub rendered: u64,
}

/// The writer's tasks; they end when it is dropped. What is in the mesh stays.
pub struct Writer {
    handle: WriterHandle,
}

impl Writer {
    /// Starts: watches at once, writes once the source is complete, the live objects are listed, the Lease is held,
    /// and the settings say Federate and not suspended.
    #[must_use]
    pub fn start(
        _env: &Env,
        _client: kube::Client,
        _lease: watch::Receiver<LeaseState>,
        _source: Arc<dyn Source>,
        _options: WriterOptions,
    ) -> Self {
        Self {
            handle: WriterHandle {
                applied: watch::channel(Applied::default()).1,
            },
        }
    }

    /// What others tell the writer and ask it by.
    #[must_use]
    pub fn handle(&self) -> WriterHandle {
        self.handle.clone()
    }
}

/// What others tell the writer and ask it by. Cheap to clone.
#[derive(Clone)]
pub struct WriterHandle {
    applied: watch::Receiver<Applied>,
}

impl WriterHandle {
    /// These services changed (plan part, an owner's word, or the local Service): look at them again.
    pub fn mark_services(&self, _keys: impl IntoIterator<Item = ServiceKey>) {}

    /// Settings or networks changed: look at the gateways, and at all services where localities or settings differ.
    pub fn mark_member(&self) {}

    /// The exact difference between view and mesh, now.
    pub async fn diff(&self) -> Vec<DiffEntry> {
        Vec::new()
    }

    /// Follows what was applied.
    #[must_use]
    pub fn applied(&self) -> watch::Receiver<Applied> {
        self.applied.clone()
    }

    /// What was done since the start.
    #[must_use]
    pub fn stats(&self) -> WriterStats {
        WriterStats::default()
    }
}
