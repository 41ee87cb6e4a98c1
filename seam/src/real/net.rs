//! TCP for what is no session between agent and replica: the admin API, health, metrics, and their clients.
//!
//! Sessions go through [`crate::transport`], which a simulator can delay and cut. These connections serve people and
//! scrapers, and no decision waits for them.

use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpStream};

/// A bound listener.
pub type Listener = TcpListener;

/// A connection.
pub type Stream = TcpStream;

/// Binds `address`, such as `127.0.0.1:7444`; port 0 lets the system choose.
///
/// # Errors
/// The system's word, with the address in front.
pub async fn listen(address: &str) -> io::Result<Listener> {
    TcpListener::bind(address).await.map_err(|error| {
        io::Error::new(error.kind(), format!("cannot listen on {address}: {error}"))
    })
}

/// Connects to `address`, a `host:port`; a name is resolved, and each of its addresses tried in turn.
///
/// # Errors
/// The system's word.
pub async fn connect(address: &str) -> io::Result<Stream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// The addresses of a `host:port`, in the order in which the system gives them.
///
/// # Errors
/// The system's word, as where the name is unknown.
pub async fn resolve(address: &str) -> io::Result<Vec<SocketAddr>> {
    Ok(tokio::net::lookup_host(address).await?.collect())
}
