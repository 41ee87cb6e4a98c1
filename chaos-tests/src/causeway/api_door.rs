//! A door to a real API server: it remembers how it was asked, and may say that it's of another version. Everything else
//! passes through unchanged.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    response::{IntoResponse as _, Response},
};
use http::StatusCode;
use kube::Client;
use tokio::{net::TcpListener, task::JoinHandle};

/// How many requests came, by method.
type Asked = Arc<Mutex<BTreeMap<String, usize>>>;

/// Listens, without TLS, on a loopback address.
#[derive(Debug)]
pub struct ApiDoor {
    address: SocketAddr,
    asked: Asked,
    task: JoinHandle<()>,
}

#[derive(Clone)]
struct Inside {
    client: Client,
    version: Option<&'static str>,
    asked: Asked,
}

impl ApiDoor {
    /// Opens one to the API server of `client`, as which everybody is taken who comes through it. `version` is what it says
    /// instead of its own, such as `v1.20.0`.
    ///
    /// # Errors
    /// If there's no port.
    pub async fn open(client: Client, version: Option<&'static str>) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let asked = Asked::default();
        let inside = Inside {
            client,
            version,
            asked: Arc::clone(&asked),
        };
        let router = Router::new().fallback(pass).with_state(inside);
        let task = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                eprintln!("the door of a test ended: {error}");
            }
        });
        Ok(Self {
            address,
            asked,
            task,
        })
    }

    /// How many requests came through it, by method. A request counts before it's passed on.
    #[must_use]
    pub fn asked(&self) -> BTreeMap<String, usize> {
        self.asked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// `http://…`
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for ApiDoor {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(State(inside): State<Inside>, request: Request) -> Response {
    *inside
        .asked
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .entry(request.method().to_string())
        .or_default() += 1;
    if let Some(version) = inside.version
        && request.uri().path() == "/version"
    {
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
            inside
                .client
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
