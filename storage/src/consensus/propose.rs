//! Proposing a command: on whichever replica, with a limit of time, and with the same serial however often and wherever it
//! is sent.

use std::sync::Arc;
use std::time::Duration;

use causeway_api::{Generation, ReplicaId};
use causeway_seam::Monotonic;
use causeway_state::{Command, LogPosition, Outcome, Request};
use openraft::async_runtime::watch::WatchReceiver;
use openraft::errors::{ClientWriteError, ForwardToLeader, RaftError};
use serde::{Deserialize, Serialize};

use super::Consensus;
use crate::error::ProposeError;
use crate::network;
use crate::peers::{PeerCall, PeerCallKind, ReplicaNode};
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

/// What one sending of a proposal led to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(clippy::large_enum_variant, reason = "nearly all are decided")]
pub(super) enum Sent {
    /// It was decided.
    Decided(LogPosition, Outcome),
    /// Nobody took it: another leads, or nobody does.
    NotHere,
    /// It may be decided yet, by another leader.
    Unsure,
    /// It was not proposed, and will not be.
    Refused(String),
    /// The log has stopped.
    Stopped(String),
}

impl Consensus {
    /// Proposes a command and waits until it is decided and applied here; where another replica leads, it is forwarded to
    /// that one. Sent again with the same serial where the lead changes, so it is applied once; a [`Outcome::Duplicate`]
    /// then says that an earlier sending was applied.
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
        let turn = inner.env.timeout(limit, inner.turns.take()).await;
        let turn = turn.map_err(|_| ProposeError::NoLeader { waited: limit })?;
        let request = Arc::new(Request {
            client: turn.client,
            serial: turn.serial,
            command,
        });
        self.admit(&request)?;
        let mut unsure = false;
        let mut elsewhere = None;
        loop {
            let left = deadline.since(inner.env.now());
            let sending = self.send(&request, &mut elsewhere);
            match inner.env.timeout(left, sending).await {
                Err(_) => return Err(ProposeError::Unknown { waited: limit }),
                Ok(Sent::Decided(at, outcome)) => {
                    self.applied_here(at.index, deadline).await;
                    return Ok(self.answered(at, outcome));
                }
                Ok(Sent::NotHere) => {}
                Ok(Sent::Unsure) => unsure = true,
                Ok(Sent::Refused(reason)) => return Err(ProposeError::Refused(reason)),
                Ok(Sent::Stopped(reason)) => return Err(ProposeError::Stopped(reason)),
            }
            if !self.wait_until(deadline).await {
                return Err(match elsewhere {
                    _ if unsure => ProposeError::Unknown { waited: limit },
                    Some((leader, address)) => ProposeError::NotLeader { leader, address },
                    None => ProposeError::NoLeader { waited: limit },
                });
            }
        }
    }

    /// Sends a proposal once: to the log of this replica, or to the leader's.
    async fn send(
        &self,
        request: &Arc<Request>,
        elsewhere: &mut Option<(ReplicaId, String)>,
    ) -> Sent {
        // Two changes of tasks less than to hear the same from the log.
        let known = self.leader_elsewhere();
        if let Some((leader, node)) = &known {
            *elsewhere = Some((*leader, node.address.clone()));
            match Box::pin(self.forward(*leader, node, request)).await {
                Sent::NotHere => {}
                sent => return sent,
            }
        }
        match self.write(request).await {
            Ok(sent) => sent,
            Err(to) => {
                let (Some(leader), Some(node)) = (to.leader_id.map(ReplicaId), to.leader_node)
                else {
                    return Sent::NotHere;
                };
                let asked = known.is_some_and(|(asked, _)| asked == leader);
                if asked || leader == self.inner.client.replica {
                    return Sent::NotHere;
                }
                *elsewhere = Some((leader, node.address.clone()));
                Box::pin(self.forward(leader, &node, request)).await
            }
        }
    }

    /// The leader, as far as this replica knows, if it is another one.
    fn leader_elsewhere(&self) -> Option<(ReplicaId, ReplicaNode)> {
        let metrics = self.raft().metrics();
        let metrics = metrics.borrow_watched();
        let leader = metrics.current_leader?;
        let node = metrics.membership_config.membership().get_node(&leader)?;
        let elsewhere = leader != self.inner.client.replica.0;
        elsewhere.then(|| (ReplicaId(leader), node.clone()))
    }

    /// Writes a proposal to the log of this replica, behind the time that has passed until now, or says who leads
    /// instead.
    async fn write(&self, request: &Arc<Request>) -> Result<Sent, ForwardToLeader<Types>> {
        self.count_before(&request.command).await;
        self.append(request).await
    }

    /// Writes a proposal to the log of this replica, or says who leads instead.
    pub(super) async fn append(
        &self,
        request: &Arc<Request>,
    ) -> Result<Sent, ForwardToLeader<Types>> {
        let (raft, life) = (self.raft(), self.life());
        Ok(
            match raft.client_write(Proposal(Arc::clone(request))).await {
                Ok(response) => {
                    let at = LogPosition {
                        term: response.log_id.leader_id.term,
                        index: response.log_id.index,
                    };
                    match response.data {
                        Some(outcome) => Sent::Decided(at, outcome),
                        None => Sent::Stopped("a request had no outcome".into()),
                    }
                }
                Err(RaftError::Fatal(_)) if self.lives_again(life).await => Sent::Unsure,
                Err(RaftError::Fatal(fatal)) => Sent::Stopped(fatal.to_string()),
                Err(RaftError::APIError(ClientWriteError::ForwardToLeader(to))) => return Err(to),
                // Its entry was replaced by another leader's, or is yet to be committed by that one.
                Err(RaftError::APIError(ClientWriteError::LogEntryDiscarded(_))) => Sent::Unsure,
                Err(RaftError::APIError(other)) => Sent::Stopped(other.to_string()),
            },
        )
    }

    /// Sends a proposal to the leader, and gives up once another one leads.
    async fn forward(&self, leader: ReplicaId, node: &ReplicaNode, request: &Arc<Request>) -> Sent {
        let body = match postcard::to_stdvec(request.as_ref()) {
            Ok(body) => body,
            Err(error) => return Sent::Refused(error.to_string()),
        };
        let kind = PeerCallKind::Propose;
        let mut lead = self.inner.lead.clone();
        let call = self
            .inner
            .ground
            .peers
            .call(leader, node, PeerCall { kind, body });
        tokio::select! {
            biased;
            answer = call => match answer.map(|answer| postcard::from_bytes(&answer)) {
                Ok(Ok(sent)) => sent,
                // Whether it arrived is not known.
                _ => Sent::Unsure,
            },
            _ = lead.wait_for(|lead| lead.leader != Some(leader.0)) => Sent::Unsure,
        }
    }

    /// Proposes what another replica forwarded.
    pub(super) async fn take_proposal(&self, body: &[u8]) -> Result<Sent, String> {
        let request: Request = network::read(body)?;
        if let Err(error) = self.admit(&request) {
            return Ok(Sent::Refused(error.to_string()));
        }
        let limit = self.inner.settings.propose_limit;
        let request = Arc::new(request);
        let write = self.write(&request);
        Ok(match self.inner.env.timeout(limit, write).await {
            Ok(Ok(sent)) => sent,
            Ok(Err(_)) => Sent::NotHere,
            Err(_) => Sent::Unsure,
        })
    }

    /// Waits until this replica's state contains an entry.
    pub(super) async fn applied_here(&self, index: u64, deadline: Monotonic) -> bool {
        let left = deadline.since(self.inner.env.now());
        let mut position = self.position();
        let applied = position.wait_for(|position| position.index >= index);
        matches!(self.inner.env.timeout(left, applied).await, Ok(Ok(_)))
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

    /// Waits a moment; `false` once the deadline has passed.
    pub(super) async fn wait_until(&self, deadline: Monotonic) -> bool {
        let left = deadline.since(self.inner.env.now());
        self.inner.env.sleep(AGAIN.min(left)).await;
        !left.is_zero()
    }
}
