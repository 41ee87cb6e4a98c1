//! openraft's calls, carried by [`Peers`]; and the answers to those that come in.
//!
//! * `pipeline`: entries are sent without waiting for the answers to those before;
//! * `snapshots`: a snapshot goes in pieces, and a transfer that broke off goes on where it was.

mod pipeline;
pub(crate) mod snapshots;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use causeway_api::ReplicaId;
use causeway_seam::Env;
use futures::Stream;
use openraft::OptionalSend;
use openraft::base::{BoxFuture, BoxStream};
use openraft::errors::{RPCError, ReplicationClosed, StreamingError, Unreachable};
use openraft::network::{RPCOption, RaftNetworkFactory, RaftNetworkV2};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, StreamAppendResult,
    TransferLeaderRequest, TransferLeaderResponse, VoteRequest, VoteResponse,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::machine::Machine;
use crate::peers::{PeerCall, PeerCallKind, PeerError, Peers, ReplicaNode};
use crate::snapshot::Image;
use crate::types::{Snapshot, Types, Vote};
use snapshots::Transfers;

pub(crate) type Raft = openraft::Raft<Types, Machine>;

/// Makes a link to each replica.
pub(crate) struct Network {
    pub(crate) env: Env,
    pub(crate) peers: Arc<dyn Peers>,
    /// How long an answer may take.
    pub(crate) patience: Duration,
    pub(crate) transfers: Arc<Transfers>,
}

impl RaftNetworkFactory<Types> for Network {
    type Network = Link;

    async fn new_client(&mut self, target: u64, node: &ReplicaNode) -> Link {
        Link {
            env: self.env.clone(),
            peers: Arc::clone(&self.peers),
            patience: self.patience,
            transfers: Arc::clone(&self.transfers),
            replica: ReplicaId(target),
            node: node.clone(),
        }
    }
}

/// A link to one replica.
#[derive(Clone)]
pub(crate) struct Link {
    env: Env,
    peers: Arc<dyn Peers>,
    patience: Duration,
    transfers: Arc<Transfers>,
    replica: ReplicaId,
    node: ReplicaNode,
}

impl Link {
    fn failed(&self, reason: impl Into<String>) -> Unreachable<Types> {
        Unreachable::new(&PeerError {
            replica: self.replica,
            reason: reason.into(),
        })
    }

    /// Calls, and waits for the answer for `limit`. Whatever goes wrong means "unreachable", which makes openraft wait
    /// before it tries again.
    async fn raw(
        &self,
        kind: PeerCallKind,
        body: Vec<u8>,
        limit: Duration,
    ) -> Result<Vec<u8>, Unreachable<Types>> {
        let call = self
            .peers
            .call(self.replica, &self.node, PeerCall { kind, body });
        let answer = self.env.timeout(limit, call).await;
        let answer = answer.map_err(|elapsed| self.failed(elapsed.to_string()))?;
        answer.map_err(|error| Unreachable::new(&error))
    }

    async fn call<Q: Serialize, A: DeserializeOwned>(
        &self,
        kind: PeerCallKind,
        question: &Q,
    ) -> Result<A, Unreachable<Types>> {
        let body = postcard::to_stdvec(question).map_err(|error| self.failed(error.to_string()))?;
        let answer = self.raw(kind, body, self.patience).await?;
        self.understood(&answer)
    }

    fn understood<A: DeserializeOwned>(&self, answer: &[u8]) -> Result<A, Unreachable<Types>> {
        postcard::from_bytes(answer)
            .map_err(|error| self.failed(format!("it answered nonsense: {error}")))
    }
}

impl RaftNetworkV2<Types> for Link {
    type SnapshotData = Arc<Image>;

    async fn append_entries(
        &mut self,
        rpc: AppendEntriesRequest<Types>,
        _option: RPCOption,
    ) -> Result<AppendEntriesResponse<Types>, RPCError<Types>> {
        Ok(self.call(PeerCallKind::Append, &rpc).await?)
    }

    // The default waits for each answer before it sends the next entries: twice the delay for each write.
    fn stream_append<'s, S>(
        &'s mut self,
        input: S,
        _option: RPCOption,
    ) -> BoxFuture<
        's,
        Result<BoxStream<'s, Result<StreamAppendResult<Types>, RPCError<Types>>>, RPCError<Types>>,
    >
    where
        S: Stream<Item = AppendEntriesRequest<Types>> + OptionalSend + Unpin + 'static,
    {
        let answers: BoxStream<'s, _> = Box::pin(pipeline::run(self.clone(), input));
        Box::pin(std::future::ready(Ok(answers)))
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
        tokio::select! {
            biased;
            closed = cancel => Err(StreamingError::Closed(closed)),
            answer = snapshots::send(self, vote, snapshot) => Ok(answer?),
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

/// Answers a call of another replica's log.
pub(crate) async fn answer(
    raft: Raft,
    transfers: &Transfers,
    call: PeerCall,
) -> Result<Vec<u8>, String> {
    let body = call.body.as_slice();
    match call.kind {
        PeerCallKind::Append => write(raft.append_entries(read(body)?).await),
        PeerCallKind::Vote => write(raft.vote(read(body)?).await),
        PeerCallKind::PreVote => write(raft.pre_vote(read(body)?).await),
        PeerCallKind::Snapshot => snapshots::take(&raft, transfers, body).await,
        PeerCallKind::TransferLeader => write(raft.handle_transfer_leader(read(body)?).await),
        PeerCallKind::Propose | PeerCallKind::Change | PeerCallKind::Read => {
            Err("this is no call of the log itself".into())
        }
    }
}

pub(crate) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    postcard::from_bytes(body).map_err(|error| format!("the call cannot be read: {error}"))
}

fn write<T: Serialize, E: std::fmt::Display>(answer: Result<T, E>) -> Result<Vec<u8>, String> {
    let answer = answer.map_err(|error| error.to_string())?;
    postcard::to_stdvec(&answer).map_err(|error| error.to_string())
}
