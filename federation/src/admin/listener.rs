//! TLS with client certificates under axum.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::connect_info::Connected;
use axum::serve::IncomingStream;
use causeway_seam::real::net::{Listener as Tcp, Stream};
use causeway_seam::{Env, TaskHandle};
use rustls::ServerConfig;
use tokio::sync::mpsc;
use tokio_rustls::server::TlsStream;

use crate::certs::accept::{self, Proven, Wanted};

pub use crate::certs::accept::Peer;

/// How many connections may be in their handshake, or wait to be served.
const WAITING: usize = 64;

impl Connected<IncomingStream<'_, TlsListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, TlsListener>) -> Self {
        stream.remote_addr().clone()
    }
}

/// A listener of connections after their handshake.
#[derive(Debug)]
pub struct TlsListener {
    local: SocketAddr,
    ready: mpsc::Receiver<Proven>,
    _accepting: TaskHandle,
}

impl TlsListener {
    /// Begins to accept.
    ///
    /// # Errors
    /// The system's word where the listener's address cannot be read.
    pub fn start(env: &Env, listener: Tcp, config: Arc<ServerConfig>) -> io::Result<Self> {
        let local = listener.local_addr()?;
        let wanted = Wanted {
            what: "operator",
            waiting: WAITING,
        };
        let (ready, accepting) = accept::accept(env, listener, config, wanted);
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
