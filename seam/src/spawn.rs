//! Tasks: each belongs to a process of the clusterset, so that a simulator can kill a process with all its tasks.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::oneshot;

/// A task to be run.
pub type Task = Pin<Box<dyn Future<Output = ()> + Send + 'static>>;

/// Work that waits for a disk.
pub type Work = Box<dyn FnOnce() + Send + 'static>;

/// Runs tasks of one process.
pub trait Spawn: Send + Sync + 'static {
    /// Starts a task. `name` is for people who debug.
    fn spawn(&self, name: &'static str, task: Task) -> TaskHandle;

    /// Starts a task that may wait for a disk by [`Spawn::blocking_apart`]. The default makes it a task like others.
    fn spawn_apart(&self, name: &'static str, task: Task) -> TaskHandle {
        self.spawn(name, task)
    }

    /// Does work that waits for a disk, from a task that [`Spawn::spawn_apart`] started. The default does it as
    /// [`Spawn::blocking`] does.
    fn blocking_apart(&self, work: Work) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        self.blocking(work)
    }

    /// Does work that waits for a disk, where it holds no task up; ready when it is done. The default does it here and
    /// now, as a simulator wants it: on threads of its own its order would differ from run to run.
    fn blocking(&self, work: Work) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        work();
        Box::pin(std::future::ready(()))
    }
}

/// How a running task is ended.
pub trait Abort: Send + Sync + 'static {
    /// Asks it to end at its next await.
    fn abort(&self);

    /// Whether it has ended.
    fn is_ended(&self) -> bool;
}

impl Abort for tokio::task::AbortHandle {
    fn abort(&self) {
        Self::abort(self);
    }

    fn is_ended(&self) -> bool {
        self.is_finished()
    }
}

/// A running task. Dropping the handle aborts the task: no task outlives what it works for. Use
/// [`TaskHandle::detach`] where it must.
pub struct TaskHandle {
    name: &'static str,
    abort: Option<Arc<dyn Abort>>,
    done: Option<oneshot::Receiver<()>>,
}

impl std::fmt::Debug for TaskHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("TaskHandle").field(&self.name).finish()
    }
}

impl TaskHandle {
    /// For implementations of [`Spawn`]: `done` resolves, or is dropped, when the task has ended.
    #[must_use]
    pub fn new(
        name: &'static str,
        abort: tokio::task::AbortHandle,
        done: oneshot::Receiver<()>,
    ) -> Self {
        Self::of(name, Arc::new(abort), done)
    }

    /// The same for tasks that are not Tokio's.
    #[must_use]
    pub fn of(name: &'static str, abort: Arc<dyn Abort>, done: oneshot::Receiver<()>) -> Self {
        Self {
            name,
            abort: Some(abort),
            done: Some(done),
        }
    }

    /// The task's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Lets the task run on by itself.
    pub fn detach(mut self) {
        self.abort = None;
    }

    /// Asks the task to end at its next await.
    pub fn abort(&self) {
        if let Some(abort) = &self.abort {
            abort.abort();
        }
    }

    /// Whether the task has ended.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.done
            .as_ref()
            .is_none_or(oneshot::Receiver::is_terminated)
            || self.abort.as_ref().is_some_and(|abort| abort.is_ended())
    }

    /// Returns once the task has ended, by itself or by an abort. May be cancelled and called again.
    pub async fn ended(&mut self) {
        if let Some(done) = &mut self.done {
            let _ = done.await;
            self.done = None;
        }
    }
}

impl Drop for TaskHandle {
    fn drop(&mut self) {
        self.abort();
    }
}
