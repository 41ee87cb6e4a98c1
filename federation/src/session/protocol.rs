//! What differs between the protocols that run over one kind of connection: who dials whom, and with which messages.
//! Everything else of a connection is shared.

use std::pin::Pin;

use async_trait::async_trait;
use causeway_api::peer::{FromPeer, ToPeer};
use causeway_api::session::{FromAgent, FromReplica};
use causeway_wire::proto::peer_client::PeerClient;
use causeway_wire::proto::peer_server::{Peer as PeerTrait, PeerServer};
use causeway_wire::proto::session_client::SessionClient;
use causeway_wire::proto::session_server::{Session, SessionServer};
use causeway_wire::proto::{self, AgentMessage, ReplicaMessage};
use causeway_wire::{Incoming, Message, WireError};
use futures::Stream;
use tonic::transport::server::Router;
use tonic::transport::{Channel, Server};
use tonic::{Request, Response, Status, Streaming};

use super::listener::Service;
use crate::certs::Role;

/// What goes out of a service.
pub(super) type Outgoing<W> = Pin<Box<dyn Stream<Item = Result<W, Status>> + Send>>;

/// A protocol: a stream of messages each way. Whoever is dialled is always a replica.
#[async_trait]
pub trait Protocol: Sized + Send + Sync + 'static {
    /// What the dialling side says.
    type Asks: Send + 'static;
    /// What the dialled side says.
    type Answers: Send + 'static;
    /// The first on the wire.
    type AsksWire: Message + Default + for<'a> From<&'a Self::Asks> + 'static;
    /// The second on the wire.
    type AnswersWire: Message + Default + for<'a> From<&'a Self::Answers> + 'static;

    /// Who dials.
    const DIALLER: Role;
    /// Who must dial, in a sentence: `sessions are for members: give the agent one of its member`.
    const DIALLERS: &'static str;
    /// Whose certificate is needed to dial.
    const WANTED: &'static str;
    /// The option that names the port.
    const PORT: &'static str;
    /// Whether the dialling side asks whom it reached.
    const MUTUAL: bool;
    /// What the dialled side says to one whose words it cannot read.
    fn refused(reason: String) -> Self::Answers;
    /// Reads what the dialling side says.
    ///
    /// # Errors
    /// [`WireError`] where it cannot be read.
    fn read_asks(wire: Self::AsksWire) -> Result<Incoming<Self::Asks>, WireError>;
    /// Reads what the dialled side says.
    ///
    /// # Errors
    /// [`WireError`] where it cannot be read.
    fn read_answers(wire: Self::AnswersWire) -> Result<Incoming<Self::Answers>, WireError>;
    /// Opens the stream.
    ///
    /// # Errors
    /// What the other side answered.
    async fn open<S>(
        channel: Channel,
        limit: usize,
        outgoing: S,
    ) -> Result<Response<Streaming<Self::AnswersWire>>, Status>
    where
        S: Stream<Item = Self::AsksWire> + Send + 'static;
}

/// A protocol that can be served.
pub(super) trait Served: Protocol {
    fn router(server: Server, service: Service<Self>) -> Router;
}

/// The sessions of agents with replicas.
#[derive(Debug, Clone, Copy)]
pub struct Sessions;

#[async_trait]
impl Protocol for Sessions {
    type Asks = FromAgent;
    type Answers = FromReplica;
    type AsksWire = AgentMessage;
    type AnswersWire = ReplicaMessage;

    const DIALLER: Role = Role::Member;
    const DIALLERS: &'static str = "sessions are for members: give the agent one of its member";
    const WANTED: &'static str = "one of a member";
    const PORT: &'static str = "--listen";
    const MUTUAL: bool = false;

    fn refused(reason: String) -> FromReplica {
        let retry = false;
        FromReplica::Refused { reason, retry }
    }

    fn read_asks(wire: AgentMessage) -> Result<Incoming<FromAgent>, WireError> {
        wire.try_into()
    }

    fn read_answers(wire: ReplicaMessage) -> Result<Incoming<FromReplica>, WireError> {
        wire.try_into()
    }

    async fn open<S>(
        channel: Channel,
        limit: usize,
        outgoing: S,
    ) -> Result<Response<Streaming<ReplicaMessage>>, Status>
    where
        S: Stream<Item = AgentMessage> + Send + 'static,
    {
        let client = SessionClient::new(channel);
        let mut client = client
            .max_decoding_message_size(limit)
            .max_encoding_message_size(usize::MAX);
        client.connect(outgoing).await
    }
}

#[async_trait]
impl Session for Service<Sessions> {
    type ConnectStream = Outgoing<ReplicaMessage>;

    async fn connect(
        &self,
        request: Request<Streaming<AgentMessage>>,
    ) -> Result<Response<Self::ConnectStream>, Status> {
        self.enter(request)
    }
}

impl Served for Sessions {
    fn router(mut server: Server, service: Service<Self>) -> Router {
        let limit = service.limit();
        let service = SessionServer::new(service)
            .max_decoding_message_size(limit)
            // Checked before, with a better word.
            .max_encoding_message_size(usize::MAX);
        server.add_service(service)
    }
}

/// The links among replicas.
#[derive(Debug, Clone, Copy)]
pub struct Links;

#[async_trait]
impl Protocol for Links {
    type Asks = ToPeer;
    type Answers = FromPeer;
    type AsksWire = proto::ToPeer;
    type AnswersWire = proto::FromPeer;

    const DIALLER: Role = Role::Replica;
    const DIALLERS: &'static str = "this port is for replicas: agents use that of --listen";
    const WANTED: &'static str = "one of a replica";
    const PORT: &'static str = "--peer-listen";
    const MUTUAL: bool = true;

    fn refused(reason: String) -> FromPeer {
        let retry = false;
        FromPeer::Refused { reason, retry }
    }

    fn read_asks(wire: proto::ToPeer) -> Result<Incoming<ToPeer>, WireError> {
        wire.try_into()
    }

    fn read_answers(wire: proto::FromPeer) -> Result<Incoming<FromPeer>, WireError> {
        wire.try_into()
    }

    async fn open<S>(
        channel: Channel,
        limit: usize,
        outgoing: S,
    ) -> Result<Response<Streaming<proto::FromPeer>>, Status>
    where
        S: Stream<Item = proto::ToPeer> + Send + 'static,
    {
        let client = PeerClient::new(channel);
        let mut client = client
            .max_decoding_message_size(limit)
            .max_encoding_message_size(usize::MAX);
        client.connect(outgoing).await
    }
}

#[async_trait]
impl PeerTrait for Service<Links> {
    type ConnectStream = Outgoing<proto::FromPeer>;

    async fn connect(
        &self,
        request: Request<Streaming<proto::ToPeer>>,
    ) -> Result<Response<Self::ConnectStream>, Status> {
        self.enter(request)
    }
}

impl Served for Links {
    fn router(mut server: Server, service: Service<Self>) -> Router {
        let limit = service.limit();
        let service = PeerServer::new(service)
            .max_decoding_message_size(limit)
            .max_encoding_message_size(usize::MAX);
        server.add_service(service)
    }
}
