//! The writer: which services changed → render → difference → operations.
//!
//! * [`run`]: the loop: marks in, jobs out, retries, the state that is published;
//! * [`service`], [`networks`]: one job: render, compare, write in order;
//! * [`pace`]: when what is marked is taken;
//! * [`context`]: what jobs share, and when writing is allowed;
//! * [`report`]: conditions and [`Applied`].

mod context;
mod job;
mod networks;
mod pace;
mod report;
mod run;
mod service;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use causeway_api::ServiceKey;
use causeway_api::session::DiffEntry;
use causeway_api::view::Applied;
use causeway_render::Kind;
use causeway_seam::{Env, TaskHandle};
use tokio::sync::watch;

use crate::apply::Applier;
use crate::lease::Fence;
use crate::live::{Live, watch::follow};
use crate::queue::Queue;
use crate::source::Source;
use context::Context;

/// How a writer behaves; nothing here changes what is written.
#[derive(Debug, Clone)]
pub struct WriterOptions {
    /// How many services may be written at once.
    pub concurrency: usize,
    /// The first wait after a refused write; doubled up to `retry_max`, with jitter.
    pub retry_first: Duration,
    /// The longest wait after a refused write.
    pub retry_max: Duration,
    /// How often everything is looked at again, though nothing was marked.
    pub resync_every: Duration,
    /// How long counts that change wait after a write, to be written together: long enough for istiod to push in
    /// between, which it does once nothing has changed for `PILOT_DEBOUNCE_AFTER`. Whatever else changes never waits.
    pub pace: Duration,
}

impl Default for WriterOptions {
    fn default() -> Self {
        Self {
            concurrency: 16,
            retry_first: Duration::from_millis(500),
            retry_max: Duration::from_secs(60),
            resync_every: Duration::from_secs(600),
            pace: Duration::from_millis(250),
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

#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) applied: AtomicU64,
    pub(crate) deleted: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) rendered: AtomicU64,
}

pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// The writer's tasks; they end when it is dropped. What is in the mesh stays.
pub struct Writer {
    handle: WriterHandle,
    _tasks: Vec<TaskHandle>,
}

impl Writer {
    /// Starts: watches at once, writes once the source is complete, the live objects are listed, the Lease is held,
    /// and the settings say Federate and not suspended.
    ///
    /// `lease` is best a `&Lease`: the epoch is then raised where an object bears a higher one.
    #[must_use]
    pub fn start(
        env: &Env,
        client: kube::Client,
        lease: impl Into<Fence>,
        source: Arc<dyn Source>,
        options: WriterOptions,
    ) -> Self {
        let (say, applied) = watch::channel(Applied::default());
        let live = Arc::new(Live::default());
        let queue = Arc::new(Queue::default());
        let fence = lease.into();
        let mut tasks: Vec<_> = Kind::ALL
            .into_iter()
            .map(|kind| {
                let follow = follow(
                    env.clone(),
                    client.clone(),
                    kind,
                    live.clone(),
                    queue.clone(),
                );
                env.spawn("mesh watch", follow)
            })
            .collect();
        let context = Arc::new(Context {
            applier: Applier {
                env: env.clone(),
                client,
                fence: fence.clone(),
            },
            live: live.clone(),
            source,
            options,
            counters: Counters::default(),
            incarnation: AtomicU64::new(0),
            doubts: Mutex::default(),
        });
        let run = run::Run::new(context.clone(), queue.clone(), fence, say);
        tasks.push(env.spawn("mesh writer", run.run()));
        Self {
            handle: WriterHandle {
                context,
                queue,
                applied,
            },
            _tasks: tasks,
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
    context: Arc<Context>,
    queue: Arc<Queue>,
    applied: watch::Receiver<Applied>,
}

impl WriterHandle {
    /// These services changed (plan part, an owner's word, or the local Service): look at them again, now. To be called
    /// as [`Source::versions`] says.
    pub fn mark_services(&self, keys: impl IntoIterator<Item = ServiceKey>) {
        self.queue.mark_services(keys);
    }

    /// Nothing changed of these services but how many endpoints are ready, and some were and are: look at them again,
    /// together with others where they were written a moment ago ([`WriterOptions::pace`]).
    pub fn mark_counts(&self, keys: impl IntoIterator<Item = ServiceKey>) {
        self.queue.mark_counts(keys);
    }

    /// The source's versions rose ([`Source::versions`]), whether or not anything that is written follows from it: once it was
    /// looked at, they count as applied. Each of the marks says so too.
    pub fn versions_rose(&self) {
        self.queue.poke();
    }

    /// Settings, networks or completeness changed: look at the gateways, and at all services where localities or
    /// settings differ.
    pub fn mark_member(&self) {
        self.queue.mark_member();
    }

    /// The exact difference between view and mesh, now.
    pub async fn diff(&self) -> Vec<DiffEntry> {
        self.context.diff()
    }

    /// Follows what was applied.
    #[must_use]
    pub fn applied(&self) -> watch::Receiver<Applied> {
        self.applied.clone()
    }

    /// What was done since the start.
    #[must_use]
    pub fn stats(&self) -> WriterStats {
        let counters = &self.context.counters;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        WriterStats {
            applied: read(&counters.applied),
            deleted: read(&counters.deleted),
            failed: read(&counters.failed),
            rendered: read(&counters.rendered),
        }
    }
}
