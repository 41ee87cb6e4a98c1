//! A replica's end: accepts sessions of agents.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use causeway_api::session::{FromAgent, FromReplica};
use causeway_seam::real::net;
use causeway_seam::transport::{Accept, Connection};
use causeway_seam::{Env, TaskHandle};
use causeway_wire::limits::MESSAGE_BYTES;
use causeway_wire::proto::session_server::{Session, SessionServer};
use causeway_wire::proto::{AgentMessage, ReplicaMessage};
use futures::{Stream, StreamExt};
use rustls::ServerConfig;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;
use tonic::{Request, Response, Status, Streaming};

use super::handshake::{self, Peer};
use super::pump::Ends;
use super::tls::{self, CertificateError};
use super::{CONNECTION_WINDOW, KEEP_ALIVE, QUEUE, STREAM_WINDOW};
use crate::certs::Role;
use crate::certs::tls::Pems;

/// How many sessions may wait to be taken up.
const WAITING: usize = 1_024;

type AgentConnection = Connection<FromReplica, FromAgent>;

/// Why a replica cannot accept sessions.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Its certificate.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// Its address.
    #[error(transparent)]
    Address(#[from] io::Error),
}

/// Accepts sessions. Dropping it ends all of them.
#[derive(Debug)]
pub struct TonicListener {
    address: SocketAddr,
    sessions: mpsc::Receiver<AgentConnection>,
    ended: CancellationToken,
    server: Option<TaskHandle>,
}

impl TonicListener {
    /// Listens on `address`, such as `0.0.0.0:7443`; port 0 lets the system choose.
    ///
    /// # Errors
    /// [`BindError`] where the certificate cannot serve, or the address cannot be listened on.
    pub async fn bind(env: &Env, address: &str, pems: &Pems) -> Result<Self, BindError> {
        Self::bind_with(env, address, pems, MESSAGE_BYTES).await
    }

    /// The same with another limit for messages.
    pub(super) async fn bind_with(
        env: &Env,
        address: &str,
        pems: &Pems,
        limit: usize,
    ) -> Result<Self, BindError> {
        let config = tls::server(pems, env.wall())?;
        let tcp = net::listen(address).await?;
        let address = tcp.local_addr()?;
        let (tell, sessions) = mpsc::channel(WAITING);
        let ended = CancellationToken::new();
        let service = Service {
            env: env.clone(),
            tell,
            ended: ended.clone(),
            limit,
        };
        let serve = serve(env.clone(), tcp, config, service, ended.clone());
        Ok(Self {
            address,
            sessions,
            ended,
            server: Some(env.spawn("session server", serve)),
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends all sessions and returns once the port is free and the last message was sent.
    pub async fn stop(mut self) {
        self.ended.cancel();
        if let Some(mut server) = self.server.take() {
            server.ended().await;
        }
    }
}

impl Drop for TonicListener {
    fn drop(&mut self) {
        self.ended.cancel();
        // It has to say goodbye, and ends by itself after that.
        if let Some(server) = self.server.take() {
            server.detach();
        }
    }
}

#[async_trait]
impl Accept<FromReplica, FromAgent> for TonicListener {
    async fn accept(&mut self) -> Option<AgentConnection> {
        self.sessions.recv().await
    }
}

async fn serve(
    env: Env,
    tcp: net::Listener,
    config: Arc<ServerConfig>,
    service: Service,
    ended: CancellationToken,
) {
    let (connections, mut accepting) = handshake::accept(&env, tcp, config);
    let limit = service.limit;
    let service = SessionServer::new(service)
        .max_decoding_message_size(limit)
        // Checked before, with a better word.
        .max_encoding_message_size(usize::MAX);
    let served = Server::builder()
        .http2_keepalive_interval(Some(KEEP_ALIVE))
        .http2_keepalive_timeout(Some(KEEP_ALIVE))
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .add_service(service)
        .serve_with_incoming_shutdown(ReceiverStream::new(connections), ended.cancelled_owned())
        .await;
    if let Err(error) = served {
        tracing::error!(reason = %super::refusal::chain(&error), "sessions are no longer served");
    }
    // Its end frees the port.
    accepting.abort();
    accepting.ended().await;
}

struct Service {
    env: Env,
    tell: mpsc::Sender<AgentConnection>,
    ended: CancellationToken,
    limit: usize,
}

#[async_trait]
impl Session for Service {
    type ConnectStream = Pin<Box<dyn Stream<Item = Result<ReplicaMessage, Status>> + Send>>;

    async fn connect(
        &self,
        request: Request<Streaming<AgentMessage>>,
    ) -> Result<Response<Self::ConnectStream>, Status> {
        let Some(peer) = request.extensions().get::<Peer>().cloned() else {
            return Err(Status::unauthenticated("the connection has no certificate"));
        };
        let remote = peer.address.to_string();
        let member = match peer.identity {
            Some(identity) if identity.role == Role::Member => identity.name.to_string(),
            other => {
                let found =
                    other.map_or_else(|| "nobody".to_owned(), |identity| identity.to_string());
                let reason = format!(
                    "the certificate is of {found}, and sessions are for members: give the agent one of its member"
                );
                tracing::info!(%remote, %reason, "a session was refused");
                return Err(Status::permission_denied(reason));
            }
        };
        let (sender, queue) = mpsc::channel::<FromReplica>(QUEUE);
        let (received, receiver) = mpsc::channel(QUEUE);
        let ends = Ends {
            remote: remote.clone(),
            ended: self.ended.child_token(),
            limit: self.limit,
            received,
        };
        // Weak, so that the session ends with its owner's queues and not with this one.
        let back = sender.downgrade();
        let refuse = move |reason| {
            if let Some(back) = back.upgrade() {
                let retry = false;
                let _ = back.try_send(FromReplica::Refused { reason, retry });
            }
        };
        let connection = Connection {
            remote,
            identity: Some(member),
            sender,
            receiver,
        };
        let reading = ends.clone().incoming(request.into_inner(), refuse);
        let outgoing = ends.outgoing::<_, ReplicaMessage>(queue).map(Ok);
        if self.tell.try_send(connection).is_err() {
            return Err(Status::unavailable(
                "this replica takes no more sessions now: try another",
            ));
        }
        self.env.spawn("session reader", reading).detach();
        Ok(Response::new(Box::pin(outgoing)))
    }
}
