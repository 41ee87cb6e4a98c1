//! The end that is dialled: a replica's, by agents or by other replicas.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use causeway_seam::real::net;
use causeway_seam::transport::{Accept, Connection};
use causeway_seam::{Env, TaskHandle};
use causeway_wire::limits::MESSAGE_BYTES;
use futures::StreamExt;
use rustls::ServerConfig;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;
use tonic::{Request, Response, Status, Streaming};

use super::handshake::{self, Peer};
use super::protocol::{Links, Outgoing, Protocol, Served, Sessions};
use super::pump::Ends;
use super::tls::{self, CertificateError};
use super::{CONNECTION_WINDOW, KEEP_ALIVE, QUEUE, STREAM_WINDOW};
use crate::certs::tls::Pems;

/// How many sessions may wait to be taken up.
const WAITING: usize = 1_024;

type Accepted<P> = Connection<<P as Protocol>::Answers, <P as Protocol>::Asks>;

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

/// Accepts sessions of agents. Dropping it ends all of them.
pub type TonicListener = Listener<Sessions>;

/// Accepts links of other replicas. Dropping it ends all of them.
pub type PeerListener = Listener<Links>;

/// Accepts connections. Dropping it ends all of them.
#[derive(Debug)]
pub struct Listener<P: Protocol> {
    address: SocketAddr,
    sessions: mpsc::Receiver<Accepted<P>>,
    ended: CancellationToken,
    server: Option<TaskHandle>,
}

#[allow(private_bounds)]
impl<P: Served> Listener<P> {
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
        let service = Service::<P> {
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

impl<P: Protocol> Drop for Listener<P> {
    fn drop(&mut self) {
        self.ended.cancel();
        // It has to say goodbye, and ends by itself after that.
        if let Some(server) = self.server.take() {
            server.detach();
        }
    }
}

#[async_trait]
impl<P: Protocol> Accept<P::Answers, P::Asks> for Listener<P> {
    async fn accept(&mut self) -> Option<Accepted<P>> {
        self.sessions.recv().await
    }
}

async fn serve<P: Served>(
    env: Env,
    tcp: net::Listener,
    config: Arc<ServerConfig>,
    service: Service<P>,
    ended: CancellationToken,
) {
    let (connections, mut accepting) = handshake::accept(&env, tcp, config);
    let server = Server::builder()
        .http2_keepalive_interval(Some(KEEP_ALIVE))
        .http2_keepalive_timeout(Some(KEEP_ALIVE))
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW);
    let served = P::router(server, service)
        .serve_with_incoming_shutdown(connections, ended.cancelled_owned())
        .await;
    if let Err(error) = served {
        tracing::error!(reason = %super::refusal::chain(&error), "sessions are no longer served");
    }
    // Its end frees the port.
    accepting.abort();
    accepting.ended().await;
}

/// What is called by those who dial.
pub(super) struct Service<P: Protocol> {
    env: Env,
    tell: mpsc::Sender<Accepted<P>>,
    ended: CancellationToken,
    limit: usize,
}

impl<P: Protocol> Service<P> {
    /// The largest message, in bytes.
    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// Takes a connection up, if its certificate fits.
    pub(super) fn enter(
        &self,
        request: Request<Streaming<P::AsksWire>>,
    ) -> Result<Response<Outgoing<P::AnswersWire>>, Status> {
        let Some(peer) = request.extensions().get::<Peer>().cloned() else {
            return Err(Status::unauthenticated("the connection has no certificate"));
        };
        let remote = peer.address.to_string();
        let name = match peer.identity {
            Some(identity) if identity.role == P::DIALLER => identity.name.to_string(),
            other => {
                let found =
                    other.map_or_else(|| "nobody".to_owned(), |identity| identity.to_string());
                let reason = format!("the certificate is of {found}, and {}", P::DIALLERS);
                tracing::info!(%remote, %reason, "a connection was refused");
                return Err(Status::permission_denied(reason));
            }
        };
        let (sender, queue) = mpsc::channel::<P::Answers>(QUEUE);
        let (received, receiver) = mpsc::channel(QUEUE);
        let ends = Ends {
            remote: remote.clone(),
            ended: self.ended.child_token(),
            limit: self.limit,
            received,
        };
        // Weak, so that the connection ends with its owner's queues and not with this one.
        let back = sender.downgrade();
        let refuse = move |reason| {
            if let Some(back) = back.upgrade() {
                let _ = back.try_send(P::refused(reason));
            }
        };
        let connection = Connection {
            remote,
            identity: Some(name),
            sender,
            receiver,
        };
        let reading = ends
            .clone()
            .incoming(request.into_inner(), P::read_asks, refuse);
        let outgoing = ends.outgoing::<_, P::AnswersWire>(queue).map(Ok);
        if self.tell.try_send(connection).is_err() {
            return Err(Status::unavailable(
                "this replica takes no more connections now: try another",
            ));
        }
        self.env.spawn("session reader", reading).detach();
        Ok(Response::new(Box::pin(outgoing)))
    }
}
