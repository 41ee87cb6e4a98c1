//! Reads name their consistency, on whichever replica: where another one leads, it is asked how far the log was decided, and
//! this one waits until its state has come so far.

use causeway_api::ReplicaId;
use openraft::ReadPolicy;
use openraft::errors::{LinearizableReadError, RaftError};
use serde::{Deserialize, Serialize};

use super::Consensus;
use crate::error::ReadError;
use crate::network;
use crate::peers::{PeerCall, PeerCallKind, ReplicaNode};

/// What a read promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Consistency {
    /// What this replica has, which may be behind; answered without a quorum.
    #[default]
    Local,
    /// All that was decided, as long as clocks run at nearly one speed: the leader trusts that it is one until the end of
    /// what a majority granted it.
    Lease,
    /// All that was decided before the read, whatever clocks do: a majority confirms the leader.
    Linearizable,
}

/// The answer of a leader, or of one that is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Confirmed {
    /// The log was decided up to this entry.
    UpTo(u64),
    /// It leads not, or no majority confirms it.
    No,
    /// Its log has stopped.
    Stopped(String),
}

enum Asked {
    UpTo(u64),
    Elsewhere(ReplicaId, ReplicaNode),
    NoQuorum,
    Stopped(String),
}

impl Consensus {
    /// Waits until a [`Consensus::read`] after it is *linearizable*.
    ///
    /// # Errors
    /// [`ReadError`] where it is not so.
    pub async fn linearizable(&self) -> Result<(), ReadError> {
        self.confirm(Consistency::Linearizable).await
    }

    /// Waits until a [`Consensus::read`] after it has the promised consistency.
    ///
    /// # Errors
    /// [`ReadError`] where it has not within the limit of a proposal.
    pub async fn confirm(&self, consistency: Consistency) -> Result<(), ReadError> {
        if consistency == Consistency::Local {
            return Ok(());
        }
        let waited = self.inner.settings.propose_limit;
        let deadline = self.inner.env.now().plus(waited);
        let mut elsewhere = None;
        loop {
            let left = deadline.since(self.inner.env.now());
            let asked = self.ask(consistency);
            let asked = self.inner.env.timeout(left, asked).await;
            let answer = match asked.unwrap_or(Asked::NoQuorum) {
                Asked::Elsewhere(leader, node) => {
                    elsewhere = Some((leader, node.address.clone()));
                    let left = deadline.since(self.inner.env.now());
                    let asked = self.ask_leader(leader, &node, consistency);
                    let asked = self.inner.env.timeout(left, asked).await;
                    asked.unwrap_or(Confirmed::No)
                }
                Asked::UpTo(index) => Confirmed::UpTo(index),
                Asked::NoQuorum => Confirmed::No,
                Asked::Stopped(reason) => Confirmed::Stopped(reason),
            };
            match answer {
                Confirmed::UpTo(index) => {
                    if self.applied_here(index, deadline).await {
                        return Ok(());
                    }
                }
                Confirmed::No => {}
                Confirmed::Stopped(reason) => return Err(ReadError::Stopped(reason)),
            }
            if !self.wait_until(deadline).await {
                return Err(match elsewhere {
                    Some((leader, address)) => ReadError::NotLeader { leader, address },
                    None => ReadError::NoQuorum { waited },
                });
            }
        }
    }

    async fn ask(&self, consistency: Consistency) -> Asked {
        let policy = match consistency {
            Consistency::Lease => ReadPolicy::LeaseRead,
            _ => ReadPolicy::ReadIndex,
        };
        let (raft, life) = (self.raft(), self.life());
        match raft.ensure_linearizable(policy).await {
            Ok(read) => Asked::UpTo(read.log_id().index),
            Err(RaftError::APIError(LinearizableReadError::ForwardToLeader(to))) => {
                match (to.leader_id.map(ReplicaId), to.leader_node) {
                    (Some(leader), Some(node)) if leader != self.inner.client.replica => {
                        Asked::Elsewhere(leader, node)
                    }
                    _ => Asked::NoQuorum,
                }
            }
            Err(RaftError::APIError(LinearizableReadError::QuorumNotEnough(_))) => Asked::NoQuorum,
            Err(RaftError::Fatal(_)) if self.lives_again(life).await => Asked::NoQuorum,
            Err(RaftError::Fatal(fatal)) => Asked::Stopped(fatal.to_string()),
        }
    }

    async fn ask_leader(
        &self,
        leader: ReplicaId,
        node: &ReplicaNode,
        consistency: Consistency,
    ) -> Confirmed {
        let Ok(body) = postcard::to_stdvec(&consistency) else {
            return Confirmed::No;
        };
        let kind = PeerCallKind::Read;
        let peers = &self.inner.ground.peers;
        let answer = peers.call(leader, node, PeerCall { kind, body }).await;
        match answer.map(|answer| postcard::from_bytes(&answer)) {
            Ok(Ok(Confirmed::UpTo(index))) => Confirmed::UpTo(index),
            // Its trouble is not this one's.
            _ => Confirmed::No,
        }
    }

    /// Answers another replica that is read.
    pub(super) async fn take_read(&self, body: &[u8]) -> Result<Confirmed, String> {
        let consistency: Consistency = network::read(body)?;
        let limit = self.inner.settings.propose_limit;
        let asked = self.inner.env.timeout(limit, self.ask(consistency)).await;
        Ok(match asked {
            Ok(Asked::UpTo(index)) => Confirmed::UpTo(index),
            Ok(Asked::Stopped(reason)) => Confirmed::Stopped(reason),
            Ok(Asked::Elsewhere(..) | Asked::NoQuorum) | Err(_) => Confirmed::No,
        })
    }
}
