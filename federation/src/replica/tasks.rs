//! The tasks of a replica, by what ends them: that it stops, or before that, that it has no part in its clusterset any more.

use std::sync::Mutex;

use causeway_seam::TaskHandle;

use super::sessions::lock;

/// What ends a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    /// It decides, observes, or speaks for the clusterset: a replica without a part in it does none of that.
    Left,
    /// It tells people and agents how things are, to the last.
    Stopped,
}

/// All tasks of one replica.
#[derive(Default)]
pub(super) struct Tasks(Mutex<Vec<(Until, TaskHandle)>>);

impl Tasks {
    /// One more.
    pub(super) fn add(&self, until: Until, task: TaskHandle) {
        lock(&self.0).push((until, task));
    }

    /// Ends all that a replica without a part has no business with.
    pub(super) fn leave(&self) {
        let ended: Vec<(Until, TaskHandle)> = {
            let mut tasks = lock(&self.0);
            let all = tasks.drain(..);
            let (ended, kept) = all.partition(|(until, _)| *until == Until::Left);
            *tasks = kept;
            ended
        };
        drop(ended);
    }

    /// One that has ended by itself, which none ever should.
    pub(super) fn ended(&self) -> Option<&'static str> {
        let tasks = lock(&self.0);
        let ended = tasks.iter().find(|(_, task)| task.is_ended());
        ended.map(|(_, task)| task.name())
    }

    /// Ends all at once.
    pub(super) fn kill(&self) {
        drop(std::mem::take(&mut *lock(&self.0)));
    }

    /// Ends all, and waits for it.
    pub(super) async fn stop(&self) {
        let tasks = std::mem::take(&mut *lock(&self.0));
        for (_, mut task) in tasks {
            task.abort();
            task.ended().await;
        }
    }
}
