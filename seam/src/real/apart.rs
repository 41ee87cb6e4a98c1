//! A task with a thread of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot};

use crate::spawn::{Abort, Task, TaskHandle};

#[derive(Default)]
struct Thread {
    asked: Notify,
    ended: AtomicBool,
}

impl Abort for Thread {
    fn abort(&self) {
        self.asked.notify_one();
    }

    fn is_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }
}

/// Notes the end of a thread, however it comes.
struct Ends(Arc<Thread>);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.ended.store(true, Ordering::Release);
    }
}

/// Runs a task on a thread of its own. Where the system gives none it has ended at once.
pub(super) fn spawn(name: &'static str, task: Task) -> TaskHandle {
    let (tell, done) = oneshot::channel();
    let thread = Arc::new(Thread::default());
    let (runtime, ends) = (Handle::current(), Ends(Arc::clone(&thread)));
    let run = move || {
        // Dropped after the task.
        let _tell = tell;
        let ends = ends;
        runtime.block_on(async {
            tokio::select! {
                biased;
                () = ends.0.asked.notified() => {}
                () = task => {}
            }
        });
    };
    // Names of threads are short on some systems, and cut there.
    let begun = std::thread::Builder::new().name(name.to_owned()).spawn(run);
    drop(begun);
    TaskHandle::of(name, thread, done)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn it_runs_beside_the_runtime_and_ends_when_its_handle_is_dropped() {
        let (ask, asked) = oneshot::channel::<()>();
        let (answer, answered) = oneshot::channel();
        let mut task = spawn(
            "apart",
            Box::pin(async move {
                asked.await.unwrap();
                answer.send(std::thread::current().id()).unwrap();
            }),
        );
        ask.send(()).unwrap();
        assert_ne!(answered.await.unwrap(), std::thread::current().id());
        task.ended().await;
        assert!(task.is_ended());

        let (tell, heard) = oneshot::channel::<()>();
        let task = spawn(
            "apart",
            Box::pin(async move {
                let _tell = tell;
                std::future::pending::<()>().await;
            }),
        );
        drop(task);
        assert!(heard.await.is_err(), "what it held is dropped with it");
    }
}
