//! Plain HTTP requests to admin and health interfaces.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tokio::time::timeout;

/// The body of a successful answer to `GET http://address/path`.
///
/// # Errors
/// If there's no answer within half a minute, or its status isn't 2xx.
pub async fn get(address: SocketAddr, path: &str) -> anyhow::Result<Bytes> {
    request(http::Method::GET, address, path).await
}

/// As [`get`], for the requests that change something, such as Envoy's `/quitquitquit`.
///
/// # Errors
/// As [`get`].
pub async fn post(address: SocketAddr, path: &str) -> anyhow::Result<Bytes> {
    request(http::Method::POST, address, path).await
}

async fn request(method: http::Method, address: SocketAddr, path: &str) -> anyhow::Result<Bytes> {
    let uri = format!("http://{address}{path}");
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    let request = http::Request::builder()
        .method(method)
        .uri(&uri)
        .body(Empty::new())?;
    let answer = async {
        let response = client.request(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        ensure!(
            status.is_success(),
            "{status}: {}",
            String::from_utf8_lossy(&body)
        );
        Ok(body)
    };
    timeout(Duration::from_secs(30), answer)
        .await
        .context("no answer in 30 s")
        .flatten()
        .with_context(|| uri)
}
