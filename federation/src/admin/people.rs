//! Routes for what people ask before they act, and for what they do. Who asks is read from the certificate.

use std::sync::Arc;

use axum::extract::rejection::JsonRejection;
use axum::extract::{ConnectInfo, Path, State};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use causeway_api::domain::Domain;
use causeway_api::generation::Generation;
use causeway_api::shift::Shift;

use super::api::overrides::{ApproveRequest, EndRequest, ReleaseRequest};
use super::backend::AdminBackend;
use super::listener::Peer;
use super::server::{answer, bad, refuse};
use crate::certs::Role;

type Backend = State<Arc<dyn AdminBackend>>;

/// `/v1/overrides`, `/v1/overrides/end`, `/v1/approve`, `/v1/brake/release`, `/v1/readiness`, `/v1/simulate/{domain}` and
/// `/v1/replay/{generation}`.
pub(super) fn routes() -> Router<Arc<dyn AdminBackend>> {
    Router::new()
        .route(
            "/v1/overrides",
            get(|State(backend): Backend| async move { answer(backend.overrides().await) })
                .post(shift),
        )
        .route("/v1/overrides/end", post(end))
        .route("/v1/approve", post(approve))
        .route("/v1/brake/release", post(release))
        .route(
            "/v1/readiness",
            get(|State(backend): Backend| async move { answer(backend.readiness().await) }),
        )
        .route("/v1/simulate/{*domain}", get(simulate))
        .route("/v1/replay/{*generation}", get(replay))
}

/// Whom the certificate speaks for; whoever has none never comes here.
fn who(peer: &Peer) -> String {
    match &peer.identity {
        // The name alone, so that whoever asked by a TrafficShift cannot approve it by a verb.
        Some(identity) if identity.role == Role::Operator => identity.name.to_string(),
        Some(identity) => identity.to_string(),
        None => "nobody".to_owned(),
    }
}

async fn shift(
    State(backend): Backend,
    ConnectInfo(peer): ConnectInfo<Peer>,
    asked: Result<Json<Shift>, JsonRejection>,
) -> Response {
    match asked {
        Ok(Json(asked)) => answer(backend.shift(&asked, &who(&peer)).await),
        Err(error) => refuse(bad(error.body_text())),
    }
}

async fn end(
    State(backend): Backend,
    ConnectInfo(peer): ConnectInfo<Peer>,
    asked: Result<Json<EndRequest>, JsonRejection>,
) -> Response {
    match asked {
        Ok(Json(asked)) => answer(backend.end_shift(&asked, &who(&peer)).await),
        Err(error) => refuse(bad(error.body_text())),
    }
}

async fn approve(
    State(backend): Backend,
    ConnectInfo(peer): ConnectInfo<Peer>,
    asked: Result<Json<ApproveRequest>, JsonRejection>,
) -> Response {
    match asked {
        Ok(Json(asked)) => answer(backend.approve(&asked, &who(&peer)).await),
        Err(error) => refuse(bad(error.body_text())),
    }
}

async fn release(
    State(backend): Backend,
    ConnectInfo(peer): ConnectInfo<Peer>,
    asked: Result<Json<ReleaseRequest>, JsonRejection>,
) -> Response {
    match asked {
        Ok(Json(asked)) => answer(backend.release_brake(&asked, &who(&peer)).await),
        Err(error) => refuse(bad(error.body_text())),
    }
}

async fn simulate(State(backend): Backend, Path(domain): Path<String>) -> Response {
    match domain.parse::<Domain>() {
        Ok(domain) => answer(backend.simulate(&domain).await),
        Err(error) => refuse(bad(error)),
    }
}

async fn replay(State(backend): Backend, Path(generation): Path<String>) -> Response {
    match generation.parse::<Generation>() {
        Ok(generation) => answer(backend.replay(generation).await),
        Err(error) => refuse(bad(error)),
    }
}
