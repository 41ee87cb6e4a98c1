//! The decisions as they are applied, for those who act on them.

use std::sync::Arc;

use causeway_api::Generation;
use causeway_state::{LogPosition, Outcome, Request};
use tokio::sync::broadcast;

/// How far the state has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Position {
    /// The index of the last entry that was applied, decisions or not.
    pub index: u64,
    /// The generation of the last decision.
    pub generation: Generation,
}

/// A request that was applied, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Its place in the log.
    pub at: LogPosition,
    /// The request.
    pub request: Arc<Request>,
    /// What became of it.
    pub outcome: Outcome,
}

/// What comes next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// A decision. The state already contains it, and perhaps later ones.
    Decision(Arc<Decision>),
    /// Decisions were missed: this follower was too slow, or the whole state was replaced by a snapshot. Start again
    /// from the state as it is.
    Missed,
}

#[derive(Debug, Clone)]
pub(crate) enum Step {
    Decided(Arc<Decision>),
    Replaced,
}

/// Follows the decisions, in order, from the moment of subscribing.
#[derive(Debug)]
pub struct Decisions {
    steps: broadcast::Receiver<Step>,
}

impl Decisions {
    pub(crate) fn new(steps: broadcast::Receiver<Step>) -> Self {
        Self { steps }
    }

    /// Waits for what comes next; `None` once the log has stopped. May be cancelled.
    pub async fn next(&mut self) -> Option<Next> {
        match self.steps.recv().await {
            Ok(Step::Decided(decision)) => Some(Next::Decision(decision)),
            Ok(Step::Replaced) | Err(broadcast::error::RecvError::Lagged(_)) => Some(Next::Missed),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }

    /// What is there already, without waiting.
    pub fn ready(&mut self) -> Option<Next> {
        match self.steps.try_recv() {
            Ok(Step::Decided(decision)) => Some(Next::Decision(decision)),
            Ok(Step::Replaced) | Err(broadcast::error::TryRecvError::Lagged(_)) => {
                Some(Next::Missed)
            }
            Err(_) => None,
        }
    }
}
