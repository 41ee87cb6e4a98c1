//! The one executor of a simulation: it runs every task of every process, of the network and of the scenario.
//!
//! Of the tasks that are ready it takes one by the seed. So the order in which tasks run does not depend on the order in
//! which they were woken (Tokio spreads the waiters of a watch at random), and each seed is another order. A process is
//! killed by dropping its tasks, between any two steps. Tokio's paused clock jumps ahead once nothing is ready.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use causeway_seam::Random;
use causeway_seam::ambient::{self, Process};
use causeway_seam::spawn::{Abort, Task};
use tokio::sync::oneshot;

use crate::dice::Dice;
use crate::history::History;
use crate::process::SimProcess;

/// So many steps at one moment are an endless loop.
const SPIN: u32 = 1_000_000;

/// The executor of one simulation. Clones are the same.
#[derive(Clone)]
pub struct Executor {
    shared: Arc<Shared>,
}

struct Shared {
    dice: Dice,
    history: History,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    next: u64,
    tasks: BTreeMap<u64, Slot>,
    ready: BTreeSet<u64>,
    /// Tasks of frozen processes that would be ready.
    held: BTreeSet<u64>,
    outer: Option<Waker>,
    steps: u64,
    /// Whose step was the last one.
    last: String,
}

struct Slot {
    process: Option<Arc<SimProcess>>,
    /// Not here while it is run.
    future: Option<Task>,
    waker: Waker,
}

thread_local! {
    static CURRENT: RefCell<Option<Executor>> = const { RefCell::new(None) };
}

struct Alarm {
    id: u64,
    shared: Arc<Shared>,
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.shared.wake(self.id);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self, id: u64) {
        let outer = {
            let mut state = self.lock();
            if !state.tasks.contains_key(&id) {
                return;
            }
            state.ready.insert(id);
            state.outer.take()
        };
        if let Some(outer) = outer {
            outer.wake();
        }
    }
}

impl Executor {
    /// Runs `root` and all that it starts, until `root` is done; then all else is dropped. `None`: something spins, and time
    /// would never pass.
    pub async fn run<F>(dice: Dice, history: &History, root: F) -> Option<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let executor = Self {
            shared: Arc::new(Shared {
                dice,
                history: history.clone(),
                state: Mutex::default(),
            }),
        };
        let (tell, mut heard) = oneshot::channel();
        executor.start(
            None,
            Box::pin(async move {
                let _ = tell.send(root.await);
            }),
        );
        let run = std::future::poll_fn(|context| {
            executor.shared.lock().outer = Some(context.waker().clone());
            // Time stands still in here.
            for _ in 0..SPIN {
                if let Ok(output) = heard.try_recv() {
                    return Poll::Ready(Some(output));
                }
                if !executor.step() {
                    return Poll::Pending;
                }
            }
            let last = executor.shared.lock().last.clone();
            executor.shared.history.violated(
                "no_spin",
                format_args!("{SPIN} steps were made in no time, the last one of {last}"),
            );
            Poll::Ready(None)
        });
        // All tasks are one to Tokio: its budget for one would starve them.
        let output = tokio::task::unconstrained(run).await;
        executor.end(|_| true);
        output
    }

    /// The steps that tasks have made.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.shared.lock().steps
    }

    /// The executor that the running task belongs to.
    fn current() -> Option<Self> {
        CURRENT.with_borrow(Clone::clone)
    }

    /// Runs one step of one task; `false` where none is ready.
    fn step(&self) -> bool {
        let (id, process, mut future, waker) = {
            let mut state = self.shared.lock();
            let taken = loop {
                let count = u64::try_from(state.ready.len()).unwrap_or(u64::MAX);
                let at = usize::try_from(self.shared.dice.below(count)).unwrap_or_default();
                let Some(id) = state.ready.iter().nth(at).copied() else {
                    return false;
                };
                state.ready.remove(&id);
                let Some(slot) = state.tasks.get_mut(&id) else {
                    continue;
                };
                if slot
                    .process
                    .as_ref()
                    .is_some_and(|process| process.is_frozen())
                {
                    state.held.insert(id);
                    continue;
                }
                if let Some(future) = slot.future.take() {
                    break (id, slot.process.clone(), future, slot.waker.clone());
                }
            };
            state.steps += 1;
            let whose = taken.1.as_ref().map_or("the world", |p| p.name());
            if state.last != whose {
                whose.clone_into(&mut state.last);
            }
            taken
        };
        let mut context = Context::from_waker(&waker);
        let outer = CURRENT.replace(Some(self.clone()));
        let entered = process.clone().map(|process| process as Arc<dyn Process>);
        let polled = ambient::within(entered, || {
            catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(&mut context)))
        });
        CURRENT.set(outer);
        let over = match polled {
            Ok(polled) => polled.is_ready(),
            Err(panic) => {
                let text = panic.downcast_ref::<&str>().copied();
                let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
                let name = process
                    .as_ref()
                    .map_or("the world", |process| process.name());
                let text = text.unwrap_or("without a message");
                self.shared
                    .history
                    .violated("no_panic", format_args!("{name} panicked: {text}"));
                true
            }
        };
        let mut state = self.shared.lock();
        let ended = match state.tasks.get_mut(&id) {
            Some(slot) if !over => {
                slot.future = Some(future);
                None
            }
            // Over, or ended while it ran.
            _ => {
                state.ready.remove(&id);
                Some((state.tasks.remove(&id), future))
            }
        };
        drop(state);
        // What is dropped may wake and start others.
        self.dropping(ended);
        true
    }

    /// Drops tasks as a part of no process.
    fn dropping<T>(&self, tasks: T) {
        let outer = CURRENT.replace(Some(self.clone()));
        let dropped = catch_unwind(AssertUnwindSafe(|| ambient::within(None, || drop(tasks))));
        CURRENT.set(outer);
        if dropped.is_err() {
            self.shared
                .history
                .violated("no_panic", "a task panicked while it was dropped");
        }
    }

    fn start(&self, process: Option<Arc<SimProcess>>, future: Task) -> Handle {
        let mut state = self.shared.lock();
        let id = state.next;
        state.next += 1;
        let alarm = Arc::new(Alarm {
            id,
            shared: Arc::clone(&self.shared),
        });
        let handle = Handle {
            id,
            executor: self.clone(),
        };
        if process.as_ref().is_some_and(|process| process.is_dead()) {
            drop(state);
            self.dropping(future);
            return handle;
        }
        let slot = Slot {
            process,
            future: Some(future),
            waker: Waker::from(alarm),
        };
        state.tasks.insert(id, slot);
        state.ready.insert(id);
        let outer = state.outer.take();
        drop(state);
        if let Some(outer) = outer {
            outer.wake();
        }
        handle
    }

    /// Drops all tasks that fit.
    fn end(&self, fits: impl Fn(&Option<Arc<SimProcess>>) -> bool) {
        loop {
            let ended: Vec<Slot> = {
                let mut state = self.shared.lock();
                let ids: Vec<u64> = state
                    .tasks
                    .iter()
                    .filter(|(_, slot)| fits(&slot.process))
                    .map(|(id, _)| *id)
                    .collect();
                ids.iter().filter_map(|id| state.tasks.remove(id)).collect()
            };
            if ended.is_empty() {
                return;
            }
            self.dropping(ended);
        }
    }
}

/// Starts a task of `process` on the executor of the running task.
pub(crate) fn start_in(process: &Arc<SimProcess>, future: Task) -> Option<Arc<dyn Abort>> {
    let executor = Executor::current()?;
    Some(Arc::new(executor.start(Some(Arc::clone(process)), future)))
}

/// Drops all tasks of `process`.
pub(crate) fn kill(process: &SimProcess) {
    if let Some(executor) = Executor::current() {
        executor.end(|of| {
            of.as_ref()
                .is_some_and(|of| std::ptr::eq(of.as_ref(), process))
        });
    }
}

/// Tasks of frozen processes may be ready again.
pub(crate) fn thaw() {
    let Some(executor) = Executor::current() else {
        return;
    };
    let held = std::mem::take(&mut executor.shared.lock().held);
    for id in held {
        executor.shared.wake(id);
    }
}

/// Starts a task of no process: of the network, or of the scenario.
pub fn spawn<F>(future: F) -> Job<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    Job::start(None, future)
}

/// A task that was started. It goes on where this is dropped.
pub struct Job<T> {
    heard: oneshot::Receiver<T>,
    handle: Option<Handle>,
}

/// A task ended without a result: its process died, or it panicked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the task has ended without a result")]
pub struct Gone;

impl<T: Send + 'static> Job<T> {
    pub(crate) fn start<F>(process: Option<Arc<SimProcess>>, future: F) -> Self
    where
        F: Future<Output = T> + Send + 'static,
    {
        let (tell, heard) = oneshot::channel();
        let task = Box::pin(async move {
            let _ = tell.send(future.await);
        });
        // Outside of a simulation there is nothing that could run it: it is gone.
        let handle = Executor::current().map(|executor| executor.start(process, task));
        Self { heard, handle }
    }

    /// Ends it at its next step.
    pub fn abort(&self) {
        if let Some(handle) = &self.handle {
            Abort::abort(handle);
        }
    }

    /// Whether it has ended.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.handle.as_ref().is_none_or(Abort::is_ended)
    }
}

impl<T> Future for Job<T> {
    type Output = Result<T, Gone>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.heard).poll(context).map_err(|_| Gone)
    }
}

struct Handle {
    id: u64,
    executor: Executor,
}

impl Abort for Handle {
    fn abort(&self) {
        let slot = {
            let mut state = self.executor.shared.lock();
            state.ready.remove(&self.id);
            state.tasks.remove(&self.id)
        };
        self.executor.dropping(slot);
    }

    fn is_ended(&self) -> bool {
        !self.executor.shared.lock().tasks.contains_key(&self.id)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::Duration;

    use super::*;

    /// Who ran in which order, of tasks that one watch wakes at once.
    async fn order(seed: u64) -> Vec<u64> {
        let history = History::begin();
        let root = async {
            let (tell, _) = tokio::sync::watch::channel(());
            let ran: Arc<Mutex<Vec<u64>>> = Arc::default();
            for n in 0..20 {
                let (ran, mut changes) = (ran.clone(), tell.subscribe());
                spawn(async move {
                    changes.changed().await.unwrap();
                    ran.lock().unwrap().push(n);
                });
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
            tell.send_replace(());
            tokio::time::sleep(Duration::from_millis(1)).await;
            ran.lock().unwrap().clone()
        };
        Executor::run(Dice::new(seed), &history, root)
            .await
            .unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn the_order_of_tasks_is_the_seed_s() {
        let first = order(1).await;
        assert_eq!(first.len(), 20);
        for _ in 0..20 {
            assert_eq!(order(1).await, first);
        }
        assert_ne!(order(2).await, first);
    }

    #[tokio::test(start_paused = true)]
    async fn a_panic_is_a_violation_and_ends_that_task_alone() {
        let history = History::begin();
        let root = async {
            let bad = spawn(async { panic!("as ordered") });
            let good = spawn(async {
                tokio::time::sleep(Duration::from_secs(1)).await;
                7
            });
            (bad.await.is_err(), good.await)
        };
        let result = Executor::run(Dice::new(1), &history, root).await;
        assert_eq!(result, Some((true, Ok(7))));
        let (_, _, violations) = history.take();
        assert!(violations.first().unwrap().message.contains("as ordered"));
    }

    #[tokio::test(start_paused = true)]
    async fn an_aborted_task_is_dropped_at_once() {
        let history = History::begin();
        let root = async {
            let (tell, heard) = oneshot::channel::<()>();
            let task = spawn(async move {
                let _tell = tell;
                std::future::pending::<()>().await;
            });
            tokio::time::sleep(Duration::from_secs(1)).await;
            assert!(!task.is_finished());
            task.abort();
            assert!(task.is_finished());
            heard.await.is_err()
        };
        assert_eq!(
            Executor::run(Dice::new(1), &history, root).await,
            Some(true)
        );
    }
}
