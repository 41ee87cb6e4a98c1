//! A process of the clusterset: tasks that share a name, a clock, a seed and a death.
//!
//! Everything that a process starts belongs to it, also what openraft starts by itself (`causeway_seam::ambient`). It
//! can be killed between any two steps of its tasks, and frozen, as by SIGSTOP or a machine that swaps.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;
use causeway_seam::ambient::Process;
use causeway_seam::spawn::{Abort, Task, Work};
use causeway_seam::{Clock, Env, Monotonic, Random, Spawn, TaskHandle, WallClock};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::dice::Dice;
use crate::executor::{self, Job};
use crate::history::History;

/// The time of day at which every simulation begins: 2026-01-01.
const BEGINNING_MS: i64 = 1_767_225_600_000;

/// How a process's clock and disk differ from others'.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quirks {
    /// How many parts of a million its clock runs too fast; negative: too slow.
    pub drift_ppm: i64,
    /// By how much its time of day is wrong, in milliseconds.
    pub wall_ms: i64,
    /// The longest that work on its disk takes.
    pub disk: Duration,
}

impl Default for Quirks {
    fn default() -> Self {
        Self {
            drift_ppm: 0,
            wall_ms: 0,
            disk: Duration::from_millis(2),
        }
    }
}

/// One process.
pub struct SimProcess {
    me: Weak<Self>,
    name: String,
    history: History,
    dice: Dice,
    born: Instant,
    /// Fixed: a clock that changed its pace could go back.
    drift_ppm: i64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    quirks: Quirks,
    dead: bool,
    frozen: bool,
}

impl SimProcess {
    /// Starts one. `dice` is for it alone.
    #[must_use]
    pub fn start(name: &str, history: &History, dice: Dice, quirks: Quirks) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            me: me.clone(),
            name: name.to_owned(),
            history: history.clone(),
            dice,
            born: Instant::now(),
            drift_ppm: quirks.drift_ppm,
            state: Mutex::new(State {
                quirks,
                ..State::default()
            }),
        })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its clock, tasks and randomness.
    #[must_use]
    pub fn env(self: &Arc<Self>) -> Env {
        let world = Arc::new(Inside(Arc::clone(self)));
        Env::new(world.clone(), Arc::new(Drawn(Arc::clone(self))), world)
    }

    /// Starts a task in it.
    pub fn spawn<F>(self: &Arc<Self>, future: F) -> Job<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Job::start(Some(Arc::clone(self)), future)
    }

    /// Ends it where it stands: no task runs another step, all of them are gone.
    pub fn kill(&self) {
        self.lock().dead = true;
        executor::kill(self);
    }

    /// Whether it was killed.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.lock().dead
    }

    /// No task runs until [`Self::thaw`]; time goes on.
    pub fn freeze(&self) {
        self.lock().frozen = true;
    }

    /// Ends [`Self::freeze`].
    pub fn thaw(&self) {
        self.lock().frozen = false;
        executor::thaw();
    }

    /// Whether it stands still.
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        self.lock().frozen
    }

    /// From now on work on its disk takes up to so long.
    pub fn set_disk(&self, longest: Duration) {
        self.lock().quirks.disk = longest;
    }

    /// From now on its time of day is wrong by so many milliseconds.
    pub fn set_wall(&self, wrong_ms: i64) {
        self.lock().quirks.wall_ms = wrong_ms;
    }

    fn quirks(&self) -> Quirks {
        self.lock().quirks
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Process for SimProcess {
    fn name(&self) -> &str {
        &self.name
    }

    fn random(&self) -> &dyn Random {
        &self.dice
    }

    fn start(&self, task: Task) -> Arc<dyn Abort> {
        let started = self
            .me
            .upgrade()
            .and_then(|me| executor::start_in(&me, task));
        started.unwrap_or_else(|| Arc::new(NeverStarted))
    }
}

/// A task that there was nobody to run.
struct NeverStarted;

impl Abort for NeverStarted {
    fn abort(&self) {}

    fn is_ended(&self) -> bool {
        true
    }
}

/// Its randomness.
struct Drawn(Arc<SimProcess>);

impl Random for Drawn {
    fn next_u64(&self) -> u64 {
        self.0.dice.next_u64()
    }
}

/// What a process sees of the world: its clock and its tasks.
struct Inside(Arc<SimProcess>);

/// A duration by a clock that runs so many parts of a million too fast.
fn drifted(duration: Duration, ppm: i64) -> Duration {
    let part = duration.as_nanos() / 1_000_000;
    let by = part.saturating_mul(u128::from(ppm.unsigned_abs()));
    let by = Duration::from_nanos(u64::try_from(by).unwrap_or(u64::MAX));
    match ppm < 0 {
        true => duration.saturating_sub(by),
        false => duration.saturating_add(by),
    }
}

#[async_trait]
impl Clock for Inside {
    fn now(&self) -> Monotonic {
        Monotonic(drifted(self.0.born.elapsed(), self.0.drift_ppm))
    }

    fn wall(&self) -> WallClock {
        let since = i64::try_from(self.0.history.now().as_millis()).unwrap_or(i64::MAX);
        WallClock(BEGINNING_MS + since + self.0.quirks().wall_ms)
    }

    async fn sleep(&self, duration: Duration) {
        // A fast clock is early.
        tokio::time::sleep(drifted(duration, -self.0.drift_ppm)).await;
    }
}

impl Spawn for Inside {
    fn spawn(&self, name: &'static str, task: Task) -> TaskHandle {
        let (tell, done) = oneshot::channel();
        let task: Task = Box::pin(async move {
            // Dropped with the task, however it ends.
            let _tell = tell;
            task.await;
        });
        TaskHandle::of(name, self.0.start(task), done)
    }

    fn blocking(&self, work: Work) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let longest = u64::try_from(self.0.quirks().disk.as_micros()).unwrap_or(u64::MAX);
        let wait = || Duration::from_micros(self.0.dice.between(longest / 8, longest / 2));
        let (before, after) = (wait(), wait());
        // A task of its own: it goes on where the caller is dropped, and ends with the process.
        let join = self.0.spawn(async move {
            tokio::time::sleep(before).await;
            work();
            tokio::time::sleep(after).await;
        });
        Box::pin(async move {
            let _ = join.await;
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::executor::Executor;

    async fn simulated<F>(test: impl FnOnce(Arc<SimProcess>) -> F, quirks: Quirks)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let history = History::begin();
        let process = SimProcess::start("p", &history, Dice::new(1), quirks);
        Executor::run(Dice::new(1), &history, test(process)).await;
        assert_eq!(history.take().2, []);
    }

    fn counting(env: &Env) -> Arc<AtomicU64> {
        let count = Arc::new(AtomicU64::new(0));
        let (counter, inner) = (count.clone(), env.clone());
        env.spawn("count", async move {
            loop {
                counter.fetch_add(1, Ordering::Relaxed);
                inner.sleep(Duration::from_millis(10)).await;
            }
        })
        .detach();
        count
    }

    #[tokio::test(start_paused = true)]
    async fn a_killed_process_does_nothing_more_and_a_frozen_one_goes_on() {
        let test = async |process: Arc<SimProcess>| {
            let count = counting(&process.env());
            let sleep = || tokio::time::sleep(Duration::from_secs(1));
            sleep().await;
            process.freeze();
            let frozen = count.load(Ordering::Relaxed);
            assert!(frozen > 50);
            sleep().await;
            assert_eq!(count.load(Ordering::Relaxed), frozen);
            process.thaw();
            sleep().await;
            let thawed = count.load(Ordering::Relaxed);
            assert!(thawed > frozen + 50);
            process.kill();
            sleep().await;
            assert_eq!(count.load(Ordering::Relaxed), thawed);
            assert!(process.is_dead());
        };
        simulated(test, Quirks::default()).await;
    }

    #[tokio::test(start_paused = true)]
    async fn clocks_drift() {
        let quirks = Quirks {
            drift_ppm: 100_000,
            ..Quirks::default()
        };
        let test = async |process: Arc<SimProcess>| {
            let env = process.env();
            let before = env.now();
            tokio::time::sleep(Duration::from_secs(10)).await;
            assert_eq!(env.now().since(before), Duration::from_secs(11));
            let start = Instant::now();
            env.sleep(Duration::from_secs(10)).await;
            assert_eq!(start.elapsed(), Duration::from_secs(9));
        };
        simulated(test, quirks).await;
    }
}
