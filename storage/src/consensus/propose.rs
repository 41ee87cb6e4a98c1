//! Proposing a command: with a limit of time, and with the same serial however often it is sent.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use causeway_api::{Generation, ReplicaId};
use causeway_seam::Monotonic;
use causeway_state::{Command, LogPosition, Outcome, Request};
use openraft::errors::{ClientWriteError, ForwardToLeader, RaftError};

use super::Consensus;
use crate::error::ProposeError;
use crate::types::{Proposal, Types};

/// How long to wait before a proposal that found no leader is sent again.
const AGAIN: Duration = Duration::from_millis(20);

/// What became of a proposal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Its place in the log.
    pub at: LogPosition,
    /// Its generation.
    pub generation: Generation,
    /// What became of it.
    pub outcome: Outcome,
}

impl Consensus {
    /// Proposes a command and waits until it is decided and applied here. Sent again with the same serial where the
    /// lead changes, so it is applied once; a [`Outcome::Duplicate`] then says that an earlier sending was applied.
    ///
    /// # Errors
    /// [`ProposeError`]; with [`ProposeError::Unknown`] it may be decided yet. To be safe against cancelling, the
    /// same holds where this future is dropped.
    pub async fn propose(&self, command: Command) -> Result<Answer, ProposeError> {
        let size = Request::size_of(&command);
        if self.is_large(&command, size) {
            return self.propose_large(&command).await;
        }
        self.propose_one(command).await
    }

    /// Proposes a command as one entry.
    pub(super) async fn propose_one(&self, command: Command) -> Result<Answer, ProposeError> {
        let inner = &self.inner;
        let limit = inner.settings.propose_limit;
        let deadline = inner.env.now().plus(limit);
        let stopped = || ProposeError::Stopped("it is being shut down".into());
        let permit = inner.env.timeout(limit, inner.under_way.acquire()).await;
        let _permit = permit
            .map_err(|_| ProposeError::NoLeader { waited: limit })?
            .map_err(|_| stopped())?;
        let request = Arc::new(Request {
            client: inner.client,
            serial: inner.serial.fetch_add(1, Ordering::Relaxed),
            command,
        });
        self.admit(&request)?;
        let mut sent = false;
        loop {
            let left = deadline.since(inner.env.now());
            let write = inner.raft.client_write(Proposal(Arc::clone(&request)));
            let unknown = ProposeError::Unknown { waited: limit };
            match inner.env.timeout(left, write).await {
                Err(_) => return Err(unknown),
                Ok(Ok(response)) => {
                    let at = LogPosition {
                        term: response.log_id.leader_id.term,
                        index: response.log_id.index,
                    };
                    let Some(outcome) = response.data else {
                        return Err(ProposeError::Stopped("a request had no outcome".into()));
                    };
                    return Ok(self.answered(at, outcome));
                }
                Ok(Err(RaftError::Fatal(fatal))) => {
                    return Err(ProposeError::Stopped(fatal.to_string()));
                }
                Ok(Err(RaftError::APIError(ClientWriteError::ForwardToLeader(to)))) => {
                    if let Some(error) = self.elsewhere(&to).filter(|_| !sent) {
                        return Err(error);
                    }
                }
                // Its entry was replaced by another leader's, or is yet to be committed by that one.
                Ok(Err(RaftError::APIError(ClientWriteError::LogEntryDiscarded(_)))) => sent = true,
                Ok(Err(RaftError::APIError(other))) => {
                    return Err(ProposeError::Stopped(other.to_string()));
                }
            }
            if !self.wait_until(deadline).await {
                return Err(if sent {
                    unknown
                } else {
                    ProposeError::NoLeader { waited: limit }
                });
            }
        }
    }

    fn answered(&self, at: LogPosition, outcome: Outcome) -> Answer {
        let generation = match &outcome {
            Outcome::Accepted { generation, .. } => *generation,
            _ => Generation {
                incarnation: self.read(|state| state.incarnation),
                term: at.term,
                index: at.index,
            },
        };
        Answer {
            at,
            generation,
            outcome,
        }
    }

    /// Another replica that leads; `None` where nobody does, or this one is about to.
    fn elsewhere(&self, to: &ForwardToLeader<Types>) -> Option<ProposeError> {
        let leader = ReplicaId(to.leader_id?);
        (leader != self.inner.client.replica).then(|| ProposeError::NotLeader {
            leader,
            address: to
                .leader_node
                .as_ref()
                .map(|node| node.address.clone())
                .unwrap_or_default(),
        })
    }

    /// Waits a moment; `false` once the deadline has passed.
    async fn wait_until(&self, deadline: Monotonic) -> bool {
        let left = deadline.since(self.inner.env.now());
        self.inner.env.sleep(AGAIN.min(left)).await;
        !left.is_zero()
    }
}
