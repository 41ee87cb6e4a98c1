//! `/healthz`, `/readyz` and `/metrics` over plain HTTP, for kubelets and scrapers: of a controller and of an agent.

use std::future::IntoFuture;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use causeway_seam::Env;
use causeway_seam::real::net::Listener;
use http::{StatusCode, header};
use tokio_util::sync::CancellationToken;

use super::server::Serving;
use crate::telemetry::Metrics;

/// Says whether a process can do its work.
pub trait Ready: Send + Sync + 'static {
    /// Whether it is ready; and what else is being waited for, a sentence each, by what it does not need for its work.
    ///
    /// # Errors
    /// What it waits for, as a sentence.
    fn ready(&self) -> Result<Vec<String>, String>;
}

impl<F: Fn() -> Result<Vec<String>, String> + Send + Sync + 'static> Ready for F {
    fn ready(&self) -> Result<Vec<String>, String> {
        self()
    }
}

#[derive(Clone)]
struct Health {
    ready: Arc<dyn Ready>,
    metrics: Metrics,
}

/// Serves until the returned handle is dropped.
///
/// # Errors
/// The system's word where the listener's address cannot be read.
pub fn serve_health(
    env: &Env,
    listener: Listener,
    ready: Arc<dyn Ready>,
    metrics: Metrics,
) -> std::io::Result<Serving> {
    let address = listener.local_addr()?;
    let router = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics_text))
        .with_state(Health { ready, metrics });
    let stop = CancellationToken::new();
    let server =
        axum::serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned());
    Ok(Serving::start(
        env,
        "health",
        address,
        stop,
        server.into_future(),
    ))
}

async fn readyz(State(health): State<Health>) -> Response {
    match health.ready.ready() {
        Ok(waiting) => {
            let waiting = waiting.iter().map(|what| format!("waiting: {what}\n"));
            format!("ok\n{}", waiting.collect::<String>()).into_response()
        }
        Err(why) => (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("not ready: {why}\n"),
        )
            .into_response(),
    }
}

async fn metrics_text(State(health): State<Health>) -> Response {
    const TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, TYPE)], health.metrics.text()).into_response()
}
