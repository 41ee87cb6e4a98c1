//! The operating system: Tokio's clock and tasks, the system's randomness, a folder on a real disk.

mod apart;
mod disk;
pub mod net;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::oneshot;
use tokio::time::Instant;

pub use disk::Folder;

use crate::clock::{Clock, Monotonic, WallClock};
use crate::env::Env;
use crate::random::Random;
use crate::spawn::{Spawn, Task, TaskHandle, Work};

/// An [`Env`] of the operating system. To be called inside a Tokio runtime.
#[must_use]
pub fn env() -> Env {
    Env::new(
        Arc::new(SystemClock {
            start: Instant::now(),
        }),
        Arc::new(SystemRandom),
        Arc::new(TokioSpawn),
    )
}

struct SystemClock {
    start: Instant,
}

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Monotonic {
        Monotonic(self.start.elapsed())
    }

    fn wall(&self) -> WallClock {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        WallClock(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

struct SystemRandom;

impl Random for SystemRandom {
    fn next_u64(&self) -> u64 {
        random()
    }
}

/// A number of the system's randomness.
pub(crate) fn random() -> u64 {
    // The only failure is a kernel without a source of randomness; a number that is merely less random
    // is better than an end of the process, since nothing here is a secret.
    getrandom::u64().unwrap_or_else(|_| {
        UNIX_EPOCH
            .elapsed()
            .map_or(0, |d| u64::from(d.subsec_nanos()))
    })
}

struct TokioSpawn;

impl Spawn for TokioSpawn {
    fn spawn(&self, name: &'static str, task: Task) -> TaskHandle {
        let (tell, done) = oneshot::channel();
        let join = tokio::spawn(async move {
            // Dropped with the task, however it ends.
            let _tell = tell;
            task.await;
        });
        TaskHandle::new(name, join.abort_handle(), done)
    }

    fn spawn_apart(&self, name: &'static str, task: Task) -> TaskHandle {
        // On a runtime of one thread, whose clock may be stopped by a test, time would pass while that thread only waits for
        // this one: there it is a task like others, and its disk work is done as others' is.
        match Handle::current().runtime_flavor() {
            RuntimeFlavor::CurrentThread => self.spawn(name, task),
            _ => apart::spawn(name, task),
        }
    }

    fn blocking_apart(&self, work: Work) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        match Handle::current().runtime_flavor() {
            RuntimeFlavor::CurrentThread => self.blocking(work),
            _ => {
                work();
                Box::pin(std::future::ready(()))
            }
        }
    }

    fn blocking(&self, work: Work) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let join = tokio::task::spawn_blocking(work);
        Box::pin(async move {
            let _ = join.await;
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn a_dropped_handle_ends_its_task() {
        let env = env();
        let (tell, heard) = oneshot::channel::<()>();
        let task = env.spawn("test", async move {
            let _tell = tell;
            std::future::pending::<()>().await;
        });
        drop(task);
        assert!(
            heard.await.is_err(),
            "the task's own end of the channel is dropped with it"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn the_clock_follows_virtual_time() {
        let env = env();
        let before = env.now();
        env.sleep(Duration::from_secs(3600)).await;
        assert_eq!(env.now().since(before), Duration::from_secs(3600));
        assert!(
            env.timeout(Duration::from_secs(1), std::future::pending::<()>())
                .await
                .is_err()
        );
    }
}
