//! TLS with client certificates: connections whose client proved who it is.
//!
//! Handshakes run in tasks of their own, each with a deadline, so that a client that is slow or hostile keeps nobody
//! waiting.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use causeway_seam::real::net::{Listener as Tcp, Stream};
use causeway_seam::{Env, TaskHandle};
use rustls::ServerConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{Semaphore, mpsc};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::Identity;

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// How long a refused client may take to hear why.
const FAREWELL: Duration = Duration::from_secs(1);
/// How long the system is left alone where it accepts nothing: out of file descriptors, mostly.
const PAUSE: Duration = Duration::from_millis(200);

/// Who is at the other end of a connection.
#[derive(Debug, Clone)]
pub struct Peer {
    /// Its address.
    pub address: SocketAddr,
    /// What its certificate says of it; `None` where it holds none of our names.
    pub identity: Option<Identity>,
}

/// A connection after its handshake, and who is at its other end.
pub(crate) type Proven = (TlsStream<Stream>, Peer);

/// What is accepted, for tasks and logs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    /// The name of a connection, such as `session`.
    pub(crate) what: &'static str,
    /// How many connections may be in their handshake, or wait to be served.
    pub(crate) waiting: usize,
}

/// Accepts for as long as the task lives.
pub(crate) fn accept(
    env: &Env,
    tcp: Tcp,
    config: Arc<ServerConfig>,
    wanted: Wanted,
) -> (mpsc::Receiver<Proven>, TaskHandle) {
    let (tell, ready) = mpsc::channel(wanted.waiting);
    let task = accept_all(env.clone(), tcp, TlsAcceptor::from(config), tell, wanted);
    (ready, env.spawn("accept", task))
}

async fn accept_all(
    env: Env,
    tcp: Tcp,
    acceptor: TlsAcceptor,
    tell: mpsc::Sender<Proven>,
    Wanted { what, waiting }: Wanted,
) {
    let slots = Arc::new(Semaphore::new(waiting));
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else {
            return;
        };
        let (stream, address) = match tcp.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, what, "a connection cannot be accepted");
                env.sleep(PAUSE).await;
                continue;
            }
        };
        let (acceptor, tell, inner) = (acceptor.clone(), tell.clone(), env.clone());
        let handshake = async move {
            let _slot = slot;
            if let Some(proven) = prove(&inner, &acceptor, stream, address, what).await {
                let _ = tell.send(proven).await;
            }
        };
        env.spawn("handshake", handshake).detach();
    }
}

async fn prove(
    env: &Env,
    acceptor: &TlsAcceptor,
    stream: Stream,
    address: SocketAddr,
    what: &str,
) -> Option<Proven> {
    // What is small must not wait for what comes next.
    let _ = stream.set_nodelay(true);
    let accept = acceptor.accept(stream).into_fallible();
    match env.timeout(HANDSHAKE, accept).await {
        Ok(Ok(stream)) => {
            let chain = stream.get_ref().1.peer_certificates();
            let identity = chain
                .and_then(|chain| chain.first())
                .and_then(|leaf| Identity::of(leaf));
            Some((stream, Peer { address, identity }))
        }
        Ok(Err((error, stream))) => {
            tracing::info!(%address, what, %error, "a connection was refused in its handshake");
            let _ = env.timeout(FAREWELL, farewell(stream)).await;
            None
        }
        Err(elapsed) => {
            tracing::info!(%address, what, %elapsed, "a handshake was not finished");
            None
        }
    }
}

/// Closes so that the client reads our alert: with bytes of its own unread here, the system would reset the connection
/// and throw the alert away.
async fn farewell(mut stream: Stream) {
    let _ = stream.shutdown().await;
    let mut rest = [0_u8; 4_096];
    while stream.read(&mut rest).await.is_ok_and(|n| n != 0) {}
}
