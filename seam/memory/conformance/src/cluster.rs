//! The cluster that cases run against.

use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use http::Request;
use http_body_util::BodyExt as _;
use kube::Client;
use kube::client::Body;
use kube::core::WatchEvent;
use serde_json::{Value, json};

/// How long a case waits for anything.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// Makes a token of a page one whose revision is forgotten.
pub type Expire = Box<dyn Fn(String) -> BoxFuture<'static, anyhow::Result<String>> + Send + Sync>;

/// A cluster with the definitions of Istio, Gateway API, Multi-Cluster Services and Causeway.
pub struct Cluster {
    /// A client that may do everything.
    pub client: Client,
    /// A client that may do nothing.
    pub stranger: Client,
    /// Lets a page's token expire.
    pub expire: Expire,
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster").finish_non_exhaustive()
    }
}

/// The answer to a request.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP code.
    pub code: u16,
    /// The body; a string where it is no JSON.
    pub body: Value,
}

impl Answer {
    /// The body of a success.
    ///
    /// # Errors
    /// Where it was another code.
    pub fn expect(self, code: u16) -> anyhow::Result<Value> {
        ensure!(
            self.code == code,
            "{} instead of {code}: {}",
            self.code,
            self.body
        );
        Ok(self.body)
    }

    /// Checks a refusal: its code, its reason, and that it is a Status that says so.
    ///
    /// # Errors
    /// Where it was anything else.
    pub fn refused(self, code: u16, reason: &str) -> anyhow::Result<Value> {
        let body = self.expect(code)?;
        ensure!(
            body["kind"] == "Status" && body["status"] == "Failure",
            "no failure: {body}"
        );
        ensure!(
            body["reason"] == reason,
            "the reason isn't {reason}: {body}"
        );
        ensure!(body["code"] == code, "the code isn't {code}: {body}");
        ensure!(!text(&body, "/message").is_empty(), "no message: {body}");
        Ok(body)
    }
}

/// The text at a JSON pointer; empty where there is none.
#[must_use]
pub fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// The `resourceVersion` of an object or a list.
///
/// # Errors
/// Where it has none, or one that is no number.
pub fn revision(value: &Value) -> anyhow::Result<u64> {
    let found = text(value, "/metadata/resourceVersion");
    found
        .parse()
        .with_context(|| format!("resourceVersion {found:?} of {value}"))
}

/// A copy without system metadata: what can be compared.
#[must_use]
pub fn bare(object: &Value) -> Value {
    let mut bare = object.clone();
    if let Some(metadata) = bare.get_mut("metadata").and_then(Value::as_object_mut) {
        for field in [
            "creationTimestamp",
            "generation",
            "managedFields",
            "resourceVersion",
            "uid",
        ] {
            metadata.remove(field);
        }
    }
    bare
}

impl Cluster {
    /// Sends a request by a client and reads the answer, whatever its code.
    ///
    /// # Errors
    /// Where no answer came.
    pub async fn send_as(
        client: &Client,
        method: &str,
        path: &str,
        form: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Answer> {
        let bytes = body.map(Value::to_string).unwrap_or_default().into_bytes();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("accept", "application/json")
            .header("content-type", form)
            .body(Body::from(bytes))?;
        let sent = tokio::time::timeout(DEADLINE, client.send(request));
        let answer = sent
            .await
            .with_context(|| format!("no answer to {method} {path}"))??;
        let code = answer.status().as_u16();
        let bytes = answer.into_body().collect().await?.to_bytes();
        let body = serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| Value::from(String::from_utf8_lossy(&bytes).into_owned()));
        Ok(Answer { code, body })
    }

    async fn send(
        &self,
        method: &str,
        path: &str,
        form: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Answer> {
        Self::send_as(&self.client, method, path, form, body).await
    }

    /// GET.
    ///
    /// # Errors
    /// Where no answer came; so with the others.
    pub async fn get(&self, path: &str) -> anyhow::Result<Answer> {
        self.send("GET", path, "application/json", None).await
    }

    /// POST.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Answer> {
        self.send("POST", path, "application/json", Some(body))
            .await
    }

    /// PUT.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn put(&self, path: &str, body: &Value) -> anyhow::Result<Answer> {
        self.send("PUT", path, "application/json", Some(body)).await
    }

    /// PATCH by a merge patch.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn merge(&self, path: &str, body: &Value) -> anyhow::Result<Answer> {
        self.send("PATCH", path, "application/merge-patch+json", Some(body))
            .await
    }

    /// PATCH by server-side apply.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn apply(
        &self,
        path: &str,
        manager: &str,
        force: bool,
        body: &Value,
    ) -> anyhow::Result<Answer> {
        let path = format!("{path}?fieldManager={manager}&force={force}");
        self.send("PATCH", &path, "application/apply-patch+yaml", Some(body))
            .await
    }

    /// PATCH by server-side apply, with these parameters only.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn apply_raw(&self, path: &str, body: &Value) -> anyhow::Result<Answer> {
        self.send("PATCH", path, "application/apply-patch+yaml", Some(body))
            .await
    }

    /// DELETE, with options where they are given.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn delete(&self, path: &str, options: Option<&Value>) -> anyhow::Result<Answer> {
        self.send("DELETE", path, "application/json", options).await
    }

    /// Makes the namespace of a case and returns its name.
    ///
    /// # Errors
    /// Where it can't be made.
    pub async fn namespace(&self, case: &str) -> anyhow::Result<String> {
        let name = case.replace('_', "-");
        let body = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } });
        self.post("/api/v1/namespaces", &body).await?.expect(201)?;
        Ok(name)
    }

    /// Begins a watch; the path has its parameters but for `watch` itself.
    ///
    /// # Errors
    /// Where it isn't begun.
    pub async fn watch(&self, path: &str) -> anyhow::Result<Watch> {
        let mark = if path.contains('?') { '&' } else { '?' };
        let request = Request::get(format!("{path}{mark}watch=true")).body(Vec::new())?;
        let events = self.client.request_events::<Value>(request).await?;
        Ok(Watch(events.boxed()))
    }

    /// Looks again and again until `look` says `Ok`.
    ///
    /// # Errors
    /// Its last error, at the deadline.
    pub async fn eventually<T, Look, Said>(&self, mut look: Look) -> anyhow::Result<T>
    where
        Look: FnMut() -> Said,
        Said: Future<Output = anyhow::Result<T>>,
    {
        let end = tokio::time::Instant::now() + DEADLINE;
        loop {
            match look().await {
                Ok(value) => return Ok(value),
                Err(error) if tokio::time::Instant::now() >= end => return Err(error),
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }
}

/// A running watch.
pub struct Watch(BoxStream<'static, kube::Result<WatchEvent<Value>>>);

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Watch")
    }
}

impl Watch {
    /// The next event, as its type and its object; `None` at the end.
    ///
    /// # Errors
    /// Where nothing comes in time, or the connection breaks.
    pub async fn next(&mut self) -> anyhow::Result<Option<(&'static str, Value)>> {
        let next = tokio::time::timeout(DEADLINE, self.0.next());
        Ok(
            match next.await.context("no event came in time")?.transpose()? {
                None => None,
                Some(WatchEvent::Added(object)) => Some(("ADDED", object)),
                Some(WatchEvent::Modified(object)) => Some(("MODIFIED", object)),
                Some(WatchEvent::Deleted(object)) => Some(("DELETED", object)),
                Some(WatchEvent::Bookmark(mark)) => {
                    let revision = mark.metadata.resource_version;
                    let body = json!({ "kind": mark.types.kind, "metadata": { "resourceVersion": revision } });
                    Some(("BOOKMARK", body))
                }
                Some(WatchEvent::Error(status)) => Some(("ERROR", serde_json::to_value(status)?)),
            },
        )
    }

    /// The next event's object, where it is of that type and name.
    ///
    /// # Errors
    /// Where it is another one.
    pub async fn expect(&mut self, kind: &str, name: &str) -> anyhow::Result<Value> {
        match self.next().await? {
            Some((found, object)) if found == kind && text(&object, "/metadata/name") == name => {
                Ok(object)
            }
            other => bail!("{other:?} instead of {kind} of {name}"),
        }
    }
}
