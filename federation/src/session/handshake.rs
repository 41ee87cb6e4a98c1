//! Connections after their TLS handshake, as gRPC takes them.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use causeway_seam::real::net::{Listener as Tcp, Stream as TcpStream};
use causeway_seam::{Env, TaskHandle};
use futures::{Stream, StreamExt};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::server::TlsStream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::server::Connected;

use crate::certs::accept::{self, Wanted};

pub(super) use crate::certs::accept::Peer;

/// How many connections may be in their handshake, or wait to be served.
const WAITING: usize = 256;

/// A connection after its handshake.
pub(super) struct Secured {
    stream: TlsStream<TcpStream>,
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
) -> (impl Stream<Item = io::Result<Secured>>, TaskHandle) {
    let wanted = Wanted {
        what: "session",
        waiting: WAITING,
    };
    let (ready, task) = accept::accept(env, tcp, config, wanted);
    let secured = |(stream, peer)| Ok(Secured { stream, peer });
    (ReceiverStream::new(ready).map(secured), task)
}
