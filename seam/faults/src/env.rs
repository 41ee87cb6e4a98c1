//! A process environment for tests: Tokio's clock, which a test may pause; disk work in place; randomness from a seed.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use causeway_seam::spawn::{Task, TaskHandle};
use causeway_seam::{Clock, Env, Monotonic, Spawn, WallClock};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::random::Seeded;

/// An environment. To be called inside a Tokio runtime; with one thread and a paused clock everything that happens is
/// the same for the same seed.
#[must_use]
pub fn env(seed: u64) -> Env {
    let clock = TokioClock {
        start: Instant::now(),
    };
    Env::new(
        Arc::new(clock),
        Arc::new(Seeded::new(seed)),
        Arc::new(InPlace),
    )
}

struct TokioClock {
    start: Instant,
}

#[async_trait]
impl Clock for TokioClock {
    fn now(&self) -> Monotonic {
        Monotonic(self.start.elapsed())
    }

    fn wall(&self) -> WallClock {
        // A time of day that is the same in each run: 2026-01-01.
        let start = Duration::from_secs(1_767_225_600);
        let millis = (start + self.start.elapsed()).as_millis();
        WallClock(i64::try_from(millis).unwrap_or(i64::MAX))
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// Tasks are Tokio's; work that waits for a disk is done here and now.
struct InPlace;

impl Spawn for InPlace {
    fn spawn(&self, name: &'static str, task: Task) -> TaskHandle {
        let (tell, done) = oneshot::channel();
        let task: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(async move {
            let _tell = tell;
            task.await;
        });
        TaskHandle::new(name, tokio::spawn(task).abort_handle(), done)
    }
}
