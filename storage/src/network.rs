//! openraft's calls, carried by [`Peers`]; and the answers to those that come in.

use std::future::Future;
use std::sync::Arc;

use causeway_api::ReplicaId;
use openraft::OptionalSend;
use openraft::errors::{RPCError, ReplicationClosed, StreamingError, Unreachable};
use openraft::network::{RPCOption, RaftNetworkFactory, RaftNetworkV2};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, TransferLeaderRequest,
    TransferLeaderResponse, VoteRequest, VoteResponse,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::machine::Machine;
use crate::peers::{PeerCall, PeerCallKind, PeerError, Peers, ReplicaNode};
use crate::types::{Snapshot, SnapshotMeta, Types, Vote};

type Raft = openraft::Raft<Types, Machine>;

/// Makes a link to each replica.
pub(crate) struct Network(pub(crate) Arc<dyn Peers>);

impl RaftNetworkFactory<Types> for Network {
    type Network = Link;

    async fn new_client(&mut self, target: u64, node: &ReplicaNode) -> Link {
        Link {
            peers: Arc::clone(&self.0),
            replica: ReplicaId(target),
            node: node.clone(),
        }
    }
}

/// A link to one replica.
pub(crate) struct Link {
    peers: Arc<dyn Peers>,
    replica: ReplicaId,
    node: ReplicaNode,
}

impl Link {
    /// Calls. Whatever goes wrong means "unreachable", which makes openraft wait before it tries again.
    async fn call<Q: Serialize, A: DeserializeOwned>(
        &self,
        kind: PeerCallKind,
        question: &Q,
    ) -> Result<A, Unreachable<Types>> {
        let failed = |reason: String| {
            Unreachable::new(&PeerError {
                replica: self.replica,
                reason,
            })
        };
        let body = postcard::to_stdvec(question).map_err(|error| failed(error.to_string()))?;
        let call = PeerCall { kind, body };
        let answer = self.peers.call(self.replica, &self.node, call).await;
        let answer = answer.map_err(|error| Unreachable::new(&error))?;
        postcard::from_bytes(&answer)
            .map_err(|error| failed(format!("it answered nonsense: {error}")))
    }
}

impl RaftNetworkV2<Types> for Link {
    type SnapshotData = Vec<u8>;

    async fn append_entries(
        &mut self,
        rpc: AppendEntriesRequest<Types>,
        _option: RPCOption,
    ) -> Result<AppendEntriesResponse<Types>, RPCError<Types>> {
        Ok(self.call(PeerCallKind::Append, &rpc).await?)
    }

    async fn vote(
        &mut self,
        rpc: VoteRequest<Types>,
        _option: RPCOption,
    ) -> Result<VoteResponse<Types>, RPCError<Types>> {
        Ok(self.call(PeerCallKind::Vote, &rpc).await?)
    }

    // The default grants, which would silently disable it.
    async fn pre_vote(
        &mut self,
        rpc: VoteRequest<Types>,
        _option: RPCOption,
    ) -> Result<VoteResponse<Types>, RPCError<Types>> {
        Ok(self.call(PeerCallKind::PreVote, &rpc).await?)
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: Snapshot,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _option: RPCOption,
    ) -> Result<SnapshotResponse<Types>, StreamingError<Types>> {
        let question = (vote, snapshot.meta, snapshot.snapshot);
        tokio::select! {
            biased;
            closed = cancel => Err(StreamingError::Closed(closed)),
            answer = self.call(PeerCallKind::Snapshot, &question) => Ok(answer?),
        }
    }

    // The default says that nobody is reached.
    async fn transfer_leader(
        &mut self,
        req: TransferLeaderRequest<Types>,
        _option: RPCOption,
    ) -> Result<TransferLeaderResponse<Types>, RPCError<Types>> {
        Ok(self.call(PeerCallKind::TransferLeader, &req).await?)
    }
}

/// Answers a call of another replica.
pub(crate) async fn answer(raft: &Raft, call: PeerCall) -> Result<Vec<u8>, String> {
    let body = call.body.as_slice();
    match call.kind {
        PeerCallKind::Append => write(raft.append_entries(read(body)?).await),
        PeerCallKind::Vote => write(raft.vote(read(body)?).await),
        PeerCallKind::PreVote => write(raft.pre_vote(read(body)?).await),
        PeerCallKind::Snapshot => {
            let (vote, meta, snapshot): (Vote, SnapshotMeta, Vec<u8>) = read(body)?;
            let snapshot = Snapshot { meta, snapshot };
            write(raft.install_full_snapshot(vote, snapshot).await)
        }
        PeerCallKind::TransferLeader => write(raft.handle_transfer_leader(read(body)?).await),
        PeerCallKind::Propose => Err("proposals are not taken here".into()),
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    postcard::from_bytes(body).map_err(|error| format!("the call cannot be read: {error}"))
}

fn write<T: Serialize, E: std::fmt::Display>(answer: Result<T, E>) -> Result<Vec<u8>, String> {
    let answer = answer.map_err(|error| error.to_string())?;
    postcard::to_stdvec(&answer).map_err(|error| error.to_string())
}
