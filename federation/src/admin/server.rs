//! The routes of the admin API, each a question to the [`AdminBackend`].
//!
//! `GET /v1/status`, `/v1/clusters`, `/v1/services`, `/v1/explain/service/{namespace}/{name}`,
//! `/v1/explain/subject/{subject}`, `/v1/explain/domain/{name}`, `/v1/explain/shift/{namespace}/{name}`, each with `?at=GENERATION|DURATION` for a moment of
//! the past, `/v1/diff/{member}`, `/v1/backup`,
//! `/v1/registry`, `/v1/replicas`; and `POST /v1/registry/move`, `/v1/registry/confirm`, `/v1/replicas/change`; and
//! those of [`super::people`]. With `?consistency=lease|linearizable` an answer waits until it contains all that was decided. Only operators and replicas may ask: an agent's certificate is
//! for its own session alone.

use std::future::{Future, IntoFuture};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::rejection::JsonRejection;
use axum::extract::{ConnectInfo, Path, Query, Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use causeway_api::ids::{FailureDomain, MemberName, ServiceKey};
use causeway_api::shift::ShiftKey;
use causeway_api::verdict::Subject;
use causeway_seam::Env;
use causeway_seam::real::net::Listener;
use causeway_storage::Consistency;
use rustls::ServerConfig;
use serde::{Deserialize, Serialize};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::api::registry::{ConfirmRequest, MoveRequest};
use super::api::replicas::ReplicaChange;
use super::api::{AdminError, ErrorBody, ErrorKind, Origin, ServiceQuery, When};
use super::backend::AdminBackend;
use super::listener::{Peer, TlsListener};
use crate::certs::Role;

/// A running server. Dropping it stops it: no new connections, and those that are open end with their answer.
#[derive(Debug)]
pub struct Serving {
    address: SocketAddr,
    _stop: DropGuard,
}

impl Serving {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Runs `server`, which must end once `stop` is cancelled.
    pub(super) fn start(
        env: &Env,
        name: &'static str,
        address: SocketAddr,
        stop: CancellationToken,
        server: impl Future<Output = io::Result<()>> + Send + 'static,
    ) -> Self {
        let run = async move {
            if let Err(error) = server.await {
                tracing::error!(%error, name, "a server ended");
            }
        };
        env.spawn(name, run).detach();
        Self {
            address,
            _stop: stop.drop_guard(),
        }
    }
}

/// Serves the admin API until the returned handle is dropped. `tls` must demand client certificates, as
/// [`crate::certs::tls::server`] does.
///
/// # Errors
/// The system's word where the listener's address cannot be read.
pub fn serve_admin(
    env: &Env,
    listener: Listener,
    tls: Arc<ServerConfig>,
    backend: Arc<dyn AdminBackend>,
) -> io::Result<Serving> {
    let address = listener.local_addr()?;
    let listener = TlsListener::start(env, listener, tls)?;
    let service = router(backend).into_make_service_with_connect_info::<Peer>();
    let stop = CancellationToken::new();
    let server =
        axum::serve(listener, service).with_graceful_shutdown(stop.clone().cancelled_owned());
    Ok(Serving::start(
        env,
        "admin",
        address,
        stop,
        server.into_future(),
    ))
}

type Backend = State<Arc<dyn AdminBackend>>;

/// The routes, behind the check of who asks.
fn router(backend: Arc<dyn AdminBackend>) -> Router {
    Router::new()
        .route(
            "/v1/status",
            get(|State(backend): Backend| async move { answer(backend.status().await) }),
        )
        .route(
            "/v1/clusters",
            get(|State(backend): Backend| async move { answer(backend.clusters().await) }),
        )
        .route("/v1/services", get(services))
        .route("/v1/explain/service/{namespace}/{name}", get(explain))
        .route("/v1/explain/subject/{*subject}", get(explain_subject))
        .route("/v1/explain/domain/{name}", get(explain_domain))
        .route("/v1/explain/shift/{namespace}/{name}", get(explain_shift))
        .route("/v1/diff/{member}", get(diff))
        .route("/v1/backup", get(backup))
        .route(
            "/v1/registry",
            get(|State(backend): Backend| async move { answer(backend.registry().await) }),
        )
        .route("/v1/registry/move", post(move_object))
        .route("/v1/registry/confirm", post(confirm_removal))
        .route(
            "/v1/replicas",
            get(|State(backend): Backend| async move { answer(backend.replicas().await) }),
        )
        .route("/v1/replicas/change", post(change_replicas))
        .merge(super::people::routes())
        .layer(from_fn_with_state(backend.clone(), consistent))
        .fallback(|request: Request| async move { refuse(no_such_path(request.uri().path())) })
        .layer(from_fn(super::bounds::small_enough))
        .layer(from_fn(only_operators))
        .with_state(backend)
}

async fn only_operators(
    ConnectInfo(peer): ConnectInfo<Peer>,
    request: Request,
    next: Next,
) -> Response {
    let who = match &peer.identity {
        Some(identity) if matches!(identity.role, Role::Operator | Role::Replica) => {
            return next.run(request).await;
        }
        Some(identity) => format!("the certificate of {identity}"),
        None => "a certificate without a spiffe://causeway/… name".to_owned(),
    };
    tracing::info!(address = %peer.address, who, "a client of the admin API may not ask");
    refuse(AdminError::new(
        ErrorKind::Forbidden,
        format!("{who} may not ask the admin API"),
        "use an operator's certificate: causeway certs operator --dir DIR --name YOU",
    ))
}

/// The query of `/v1/explain/...`.
#[derive(Deserialize)]
struct Explain {
    from: Option<Origin>,
    at: Option<String>,
}

impl Explain {
    fn at(&self) -> Result<Option<When>, AdminError> {
        self.at.as_deref().map(str::parse).transpose().map_err(bad)
    }
}

type ExplainQuery = Result<Query<Explain>, axum::extract::rejection::QueryRejection>;

async fn services(
    State(backend): Backend,
    query: Result<Query<ServiceQuery>, axum::extract::rejection::QueryRejection>,
) -> Response {
    match query {
        Ok(Query(query)) => answer(backend.services(&query).await),
        Err(error) => refuse(bad(error.body_text())),
    }
}

async fn explain(
    State(backend): Backend,
    Path((namespace, name)): Path<(String, String)>,
    query: ExplainQuery,
) -> Response {
    let answered = async {
        let service = ServiceKey::new(&namespace, &name).map_err(bad)?;
        let Query(query) = query.map_err(|error| bad(error.body_text()))?;
        let (from, at) = (query.from.as_ref(), query.at()?);
        backend.explain(&service, from, at).await
    };
    answer(answered.await)
}

async fn explain_subject(
    State(backend): Backend,
    Path(subject): Path<String>,
    query: ExplainQuery,
) -> Response {
    let answered = async {
        let subject = subject.parse::<Subject>().map_err(bad)?;
        let Query(query) = query.map_err(|error| bad(error.body_text()))?;
        backend.explain_subject(&subject, query.at()?).await
    };
    answer(answered.await)
}

async fn explain_domain(
    State(backend): Backend,
    Path(name): Path<String>,
    query: ExplainQuery,
) -> Response {
    let answered = async {
        let domain = FailureDomain::new(&name).map_err(bad)?;
        let Query(query) = query.map_err(|error| bad(error.body_text()))?;
        backend.explain_domain(&domain, query.at()?).await
    };
    answer(answered.await)
}

async fn explain_shift(
    State(backend): Backend,
    Path((namespace, name)): Path<(String, String)>,
    query: ExplainQuery,
) -> Response {
    let answered = async {
        let shift: ShiftKey = format!("{namespace}/{name}").parse().map_err(bad)?;
        let Query(query) = query.map_err(|error| bad(error.body_text()))?;
        backend.explain_shift(&shift, query.at()?).await
    };
    answer(answered.await)
}

async fn diff(State(backend): Backend, Path(member): Path<String>) -> Response {
    match MemberName::new(&member) {
        Ok(member) => answer(backend.diff(&member).await),
        Err(error) => refuse(bad(error)),
    }
}

async fn change_replicas(
    State(backend): Backend,
    asked: Result<Json<ReplicaChange>, JsonRejection>,
) -> Response {
    match asked {
        Ok(Json(asked)) => answer(backend.change_replicas(&asked).await),
        Err(error) => refuse(bad(error.body_text())),
    }
}

/// The part of a query that every question may have.
#[derive(Deserialize)]
struct Wanted {
    #[serde(default)]
    consistency: Consistency,
}

/// Waits until the answer has the consistency that was asked for; without a word it is what this replica has.
async fn consistent(
    State(backend): Backend,
    wanted: Result<Query<Wanted>, axum::extract::rejection::QueryRejection>,
    request: Request,
    next: Next,
) -> Response {
    let confirmed = match wanted {
        Ok(Query(wanted)) => backend.confirm(wanted.consistency).await,
        Err(error) => Err(bad(error.body_text())),
    };
    match confirmed {
        Ok(()) => next.run(request).await,
        Err(error) => refuse(error),
    }
}

async fn move_object(
    State(backend): Backend,
    asked: Result<Json<MoveRequest>, JsonRejection>,
) -> Response {
    match asked {
        Ok(Json(asked)) => answer(backend.move_object(&asked).await),
        Err(error) => refuse(bad(error.body_text())),
    }
}

async fn confirm_removal(
    State(backend): Backend,
    asked: Result<Json<ConfirmRequest>, JsonRejection>,
) -> Response {
    match asked {
        Ok(Json(asked)) => answer(backend.confirm_removal(&asked).await),
        Err(error) => refuse(bad(error.body_text())),
    }
}

async fn backup(State(backend): Backend) -> Response {
    const TYPE: &str = "application/octet-stream";
    match backend.backup().await {
        Ok(bytes) => ([(http::header::CONTENT_TYPE, TYPE)], bytes).into_response(),
        Err(error) => refuse(error),
    }
}

pub(super) fn answer<T: Serialize>(result: Result<T, AdminError>) -> Response {
    match result {
        Ok(value) => Json(value).into_response(),
        Err(error) => refuse(error),
    }
}

pub(super) fn refuse(error: AdminError) -> Response {
    let status = error.kind.status();
    (
        status,
        Json(ErrorBody {
            error: error.error,
            remedy: error.remedy,
        }),
    )
        .into_response()
}

pub(super) fn bad(error: impl std::fmt::Display) -> AdminError {
    AdminError::new(
        ErrorKind::BadRequest,
        error.to_string(),
        "see causeway --help for the accepted forms",
    )
}

fn no_such_path(path: &str) -> AdminError {
    let path: String = path.chars().take(80).collect();
    AdminError::not_found(
        format!("the admin API has no {path:?}"),
        "the client is probably newer than the controller: compare causeway version with the controller's",
    )
}
