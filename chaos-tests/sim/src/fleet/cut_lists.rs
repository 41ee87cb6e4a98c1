//! A planted bug: lists of MemberClusters come without the last one, as if somebody had stopped in the middle of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::header::CONTENT_LENGTH;
use http::{Method, Request, Response};
use kube::Client;
use kube::client::Body;
use serde_json::Value;

/// A client over another one; lists are whole until `begun`.
#[must_use]
pub fn client(inner: Client, begun: Arc<AtomicBool>) -> Client {
    let serve = move |request: Request<Body>| read(inner.clone(), Arc::clone(&begun), request);
    Client::new(tower::service_fn(serve), "default")
}

async fn read(
    inner: Client,
    begun: Arc<AtomicBool>,
    request: Request<Body>,
) -> Result<Response<Body>, kube::Error> {
    let uri = request.uri();
    let watches = uri.query().is_some_and(|query| query.contains("watch="));
    let lists = request.method() == Method::GET
        && uri.path().ends_with("/memberclusters")
        && !watches
        && begun.load(Ordering::Relaxed);
    let answer = inner.send(request).await?;
    if !lists {
        return Ok(answer);
    }
    let (mut parts, body) = answer.into_parts();
    let bytes = body.collect_bytes().await?;
    let cut = cut(&bytes).unwrap_or_else(|| bytes.to_vec());
    parts.headers.remove(CONTENT_LENGTH);
    Ok(Response::from_parts(parts, Body::from(cut)))
}

/// The list without its last object.
fn cut(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut list: Value = serde_json::from_slice(bytes).ok()?;
    list.get_mut("items")?.as_array_mut()?.pop()?;
    serde_json::to_vec(&list).ok()
}
