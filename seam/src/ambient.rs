//! The process to which the running task belongs, where several share one thread.
//!
//! Whatever we write is handed an [`crate::Env`]. A library that starts tasks and draws random numbers by itself, as
//! openraft does, takes no such handle: it asks here. On a real system there is one process, nothing is entered, and
//! everything goes straight to Tokio and to the system's randomness. A simulator enters a process ([`within`]) whenever
//! it runs one of its tasks, so that what the library starts belongs to the same process, dies with it, and draws from
//! its seed.

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rand_core::TryRng;
use tokio::sync::oneshot;

use crate::random::Random;
use crate::spawn::{Abort, Task};

/// A process among several of one thread.
pub trait Process: Send + Sync + 'static {
    /// Its name, for people.
    fn name(&self) -> &str;

    /// Its randomness.
    fn random(&self) -> &dyn Random;

    /// Starts a task in it.
    fn start(&self, task: Task) -> Arc<dyn Abort>;
}

thread_local! {
    static CURRENT: RefCell<Option<Arc<dyn Process>>> = const { RefCell::new(None) };
}

/// The process that the running task belongs to; `None` on a real system.
#[must_use]
pub fn current() -> Option<Arc<dyn Process>> {
    CURRENT.with_borrow(Clone::clone)
}

/// Does something as a part of `process`; `None`: of none.
pub fn within<T>(process: Option<Arc<dyn Process>>, work: impl FnOnce() -> T) -> T {
    let outer = CURRENT.replace(process);
    let result = work();
    CURRENT.set(outer);
    result
}

/// Starts a task in the current process.
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    match current() {
        None => JoinHandle(Joined::Tokio(tokio::spawn(future))),
        Some(process) => {
            let (tell, heard) = oneshot::channel();
            process.start(Box::pin(async move {
                let _ = tell.send(future.await);
            }));
            JoinHandle(Joined::Heard(heard))
        }
    }
}

/// A task of [`spawn`]. It goes on where this is dropped.
#[derive(Debug)]
pub struct JoinHandle<T>(Joined<T>);

#[derive(Debug)]
enum Joined<T> {
    Tokio(tokio::task::JoinHandle<T>),
    Heard(oneshot::Receiver<T>),
}

/// A task ended without a result.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// On a real system.
    #[error(transparent)]
    Tokio(#[from] tokio::task::JoinError),
    /// In a simulator: its process died, or it panicked, which the simulator has noted.
    #[error("the task has ended without a result")]
    Ended,
}

impl JoinError {
    /// Whether it panicked.
    #[must_use]
    pub fn is_panic(&self) -> bool {
        matches!(self, Self::Tokio(error) if error.is_panic())
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            Joined::Tokio(task) => Pin::new(task).poll(context).map_err(JoinError::Tokio),
            Joined::Heard(heard) => Pin::new(heard).poll(context).map_err(|_| JoinError::Ended),
        }
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
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[derive(Default)]
    struct Counting(AtomicU64);

    impl Random for Counting {
        fn next_u64(&self) -> u64 {
            self.0.fetch_add(1, Ordering::Relaxed)
        }
    }

    impl Process for Counting {
        fn name(&self) -> &str {
            "counting"
        }

        fn random(&self) -> &dyn Random {
            self
        }

        fn start(&self, task: Task) -> Arc<dyn Abort> {
            Arc::new(tokio::spawn(task).abort_handle())
        }
    }

    #[tokio::test]
    async fn what_is_started_and_drawn_is_the_process_s() {
        let process: Arc<dyn Process> = Arc::new(Counting::default());
        let task = within(Some(process), || {
            assert_eq!(AmbientRandom.try_next_u64().unwrap(), 0);
            assert_eq!(current().unwrap().name(), "counting");
            spawn(async { 7 })
        });
        assert_eq!(task.await.unwrap(), 7);
        assert!(current().is_none());
        assert_eq!(spawn(async { 8 }).await.unwrap(), 8);
    }
}
