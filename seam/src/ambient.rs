//! The process to which the running task belongs, where several share one thread.
//!
//! Whatever we write is handed an [`crate::Env`]. A library that starts tasks and draws random numbers by itself, as
//! openraft does, takes no such handle: it asks here. On a real system there is one process, nothing is entered, and
//! everything goes straight to Tokio and to the system's randomness. In a simulator each task of a process is wrapped
//! by [`belonging`], so that what the library starts belongs to the same process, dies with it, and draws from its seed.

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rand_core::TryRng;
use tokio::task::{AbortHandle, JoinHandle};

use crate::random::Random;

/// A process among several of one thread.
pub trait Process: Send + Sync + 'static {
    /// Ready while its tasks may run. Pending while it is frozen (it wakes them after that), and for ever once it is
    /// dead.
    fn may_run(&self, context: &mut Context<'_>) -> Poll<()>;

    /// Its randomness.
    fn random(&self) -> &dyn Random;

    /// A task of it was started: it has to end with the process.
    fn started(&self, task: AbortHandle);

    /// One of its tasks panicked.
    fn panicked(&self, message: &str);
}

thread_local! {
    static CURRENT: RefCell<Option<Arc<dyn Process>>> = const { RefCell::new(None) };
}

/// The process that the running task belongs to; `None` on a real system.
#[must_use]
pub fn current() -> Option<Arc<dyn Process>> {
    CURRENT.with_borrow(Clone::clone)
}

/// Starts a task in the current process.
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    match current() {
        None => tokio::spawn(future),
        Some(process) => spawn_in(&process, future),
    }
}

/// Starts a task in `process`.
pub fn spawn_in<F>(process: &Arc<dyn Process>, future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let task = tokio::spawn(belonging(Arc::clone(process), future));
    process.started(task.abort_handle());
    task
}

/// The future as a part of `process`: while it is polled, [`current`] is that process.
pub fn belonging<F: Future>(process: Arc<dyn Process>, future: F) -> Belonging<F> {
    Belonging {
        process,
        future: Box::pin(future),
    }
}

/// See [`belonging`].
pub struct Belonging<F> {
    process: Arc<dyn Process>,
    future: Pin<Box<F>>,
}

impl<F: Future> Future for Belonging<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        if self.process.may_run(context).is_pending() {
            return Poll::Pending;
        }
        let outer = CURRENT.replace(Some(Arc::clone(&self.process)));
        let polled = catch_unwind(AssertUnwindSafe(|| self.future.as_mut().poll(context)));
        CURRENT.set(outer);
        polled.unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<&str>().copied();
            let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
            self.process.panicked(text.unwrap_or("without a message"));
            resume_unwind(panic)
        })
    }
}

/// Randomness of the current process; on a real system the system's.
#[derive(Debug, Clone, Copy, Default)]
pub struct AmbientRandom;

impl AmbientRandom {
    fn draw() -> u64 {
        match current() {
            Some(process) => process.random().next_u64(),
            None => crate::real::random(),
        }
    }
}

impl TryRng for AmbientRandom {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        // The high half is as random as the low one.
        Ok(u32::try_from(Self::draw() >> 32).unwrap_or_default())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(Self::draw())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(8) {
            let drawn = Self::draw().to_le_bytes();
            for (byte, from) in chunk.iter_mut().zip(drawn) {
                *byte = from;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[derive(Default)]
    struct Counting {
        drawn: AtomicU64,
        tasks: Mutex<Vec<AbortHandle>>,
    }

    impl Random for Counting {
        fn next_u64(&self) -> u64 {
            self.drawn.fetch_add(1, Ordering::Relaxed)
        }
    }

    impl Process for Counting {
        fn may_run(&self, _: &mut Context<'_>) -> Poll<()> {
            Poll::Ready(())
        }

        fn random(&self) -> &dyn Random {
            self
        }

        fn started(&self, task: AbortHandle) {
            self.tasks.lock().unwrap().push(task);
        }

        fn panicked(&self, _: &str) {}
    }

    #[tokio::test]
    async fn what_a_task_starts_belongs_to_its_process_and_draws_from_it() {
        let counting = Arc::new(Counting::default());
        let process: Arc<dyn Process> = counting.clone();
        let draw = async || AmbientRandom.try_next_u64().unwrap();
        let task = spawn_in(&process, async move {
            let first = draw().await;
            (first, spawn(async move { draw().await }).await.unwrap())
        });
        assert_eq!(task.await.unwrap(), (0, 1));
        assert_eq!(counting.tasks.lock().unwrap().len(), 2);
        assert!(current().is_none());
    }
}
