//! A planted bug: a writer that makes all entries of a service anew, and begins by deleting what is there.

use causeway_memory::MemoryMember;
use http::header::CONTENT_LENGTH;
use http::{Method, Request, Response};
use kube::Client;
use kube::client::Body;

use super::members::NAMESPACE;
use super::unguarded::strip;
use super::witness::text;

const ISTIO: &str = "networking.istio.io/v1";
const ENTRY: &str = "WorkloadEntry";

/// A client over another one, of this member.
#[must_use]
pub fn client(inner: Client, member: MemoryMember) -> Client {
    let serve = move |request: Request<Body>| write(inner.clone(), member.clone(), request);
    Client::new(tower::service_fn(serve), "default")
}

async fn write(
    inner: Client,
    member: MemoryMember,
    request: Request<Body>,
) -> Result<Response<Body>, kube::Error> {
    let name = request.uri().path().rsplit('/').next().unwrap_or_default();
    let service = name
        .strip_prefix("cw-")
        .and_then(|name| name.split('.').next());
    let Some(service) = service.filter(|_| {
        request.method() == Method::PATCH && request.uri().path().contains("/workloadentries/")
    }) else {
        return inner.send(request).await;
    };
    let prefix = format!("cw-{service}.");
    for entry in member.objects(ISTIO, ENTRY).unwrap_or_default() {
        let name = text(&entry, "/metadata/name");
        if name.starts_with(&prefix) {
            // Gone already where another wrote meanwhile.
            let _ = member.delete(ISTIO, ENTRY, NAMESPACE, name);
        }
    }
    let (mut parts, body) = request.into_parts();
    let bytes = body.collect_bytes().await?;
    let stripped = strip(&bytes).unwrap_or_else(|| bytes.to_vec());
    parts.headers.remove(CONTENT_LENGTH);
    inner
        .send(Request::from_parts(parts, Body::from(stripped)))
        .await
}
