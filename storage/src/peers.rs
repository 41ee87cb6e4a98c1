//! How a replica reaches the others: typed calls that a transport carries.

use std::fmt::Debug;

use async_trait::async_trait;
use causeway_api::ReplicaId;
pub use causeway_api::peer::PeerCallKind;
use serde::{Deserialize, Serialize};

/// Where a replica answers and where it stands; part of the log's membership.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct ReplicaNode {
    /// Where other replicas reach it, as `host:port`.
    pub address: String,
    /// Its declared failure domain; empty: none.
    pub domain: String,
}

/// A call of one replica to another. Its content is the log's own business; a transport carries it as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerCall {
    /// What is called.
    pub kind: PeerCallKind,
    /// The content.
    pub body: Vec<u8>,
}

/// A replica cannot be reached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("replica {replica} is unreachable: {reason}")]
pub struct PeerError {
    /// Which.
    pub replica: ReplicaId,
    /// Why.
    pub reason: String,
}

/// Carries calls to other replicas. Calls to one replica arrive in the order in which they were made.
#[async_trait]
pub trait Peers: Send + Sync + 'static {
    /// Makes a call and returns the answer's content.
    ///
    /// # Errors
    /// [`PeerError`] where no answer came. An unreachable replica must never look like one that grants.
    async fn call(
        &self,
        replica: ReplicaId,
        node: &ReplicaNode,
        call: PeerCall,
    ) -> Result<Vec<u8>, PeerError>;
}

/// For a replica that is alone: nobody is reached.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoPeers;

#[async_trait]
impl Peers for NoPeers {
    async fn call(
        &self,
        replica: ReplicaId,
        _node: &ReplicaNode,
        _call: PeerCall,
    ) -> Result<Vec<u8>, PeerError> {
        Err(PeerError {
            replica,
            reason: "this replica was started alone".into(),
        })
    }
}
