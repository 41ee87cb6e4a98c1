//! The member's Lease: who may write, and the epoch that fences everybody else.
//!
//! No wall clock is compared with another machine's: a standby measures by its own monotonic clock how long the
//! Lease has not changed. The holder fences itself: it stops before its Lease can have passed to another. The epoch
//! stands in the Lease and rises with each taking, above whatever anybody has heard of.

mod record;
mod task;

use std::sync::Arc;
use std::time::Duration;

use causeway_seam::{Env, Monotonic, TaskHandle};
use tokio::sync::{Notify, watch};

/// Which Lease, and whose.
#[derive(Debug, Clone)]
pub struct LeaseOptions {
    /// Its namespace, created where it is absent: `causeway-system`.
    pub namespace: String,
    /// Its name: `causeway-agent`.
    pub name: String,
    /// Who takes it: unique for each process, such as the pod's name and a random part.
    pub identity: String,
    /// How long after its last sign of life a holder is taken for gone.
    pub duration: Duration,
    /// How often the holder renews; at most a third of `duration`.
    pub renew_every: Duration,
}

impl LeaseOptions {
    /// The usual Lease, for `identity`.
    #[must_use]
    pub fn new(identity: &str) -> Self {
        Self {
            namespace: causeway_api::spec::defaults::ROOT_NAMESPACE.to_owned(),
            name: "causeway-agent".to_owned(),
            identity: identity.to_owned(),
            duration: Duration::from_secs(15),
            renew_every: Duration::from_secs(4),
        }
    }
}

/// What a process is to its member's Lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeaseState {
    /// Another holds it, or nothing is known yet.
    Standby {
        /// Who, where it is known.
        holder: Option<String>,
        /// What is in the way of reading or taking it, with the remedy.
        problem: Option<String>,
    },
    /// It is ours, until `until` by this process's own clock: no write may be sent later.
    Held {
        /// The epoch that was taken with it.
        epoch: u64,
        /// The end, unless it is renewed before.
        until: Monotonic,
    },
}

impl LeaseState {
    /// The epoch, where the Lease is ours at `now`.
    #[must_use]
    pub fn epoch_at(&self, now: Monotonic) -> Option<u64> {
        match self {
            Self::Held { epoch, until } if now < *until => Some(*epoch),
            _ => None,
        }
    }
}

/// The task that takes and renews the Lease. Dropped, it stops; [`Lease::release`] also lets the next one in at once.
pub struct Lease {
    state: watch::Receiver<LeaseState>,
    heard: Arc<watch::Sender<u64>>,
    leave: Arc<Notify>,
    task: TaskHandle,
}

impl Lease {
    /// Begins to take the Lease.
    #[must_use]
    pub fn start(env: &Env, client: kube::Client, options: LeaseOptions) -> Self {
        let (say, state) = watch::channel(LeaseState::Standby {
            holder: None,
            problem: None,
        });
        let heard = Arc::new(watch::Sender::new(0));
        let leave = Arc::new(Notify::new());
        let task = task::Task::new(
            env.clone(),
            client,
            options,
            say,
            heard.subscribe(),
            leave.clone(),
        );
        Self {
            state,
            heard,
            leave,
            task: env.spawn("lease", task.run()),
        }
    }

    /// Follows the state. For the writer, and for the agent's facts (their epoch is this one).
    #[must_use]
    pub fn state(&self) -> watch::Receiver<LeaseState> {
        self.state.clone()
    }

    /// Somebody has heard of this epoch for this member (a replica that holds facts of it, an object's stamp). Where
    /// it is higher than ours, ours is raised above it: a Lease that was deleted starts again at 0.
    pub fn hear(&self, epoch: u64) {
        hear(&self.heard, epoch);
    }

    /// For the writer: state, and the way to raise the epoch where an object bears a higher one.
    #[must_use]
    pub fn fence(&self) -> Fence {
        Fence {
            state: self.state(),
            heard: Some(self.heard.clone()),
        }
    }

    /// Gives the Lease back and ends the task.
    pub async fn release(mut self) {
        self.leave.notify_one();
        self.task.ended().await;
    }
}

fn hear(heard: &watch::Sender<u64>, epoch: u64) {
    heard.send_if_modified(|heard| {
        let higher = epoch > *heard;
        *heard = (*heard).max(epoch);
        higher
    });
}

/// What a writer is fenced by.
#[derive(Debug, Clone)]
pub struct Fence {
    state: watch::Receiver<LeaseState>,
    heard: Option<Arc<watch::Sender<u64>>>,
}

impl Fence {
    /// The epoch, where writing is allowed at `now`.
    pub(crate) fn epoch_at(&self, now: Monotonic) -> Option<u64> {
        self.state.borrow().epoch_at(now)
    }

    /// How long writing is allowed from `now`.
    pub(crate) fn left_at(&self, now: Monotonic) -> Duration {
        match *self.state.borrow() {
            LeaseState::Held { until, .. } => until.since(now),
            LeaseState::Standby { .. } => Duration::ZERO,
        }
    }

    /// Who holds it, for people.
    pub(crate) fn standby(&self) -> Option<String> {
        match &*self.state.borrow() {
            LeaseState::Held { .. } => None,
            LeaseState::Standby { holder, problem } => Some(match (problem, holder) {
                (Some(problem), _) => problem.clone(),
                (None, Some(holder)) => format!("{holder} holds the Lease of this member"),
                (None, None) => "the Lease of this member is not taken yet".to_owned(),
            }),
        }
    }

    /// Returns when the state changed; never, once nobody changes it any more.
    pub(crate) async fn changed(&mut self) {
        if self.state.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    pub(crate) fn hear(&self, epoch: u64) {
        if let Some(heard) = &self.heard {
            hear(heard, epoch);
        }
    }
}

/// A fence that cannot raise its own epoch: for a member that is claimed in another way, and for tests.
impl From<watch::Receiver<LeaseState>> for Fence {
    fn from(state: watch::Receiver<LeaseState>) -> Self {
        Self { state, heard: None }
    }
}

impl From<&Lease> for Fence {
    fn from(lease: &Lease) -> Self {
        lease.fence()
    }
}
