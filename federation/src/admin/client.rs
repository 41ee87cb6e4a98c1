//! Asks the admin API: one connection for each question, so that nothing has to be kept alive or cleaned up.

mod explain;
mod people;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use causeway_api::ids::MemberName;
use causeway_seam::Env;
use causeway_seam::real::net;
use causeway_storage::Consistency;
use http::{Request, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_rustls::TlsConnector;

use super::api::registry::{ConfirmRequest, Done, MoveRequest, RegistryReport};
use super::api::replicas::{ReplicaChange, ReplicasReport};
use super::api::{ClusterRow, DiffReport, ErrorBody, ServiceQuery, ServiceRow, StatusReport};
use super::context::Context;

/// How long connecting and the handshake may take together.
const CONNECT: Duration = Duration::from_secs(5);
/// How long an answer may take: a diff is asked of an agent first, and a change of replicas waits 30 s for a leader, of which
/// the replica that is asked says more than silence does.
const ANSWER: Duration = Duration::from_secs(40);
/// The largest answer that is read, in bytes.
const LARGEST: usize = 256 << 20;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// No connection came about.
    #[error("the controller at {server} cannot be reached: {reason}")]
    Unreachable {
        /// Where.
        server: String,
        /// Why.
        reason: String,
    },
    /// The certificates do not fit.
    #[error("no trusted connection to {server}: {reason}")]
    Untrusted {
        /// Where.
        server: String,
        /// Why.
        reason: String,
    },
    /// The controller answered with an error.
    #[error("{}", body.error)]
    Answered {
        /// The HTTP status.
        status: u16,
        /// What is wrong and what to do.
        body: ErrorBody,
    },
    /// The answer cannot be read.
    #[error("the answer of {server} cannot be read: {reason}")]
    Unreadable {
        /// Where.
        server: String,
        /// Why.
        reason: String,
    },
}

impl ClientError {
    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::Unreachable { .. } => {
                "is it running, and is this its --admin-listen address? It is in the context file; name another file with \
                 --context-file or CAUSEWAY_CONTEXT"
                    .to_owned()
            }
            Self::Untrusted { .. } => {
                "the controller's certificate must name the host that you dial, and both certificates must come from one \
                 authority and be valid now: causeway certs --help"
                    .to_owned()
            }
            Self::Answered { body, .. } => body.remedy.clone(),
            Self::Unreadable { .. } => {
                "compare causeway version with the controller's (causeway status): use the newer one of both".to_owned()
            }
        }
    }
}

/// A client of one controller.
#[derive(Clone)]
pub struct Client {
    env: Env,
    server: String,
    host: String,
    tls: Arc<ClientConfig>,
    consistency: Consistency,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// For the controller of a context. `tls` as [`crate::certs::tls::client`] makes it.
    #[must_use]
    pub fn new(env: Env, context: &Context, tls: Arc<ClientConfig>) -> Self {
        Self {
            env,
            server: context.server.clone(),
            host: context.host().to_owned(),
            tls,
            consistency: Consistency::Local,
        }
    }

    /// The address that it asks.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.server
    }

    /// `GET /v1/status`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn status(&self) -> Result<StatusReport, ClientError> {
        self.get("/v1/status").await
    }

    /// `GET /v1/clusters`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn clusters(&self) -> Result<Vec<ClusterRow>, ClientError> {
        self.get("/v1/clusters").await
    }

    /// `GET /v1/services`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn services(&self, query: &ServiceQuery) -> Result<Vec<ServiceRow>, ClientError> {
        // A namespace is a DNS name: it needs no escaping.
        let namespace = query
            .namespace
            .as_ref()
            .map(|name| format!("&namespace={name}"))
            .unwrap_or_default();
        self.get(&format!(
            "/v1/services?candidates={}{namespace}",
            query.candidates
        ))
        .await
    }

    /// `GET /v1/diff/{member}`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn diff(&self, member: &MemberName) -> Result<DiffReport, ClientError> {
        self.get(&format!("/v1/diff/{member}")).await
    }

    /// `GET /v1/registry`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn registry(&self) -> Result<RegistryReport, ClientError> {
        self.get("/v1/registry").await
    }

    /// `POST /v1/registry/move`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn move_object(&self, asked: &MoveRequest) -> Result<Done, ClientError> {
        self.post("/v1/registry/move", asked).await
    }

    /// `POST /v1/registry/confirm`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn confirm_removal(&self, asked: &ConfirmRequest) -> Result<Done, ClientError> {
        self.post("/v1/registry/confirm", asked).await
    }

    /// `GET /v1/replicas`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn replicas(&self) -> Result<ReplicasReport, ClientError> {
        self.get("/v1/replicas").await
    }

    /// `POST /v1/replicas/change`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn change_replicas(&self, asked: &ReplicaChange) -> Result<Done, ClientError> {
        self.post("/v1/replicas/change", asked).await
    }

    /// The same, asking for answers of that consistency.
    #[must_use]
    pub fn consistent(self, consistency: Consistency) -> Self {
        Self {
            consistency,
            ..self
        }
    }

    /// `GET /v1/backup`: the file's content.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn backup(&self) -> Result<Vec<u8>, ClientError> {
        let path = "/v1/backup";
        match self.fetch(path).await? {
            (200, body) => Ok(body.into()),
            (status, body) => Err(self.refused(path, status, &body)),
        }
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        let answer = self.fetch(path).await?;
        self.read(path, answer)
    }

    /// Asks for something to be done.
    async fn post<Q: Serialize, T: DeserializeOwned>(
        &self,
        path: &str,
        question: &Q,
    ) -> Result<T, ClientError> {
        let body = serde_json::to_vec(question).unwrap_or_default();
        let request = Request::post(path).header(header::CONTENT_TYPE, "application/json");
        let answer = self.send(request, body.into()).await?;
        self.read(path, answer)
    }

    fn read<T: DeserializeOwned>(
        &self,
        path: &str,
        (status, body): (u16, Bytes),
    ) -> Result<T, ClientError> {
        let unreadable = |reason: String| ClientError::Unreadable {
            server: self.server.clone(),
            reason,
        };
        if status == 200 {
            return serde_json::from_slice(&body)
                .map_err(|error| unreadable(format!("{path}: {error}")));
        }
        Err(self.refused(path, status, &body))
    }

    fn refused(&self, path: &str, status: u16, body: &[u8]) -> ClientError {
        match serde_json::from_slice(body) {
            Ok(body) => ClientError::Answered { status, body },
            Err(_) => ClientError::Unreadable {
                server: self.server.clone(),
                reason: format!("{path}: HTTP {status} without an explanation"),
            },
        }
    }

    async fn fetch(&self, path: &str) -> Result<(u16, Bytes), ClientError> {
        let mark = if path.contains('?') { '&' } else { '?' };
        let path = match self.consistency {
            Consistency::Local => path.to_owned(),
            Consistency::Lease => format!("{path}{mark}consistency=lease"),
            Consistency::Linearizable => format!("{path}{mark}consistency=linearizable"),
        };
        self.send(Request::get(path), Bytes::new()).await
    }

    async fn send(
        &self,
        request: http::request::Builder,
        body: Bytes,
    ) -> Result<(u16, Bytes), ClientError> {
        let unreachable = |reason: String| ClientError::Unreachable {
            server: self.server.clone(),
            reason,
        };
        let unreadable = |reason: String| ClientError::Unreadable {
            server: self.server.clone(),
            reason,
        };
        let stream = self
            .env
            .timeout(CONNECT, self.connect())
            .await
            .map_err(|elapsed| unreachable(elapsed.to_string()))??;
        let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = handshake.map_err(|error| unreachable(chain(&error)))?;
        let _driver = self.env.spawn("admin-client", async move {
            // What goes wrong here is told to the request, too.
            let _ = connection.await;
        });
        let request = request
            .header(header::HOST, &self.server)
            .header(header::ACCEPT, "application/json")
            .header(header::CONNECTION, "close")
            .body(Full::new(body))
            .map_err(|error| unreadable(error.to_string()))?;
        let answer = async {
            let response = sender
                .send_request(request)
                .await
                .map_err(|error| self.ended(&error))?;
            let status = response.status().as_u16();
            let body = Limited::new(response.into_body(), LARGEST).collect().await;
            let body = body.map_err(|error| unreadable(error.to_string()))?;
            Ok((status, body.to_bytes()))
        };
        self.env
            .timeout(ANSWER, answer)
            .await
            .map_err(|elapsed| unreachable(elapsed.to_string()))?
    }

    async fn connect(&self) -> Result<tokio_rustls::client::TlsStream<net::Stream>, ClientError> {
        let untrusted = |reason: String| ClientError::Untrusted {
            server: self.server.clone(),
            reason,
        };
        let name = ServerName::try_from(self.host.clone())
            .map_err(|error| untrusted(error.to_string()))?;
        let stream = net::connect(&self.server).await;
        let stream = stream.map_err(|error| ClientError::Unreachable {
            server: self.server.clone(),
            reason: error.to_string(),
        })?;
        let connector = TlsConnector::from(self.tls.clone());
        connector
            .connect(name, stream)
            .await
            .map_err(|error| untrusted(error.to_string()))
    }

    /// In TLS 1.3 a server's refusal of our certificate arrives after our own handshake is done.
    fn ended(&self, error: &hyper::Error) -> ClientError {
        let reason = chain(error);
        let server = self.server.clone();
        if reason.contains("alert") {
            ClientError::Untrusted { server, reason }
        } else {
            ClientError::Unreachable { server, reason }
        }
    }
}

/// An error with its causes: hyper says only "connection error" by itself.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}
