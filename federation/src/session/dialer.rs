//! The end that dials a replica: an agent's, or another replica's.

use std::future::{Future, ready};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use causeway_seam::Env;
use causeway_seam::real::net;
use causeway_seam::transport::{Connection, Dial, TransportError};
use causeway_wire::limits::MESSAGE_BYTES;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::sync::mpsc;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint};

use super::noting::Noting;
use super::protocol::{Links, Protocol, Sessions};
use super::pump::Ends;
use super::refusal;
use super::tls::{self, CertificateError};
use super::{CONNECTION_WINDOW, KEEP_ALIVE, QUEUE, STEP_LIMIT, STREAM_WINDOW};
use crate::certs::tls::Pems;
use crate::certs::{Identity, Role};

/// Dials replicas with one member's certificate.
pub type TonicDialer = Dialer<Sessions>;

/// Dials other replicas with one replica's certificate.
pub type PeerDialer = Dialer<Links>;

/// Dials replicas with one certificate.
pub struct Dialer<P> {
    env: Env,
    tls: Arc<ClientConfig>,
    limit: usize,
    protocol: PhantomData<P>,
}

impl<P> Clone for Dialer<P> {
    fn clone(&self) -> Self {
        Self {
            env: self.env.clone(),
            tls: Arc::clone(&self.tls),
            limit: self.limit,
            protocol: PhantomData,
        }
    }
}

impl<P> std::fmt::Debug for Dialer<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dialer").finish_non_exhaustive()
    }
}

impl<P: Protocol> Dialer<P> {
    /// With a certificate of who dials.
    ///
    /// # Errors
    /// [`CertificateError`] where it cannot serve.
    pub fn new(env: &Env, pems: &Pems) -> Result<Self, CertificateError> {
        Ok(Self {
            env: env.clone(),
            tls: tls::client(pems, env.wall(), P::DIALLER, P::WANTED)?,
            limit: MESSAGE_BYTES,
            protocol: PhantomData,
        })
    }

    /// With another limit for messages, and whatever TLS configuration.
    #[cfg(test)]
    pub(super) fn with(env: &Env, tls: Arc<ClientConfig>, limit: usize) -> Self {
        Self {
            env: env.clone(),
            tls,
            limit,
            protocol: PhantomData,
        }
    }

    /// A step of dialling, within its time.
    async fn step<T>(
        &self,
        address: &str,
        what: &str,
        step: impl Future<Output = T>,
    ) -> Result<T, TransportError> {
        self.env
            .timeout(STEP_LIMIT, step)
            .await
            .map_err(|elapsed| TransportError::Unreachable {
                address: address.to_owned(),
                reason: format!("{what}: {elapsed}"),
            })
    }

    /// TCP and TLS, and a replica at the other end.
    async fn secured(
        &self,
        address: &str,
    ) -> Result<(TlsStream<net::Stream>, Identity), TransportError> {
        let refused = |reason: String| TransportError::Refused {
            address: address.to_owned(),
            reason,
        };
        let host = host(address).ok_or_else(|| {
            refused("it is no address: give host:port, such as controller.example.com:7443".into())
        })?;
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| refused(format!("{host:?} is neither a DNS name nor an IP address")))?;
        let tcp = self
            .step(address, "connecting", net::connect(address))
            .await?;
        let tcp = tcp.map_err(|error| TransportError::Unreachable {
            address: address.to_owned(),
            reason: error.to_string(),
        })?;
        let connector = TlsConnector::from(Arc::clone(&self.tls));
        let stream = self
            .step(address, "TLS handshake", connector.connect(name, tcp))
            .await?;
        let stream = stream.map_err(|error| refusal::dialling(P::PORT, address, &error))?;
        let chain = stream.get_ref().1.peer_certificates();
        let identity = chain
            .and_then(|chain| chain.first())
            .and_then(|leaf| Identity::of(leaf));
        match identity {
            Some(identity) if identity.role == Role::Replica => Ok((stream, identity)),
            other => {
                let found =
                    other.map_or_else(|| "nobody".to_owned(), |identity| identity.to_string());
                Err(refused(format!(
                    "its certificate is of {found}, and not of a replica"
                )))
            }
        }
    }

    async fn channel(&self, address: &str, stream: Noting) -> Result<Channel, TransportError> {
        let failed = |error: tonic::transport::Error| refusal::dialling(P::PORT, address, &error);
        let endpoint = Endpoint::from_shared(format!("http://{address}"))
            .map_err(failed)?
            .http2_keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(KEEP_ALIVE)
            .keep_alive_while_idle(true)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .executor(Executor(self.env.clone()));
        // The stream is there already; once it is gone the session is, and reconnecting is the agent's business.
        let stream = Arc::new(Mutex::new(Some(TokioIo::new(stream))));
        let connector = tower::service_fn(move |_| {
            let mut slot = stream.lock().unwrap_or_else(PoisonError::into_inner);
            let gone = || std::io::Error::other("the connection is gone");
            ready(slot.take().ok_or_else(gone))
        });
        let connected = endpoint.connect_with_connector(connector);
        self.step(address, "HTTP/2", connected)
            .await?
            .map_err(failed)
    }
}

#[async_trait]
impl<P: Protocol> Dial<P::Asks, P::Answers> for Dialer<P> {
    async fn dial(&self, address: &str) -> Result<Connection<P::Asks, P::Answers>, TransportError> {
        let (stream, identity) = self.secured(address).await?;
        let (stream, noted) = Noting::new(stream);
        // What the stream itself said is the cause; what HTTP makes of it is not.
        let cause = |error: TransportError| match noted.take() {
            Some(cause) => refusal::dialling(P::PORT, address, &cause),
            None => error,
        };
        let channel = self.channel(address, stream).await.map_err(cause)?;
        let (sender, queue) = mpsc::channel::<P::Asks>(QUEUE);
        let (received, receiver) = mpsc::channel(QUEUE);
        let ends = Ends {
            remote: address.to_owned(),
            ended: CancellationToken::new(),
            limit: self.limit,
            received,
        };
        let outgoing = ends.clone().outgoing::<_, P::AsksWire>(queue);
        let open = P::open(channel, self.limit, outgoing);
        let answer = self.step(address, "the first answer", open).await?;
        let answer = answer.map_err(|status| match status.code() {
            tonic::Code::PermissionDenied
            | tonic::Code::Unauthenticated
            | tonic::Code::Unimplemented => TransportError::Refused {
                address: address.to_owned(),
                reason: status.message().to_owned(),
            },
            _ => cause(refusal::dialling(P::PORT, address, &status)),
        })?;
        // The other side is told nothing of what could not be read here: it hears that the connection ended.
        let ignore = |_| {};
        let reading = ends.incoming(answer.into_inner(), P::read_answers, ignore);
        self.env.spawn("session reader", reading).detach();
        Ok(Connection {
            remote: address.to_owned(),
            identity: P::MUTUAL.then(|| identity.name.to_string()),
            sender,
            receiver,
        })
    }
}

/// The host in `host:port`, without the brackets of an IPv6 address.
fn host(address: &str) -> Option<&str> {
    let (host, port) = address.rsplit_once(':')?;
    port.parse::<u16>().ok()?;
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    bare.or_else(|| (!host.contains(':')).then_some(host))
        .filter(|host| !host.is_empty())
}

/// Runs the connection's own tasks as tasks of this process.
#[derive(Clone)]
struct Executor(Env);

impl<F> hyper::rt::Executor<F> for Executor
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, task: F) {
        let task: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(task);
        self.0.spawn("session connection", task).detach();
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn hosts_are_found_in_addresses() {
        for (address, host) in [
            ("127.0.0.1:7443", Some("127.0.0.1")),
            ("[::1]:7443", Some("::1")),
            (
                "controller.example.com:7443",
                Some("controller.example.com"),
            ),
            ("controller", None),
            ("::1:7443", None),
            (":7443", None),
            ("controller:99999", None),
        ] {
            assert_eq!(super::host(address), host, "{address}");
        }
    }
}
