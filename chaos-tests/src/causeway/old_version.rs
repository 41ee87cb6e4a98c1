//! A door to a real API server that says it's of another version. Everything else passes through unchanged.

use std::net::SocketAddr;

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    response::{IntoResponse as _, Response},
};
use http::StatusCode;
use kube::Client;
use tokio::{net::TcpListener, task::JoinHandle};

/// Listens, without TLS, on a loopback address.
#[derive(Debug)]
pub struct OldVersion {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl OldVersion {
    /// Opens one to the API server of `client`, as which everybody is taken who comes through it. `version` is what it says,
    /// such as `v1.20.0`.
    ///
    /// # Errors
    /// If there's no port.
    pub async fn open(client: Client, version: &'static str) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let router = Router::new().fallback(pass).with_state((client, version));
        let task = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                eprintln!("the door of a test ended: {error}");
            }
        });
        Ok(Self { address, task })
    }

    /// `http://…`
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for OldVersion {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(
    State((client, version)): State<(Client, &'static str)>,
    request: Request,
) -> Response {
    if request.uri().path() == "/version" {
        let mut parts = version.trim_start_matches('v').split('.');
        let (major, minor) = (
            parts.next().unwrap_or_default(),
            parts.next().unwrap_or_default(),
        );
        return axum::Json(serde_json::json!({
            "major": major, "minor": minor, "gitVersion": version, "gitCommit": "", "gitTreeState": "clean",
            "buildDate": "", "goVersion": "", "compiler": "gc", "platform": "linux/amd64",
        }))
        .into_response();
    }
    let (mut parts, body) = request.into_parts();
    // The client brings its own.
    for header in [
        http::header::HOST,
        http::header::AUTHORIZATION,
        http::header::CONNECTION,
    ] {
        parts.headers.remove(header);
    }
    let asked = match axum::body::to_bytes(body, 64 << 20).await {
        Ok(body) => {
            client
                .send(http::Request::from_parts(
                    parts,
                    kube::client::Body::from(body.to_vec()),
                ))
                .await
        }
        Err(error) => return (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    };
    match asked {
        Ok(answer) => answer.map(Body::new).into_response(),
        Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    }
}
