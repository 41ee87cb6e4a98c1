//! Waiting between attempts: twice as long each time, up to a limit, spread at random so that many agents do not come
//! back at one moment.

use std::time::Duration;

use causeway_seam::Env;

const FIRST: Duration = Duration::from_millis(200);

#[derive(Debug)]
pub(crate) struct Backoff {
    next: Duration,
    max: Duration,
}

impl Backoff {
    pub(crate) fn new(max: Duration) -> Self {
        Self {
            next: FIRST.min(max),
            max,
        }
    }

    /// An attempt succeeded: the next failure waits the least.
    pub(crate) fn reset(&mut self) {
        self.next = FIRST.min(self.max);
    }

    pub(crate) async fn wait(&mut self, env: &Env) {
        let wait = env.random().jittered(self.next);
        self.next = self.next.saturating_mul(2).min(self.max);
        env.sleep(wait).await;
    }
}
