//! TLS with client certificates under axum: connections whose client proved who it is.
//!
//! Handshakes run in tasks of their own, each with a deadline, so that a client that is slow or hostile keeps nobody
//! waiting. At most [`WAITING`] connections stand between handshake and service.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::IncomingStream;
use causeway_seam::real::net::{Listener as Tcp, Stream};
use causeway_seam::{Env, TaskHandle};
use rustls::ServerConfig;
use tokio::sync::{Semaphore, mpsc};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::certs::Identity;

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// How many connections may be in their handshake, or wait to be served.
const WAITING: usize = 64;

/// Who is at the other end.
#[derive(Debug, Clone)]
pub struct Peer {
    /// Its address.
    pub address: SocketAddr,
    /// What its certificate says of it; `None` where it holds none of our names.
    pub identity: Option<Identity>,
}

impl Connected<IncomingStream<'_, TlsListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, TlsListener>) -> Self {
        stream.remote_addr().clone()
    }
}

/// A listener of connections after their handshake.
#[derive(Debug)]
pub struct TlsListener {
    local: SocketAddr,
    ready: mpsc::Receiver<(TlsStream<Stream>, Peer)>,
    _accepting: TaskHandle,
}

impl TlsListener {
    /// Begins to accept.
    ///
    /// # Errors
    /// The system's word where the listener's address cannot be read.
    pub fn start(env: &Env, listener: Tcp, config: Arc<ServerConfig>) -> io::Result<Self> {
        let local = listener.local_addr()?;
        let (tell, ready) = mpsc::channel(WAITING);
        let accepting = env.spawn(
            "admin-accept",
            accept_all(env.clone(), listener, TlsAcceptor::from(config), tell),
        );
        Ok(Self {
            local,
            ready,
            _accepting: accepting,
        })
    }
}

impl axum::serve::Listener for TlsListener {
    type Io = TlsStream<Stream>;
    type Addr = Peer;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.ready.recv().await {
            Some(connection) => connection,
            // The accepting task ends with this listener only.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        Ok(Peer {
            address: self.local,
            identity: None,
        })
    }
}

async fn accept_all(
    env: Env,
    listener: Tcp,
    acceptor: TlsAcceptor,
    tell: mpsc::Sender<(TlsStream<Stream>, Peer)>,
) {
    let slots = Arc::new(Semaphore::new(WAITING));
    loop {
        let Ok(slot) = slots.clone().acquire_owned().await else {
            return;
        };
        let (stream, address) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, mostly: waiting lets some be closed.
                tracing::warn!(%error, "the admin API cannot accept a connection");
                env.sleep(Duration::from_millis(200)).await;
                continue;
            }
        };
        let (acceptor, tell, inner) = (acceptor.clone(), tell.clone(), env.clone());
        let handshake = async move {
            let _slot = slot;
            match inner.timeout(HANDSHAKE, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => {
                    let certificates = stream.get_ref().1.peer_certificates();
                    let identity = certificates
                        .and_then(|chain| chain.first())
                        .and_then(|leaf| Identity::of(leaf));
                    let _ = tell.send((stream, Peer { address, identity })).await;
                }
                Ok(Err(error)) => {
                    tracing::info!(%address, %error, "a client of the admin API was refused");
                }
                Err(elapsed) => {
                    tracing::info!(%address, %elapsed, "a client of the admin API did not finish its handshake");
                }
            }
        };
        env.spawn("admin-handshake", handshake).detach();
    }
}
