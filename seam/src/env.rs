//! The handle that each process of the clusterset holds.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Clock, Monotonic, WallClock};
use crate::random::Random;
use crate::spawn::{Spawn, TaskHandle, Work};

/// Clock, randomness and tasks of one process. Cheap to clone.
#[derive(Clone)]
pub struct Env {
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    spawner: Arc<dyn Spawn>,
}

impl std::fmt::Debug for Env {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Env").finish_non_exhaustive()
    }
}

/// The time was up before the future was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no answer within {0:?}")]
pub struct Elapsed(pub Duration);

impl Env {
    /// From its parts.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, random: Arc<dyn Random>, spawner: Arc<dyn Spawn>) -> Self {
        Self {
            clock,
            random,
            spawner,
        }
    }

    /// Now, on the monotonic clock.
    #[must_use]
    pub fn now(&self) -> Monotonic {
        self.clock.now()
    }

    /// Now, as the time of day: for people.
    #[must_use]
    pub fn wall(&self) -> WallClock {
        self.clock.wall()
    }

    /// Returns once `duration` has passed.
    pub async fn sleep(&self, duration: Duration) {
        self.clock.sleep(duration).await;
    }

    /// The future's output, or [`Elapsed`] once `limit` has passed.
    ///
    /// # Errors
    /// [`Elapsed`] where the future was not done in time.
    pub async fn timeout<F: Future>(
        &self,
        limit: Duration,
        future: F,
    ) -> Result<F::Output, Elapsed> {
        tokio::select! {
            biased;
            output = future => Ok(output),
            () = self.clock.sleep(limit) => Err(Elapsed(limit)),
        }
    }

    /// Randomness.
    #[must_use]
    pub fn random(&self) -> &dyn Random {
        self.random.as_ref()
    }

    /// Starts a task; it ends when the handle is dropped.
    #[must_use = "dropping the handle aborts the task"]
    pub fn spawn(
        &self,
        name: &'static str,
        task: impl Future<Output = ()> + Send + 'static,
    ) -> TaskHandle {
        self.spawner.spawn(name, Box::pin(task))
    }

    /// Starts a task that may wait for a disk by [`Env::blocking_apart`]: on a thread of its own where there are threads, so
    /// that whoever it works for is two changes of threads away and not four. It must not wait for time to pass, since it may
    /// outlive the runtime by a moment.
    #[must_use = "dropping the handle aborts the task"]
    pub fn spawn_apart(
        &self,
        name: &'static str,
        task: impl Future<Output = ()> + Send + 'static,
    ) -> TaskHandle {
        self.spawner.spawn_apart(name, Box::pin(task))
    }

    /// Does work that waits for a disk, from a task that [`Env::spawn_apart`] started: it may hold that task up. `None`
    /// where it panicked, or the runtime is shutting down.
    pub async fn blocking_apart<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let (work, heard) = answering(work);
        self.spawner.blocking_apart(work).await;
        heard.await.ok()
    }

    /// Does work that waits for a disk, where it holds no task up. `None` where it panicked, or the runtime is shutting
    /// down. A caller that is dropped meanwhile does not stop it.
    pub async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let (work, heard) = answering(work);
        self.spawner.blocking(work).await;
        heard.await.ok()
    }
}

/// Work that tells what came of it.
fn answering<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> (Work, tokio::sync::oneshot::Receiver<T>) {
    let (tell, heard) = tokio::sync::oneshot::channel();
    let work = move || {
        let _ = tell.send(work());
    };
    (Box::new(work), heard)
}
