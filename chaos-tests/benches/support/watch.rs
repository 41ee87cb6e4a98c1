//! A bare watch of one object: what the API server sends, with the time of its arrival, and nothing on top.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use futures::TryStreamExt as _;
use kube::{
    Api,
    api::{DynamicObject, ListParams, WatchEvent, WatchParams},
};
use serde_json::Value;
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};

/// A number that's read out of each version of an object.
pub(crate) type Read = fn(&Value) -> u64;

/// A running watch.
pub(crate) struct Watch {
    seen: mpsc::UnboundedReceiver<(Instant, u64)>,
    task: JoinHandle<()>,
}

impl Watch {
    /// Watches the object of this name from now on.
    ///
    /// # Errors
    /// If it can't be listed.
    pub(crate) async fn start(
        api: Api<DynamicObject>,
        name: &str,
        read: Read,
    ) -> anyhow::Result<Self> {
        let field = format!("metadata.name={name}");
        let list = api.list(&ListParams::default().fields(&field)).await?;
        let mut version = list
            .metadata
            .resource_version
            .context("a list without a version")?;
        let (say, seen) = mpsc::unbounded_channel();
        let task = tokio::spawn(async move {
            let params = WatchParams::default().fields(&field).timeout(290);
            loop {
                let Ok(stream) = api.watch(&params, &version).await else {
                    return;
                };
                let mut stream = std::pin::pin!(stream);
                while let Ok(Some(event)) = stream.try_next().await {
                    let at = Instant::now();
                    let (WatchEvent::Added(object) | WatchEvent::Modified(object)) = event else {
                        continue;
                    };
                    if let Some(newer) = object.metadata.resource_version {
                        version = newer;
                    }
                    if say.send((at, read(&object.data))).is_err() {
                        return;
                    }
                }
            }
        });
        Ok(Self { seen, task })
    }

    /// When a version with this number arrived; earlier versions are passed over.
    ///
    /// # Errors
    /// If none does in a minute.
    pub(crate) async fn until(&mut self, wanted: u64) -> anyhow::Result<Instant> {
        loop {
            match timeout(Duration::from_secs(60), self.seen.recv()).await {
                Ok(Some((at, number))) if number == wanted => return Ok(at),
                Ok(Some(_)) => {}
                Ok(None) => bail!("the watch ended"),
                Err(_) => bail!("no version with {wanted} in a minute"),
            }
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The ready endpoints of a slice.
pub(crate) fn ready(slice: &Value) -> u64 {
    let endpoints = slice.get("endpoints").and_then(Value::as_array);
    let ready = endpoints
        .into_iter()
        .flatten()
        .filter(|one| one.pointer("/conditions/ready") == Some(&Value::Bool(true)));
    ready.count() as u64
}

/// The weight of an entry.
pub(crate) fn weight(entry: &Value) -> u64 {
    entry
        .pointer("/spec/weight")
        .and_then(Value::as_u64)
        .unwrap_or(0)
}
