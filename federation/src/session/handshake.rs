//! TLS before gRPC: each handshake in a task of its own with a deadline, so that a client that is slow or hostile keeps
//! nobody waiting.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use causeway_seam::real::net::{Listener as Tcp, Stream};
use causeway_seam::{Env, TaskHandle};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::sync::{Semaphore, mpsc};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tonic::transport::server::Connected;

use super::STEP_LIMIT;
use super::refusal::chain;
use crate::certs::Identity;

/// How many connections may be in their handshake, or wait to be served.
const WAITING: usize = 256;

/// How long a refused client may take to hear why.
const FAREWELL: Duration = Duration::from_secs(1);

/// Who is at the other end of a connection.
#[derive(Debug, Clone)]
pub(super) struct Peer {
    pub(super) address: SocketAddr,
    /// `None`: its certificate holds none of our names.
    pub(super) identity: Option<Identity>,
}

/// A connection after its handshake.
pub(super) struct Secured {
    stream: TlsStream<Stream>,
    peer: Peer,
}

impl Connected for Secured {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer.clone()
    }
}

impl AsyncRead for Secured {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Secured {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// Accepts for as long as the task lives.
pub(super) fn accept(
    env: &Env,
    tcp: Tcp,
    config: Arc<ServerConfig>,
) -> (mpsc::Receiver<io::Result<Secured>>, TaskHandle) {
    let (tell, ready) = mpsc::channel(WAITING);
    let task = accept_all(env.clone(), tcp, TlsAcceptor::from(config), tell);
    (ready, env.spawn("session accept", task))
}

async fn accept_all(
    env: Env,
    tcp: Tcp,
    acceptor: TlsAcceptor,
    tell: mpsc::Sender<io::Result<Secured>>,
) {
    let slots = Arc::new(Semaphore::new(WAITING));
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else {
            return;
        };
        let (stream, address) = match tcp.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, mostly: waiting lets some be closed.
                tracing::warn!(%error, "a session cannot be accepted");
                env.sleep(Duration::from_millis(200)).await;
                continue;
            }
        };
        let (acceptor, tell, inner) = (acceptor.clone(), tell.clone(), env.clone());
        let handshake = async move {
            let _slot = slot;
            if let Some(secured) = secure(&inner, &acceptor, stream, address).await {
                let _ = tell.send(Ok(secured)).await;
            }
        };
        env.spawn("session handshake", handshake).detach();
    }
}

async fn secure(
    env: &Env,
    acceptor: &TlsAcceptor,
    stream: Stream,
    address: SocketAddr,
) -> Option<Secured> {
    // A delta is small and must not wait for the next one.
    let _ = stream.set_nodelay(true);
    let accept = acceptor.accept(stream).into_fallible();
    match env.timeout(STEP_LIMIT, accept).await {
        Ok(Ok(stream)) => {
            let chain = stream.get_ref().1.peer_certificates();
            let identity = chain
                .and_then(|chain| chain.first())
                .and_then(|leaf| Identity::of(leaf));
            let peer = Peer { address, identity };
            Some(Secured { stream, peer })
        }
        Ok(Err((error, stream))) => {
            tracing::info!(%address, reason = %chain(&error), "a session was refused in its handshake");
            let _ = env.timeout(FAREWELL, farewell(stream)).await;
            None
        }
        Err(elapsed) => {
            tracing::info!(%address, %elapsed, "a session's handshake was not finished");
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
