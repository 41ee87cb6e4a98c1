//! TLS with client certificates: connections whose client proved who it is.
//!
//! Handshakes run in tasks of their own, each with a deadline, and there is room for only so many at once, shared fairly by
//! where they come from ([`rooms`](super::rooms)): a client that is slow or hostile keeps nobody waiting.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use causeway_seam::real::net::{Listener as Tcp, Stream};
use causeway_seam::{Env, Monotonic, TaskHandle};
use rustls::ServerConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::Identity;
use super::rooms::{Rooms, Source};

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// How long a refused client may take to hear why.
const FAREWELL: Duration = Duration::from_secs(1);
/// How long the system is left alone where it accepts nothing: out of file descriptors, mostly.
const PAUSE: Duration = Duration::from_millis(200);

/// How often it is told that there was no room.
const CROWD: Duration = Duration::from_secs(10);

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
    let rooms = Arc::new(Mutex::new(Rooms::new(waiting)));
    let mut handshakes: BTreeMap<u64, TaskHandle> = BTreeMap::new();
    let mut crowd = Crowd::default();
    loop {
        let (stream, address) = match tcp.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, what, "a connection cannot be accepted");
                env.sleep(PAUSE).await;
                continue;
            }
        };
        handshakes.retain(|_, task| !task.is_ended());
        let Some(place) = lock(&rooms).enter(Source::from(address)) else {
            // Closed at once: it comes again in its own time, and waits for nobody's deadline.
            crowd.refused(&env, address, what);
            continue;
        };
        if let Some(other) = place.instead_of {
            crowd.refused(&env, address, what);
            drop(handshakes.remove(&other));
        }
        let inside = Inside {
            rooms: Arc::clone(&rooms),
            number: place.number,
        };
        let (acceptor, tell, inner) = (acceptor.clone(), tell.clone(), env.clone());
        let handshake = async move {
            if let Some(proven) = prove(&inner, &acceptor, stream, address, what).await {
                lock(&inside.rooms).proven(inside.number);
                let _ = tell.send(proven).await;
            }
        };
        handshakes.insert(place.number, env.spawn("handshake", handshake));
    }
}

fn lock(rooms: &Mutex<Rooms>) -> MutexGuard<'_, Rooms> {
    rooms.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One in its handshake, however that ends.
struct Inside {
    rooms: Arc<Mutex<Rooms>>,
    number: u64,
}

impl Drop for Inside {
    fn drop(&mut self) {
        lock(&self.rooms).leave(self.number);
    }
}

/// Those for whom there was no room, told once in a while: many come at once.
#[derive(Default)]
struct Crowd {
    refused: u64,
    said: Option<Monotonic>,
}

impl Crowd {
    fn refused(&mut self, env: &Env, address: SocketAddr, what: &str) {
        self.refused += 1;
        let now = env.now();
        if self.said.is_none_or(|said| now.since(said) > CROWD) {
            tracing::warn!(
                %address, what, connections = self.refused,
                "too many connections are in their handshake at once: connections of those who have most of them are closed; \
                 see who opens so many and finishes none"
            );
            *self = Self {
                refused: 0,
                said: Some(now),
            };
        }
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
