//! A planted bug: a client whose writes say nothing of what they replace, and some of which arrive late, after it has been told
//! that they failed.

use std::sync::Arc;

use http::header::CONTENT_LENGTH;
use http::{Method, Request, Response};
use kube::Client;
use kube::client::Body;
use serde_json::Value;

use crate::dice::Dice;
use crate::executor;

/// A client over another one.
#[must_use]
pub fn client(inner: Client, dice: Dice) -> Client {
    let dice = Arc::new(dice);
    let serve = move |request: Request<Body>| write(inner.clone(), Arc::clone(&dice), request);
    Client::new(tower::service_fn(serve), "default")
}

async fn write(
    inner: Client,
    dice: Arc<Dice>,
    request: Request<Body>,
) -> Result<Response<Body>, kube::Error> {
    if request.method() != Method::PATCH || request.uri().path().contains("/leases/") {
        return inner.send(request).await;
    }
    let (mut parts, body) = request.into_parts();
    let bytes = body.collect_bytes().await?;
    let stripped = strip(&bytes).unwrap_or_else(|| bytes.to_vec());
    parts.headers.remove(CONTENT_LENGTH);
    let request = Request::from_parts(parts, Body::from(stripped));
    if !dice.percent(15) {
        return inner.send(request).await;
    }
    let late = dice.millis(2_000, 30_000);
    executor::spawn(async move {
        tokio::time::sleep(late).await;
        let _ = inner.send(request).await;
    });
    let broken = std::io::Error::other("the connection was reset");
    Err(kube::Error::Service(broken.into()))
}

/// The object without what it was read as.
pub(super) fn strip(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut object: Value = serde_json::from_slice(bytes).ok()?;
    let metadata = object.get_mut("metadata")?.as_object_mut()?;
    metadata.remove("resourceVersion");
    metadata.remove("uid");
    serde_json::to_vec(&object).ok()
}
