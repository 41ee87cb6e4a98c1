//! A planted bug: a member's second agent looks at a Lease of another name, and holds that one.

use http::header::CONTENT_LENGTH;
use http::{Request, Response, Uri};
use kube::Client;
use kube::client::Body;

/// What both agents are to hold.
const OURS: &str = "causeway-agent";
/// What the second one holds instead.
const OTHER: &str = "causeway-agent-2";

/// A client over another one.
#[must_use]
pub fn client(inner: Client) -> Client {
    let serve = move |request: Request<Body>| send(inner.clone(), request);
    Client::new(tower::service_fn(serve), "default")
}

async fn send(inner: Client, request: Request<Body>) -> Result<Response<Body>, kube::Error> {
    let path = request.uri().to_string();
    if !path.contains("/leases") {
        return inner.send(request).await;
    }
    let (mut parts, body) = request.into_parts();
    let other = path.replace(&format!("/leases/{OURS}"), &format!("/leases/{OTHER}"));
    // It was a URI before, too.
    parts.uri = other.parse::<Uri>().unwrap_or(parts.uri);
    let text = String::from_utf8_lossy(&body.collect_bytes().await?).into_owned();
    let text = text.replace(&format!("\"{OURS}\""), &format!("\"{OTHER}\""));
    parts.headers.remove(CONTENT_LENGTH);
    let request = Request::from_parts(parts, Body::from(text.into_bytes()));
    inner.send(request).await
}
