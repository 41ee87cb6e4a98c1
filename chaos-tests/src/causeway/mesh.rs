//! Our objects in a member, seen from outside.

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use kube::{Client, ResourceExt as _, api::ListParams};
use serde_json::Value;

use super::declared::api;

/// The kinds that are ours to write.
pub const KINDS: [(&str, &str); 4] = [
    ("networking.istio.io/v1", "WorkloadEntry"),
    ("networking.istio.io/v1", "DestinationRule"),
    ("networking.istio.io/v1", "ServiceEntry"),
    ("gateway.networking.k8s.io/v1", "Gateway"),
];

/// All objects of ours at one moment, by `Kind namespace/name`.
#[derive(Debug, Clone, PartialEq)]
pub struct Objects(pub BTreeMap<String, Value>);

impl Objects {
    /// Those that carry our label.
    ///
    /// # Errors
    /// If the API server doesn't answer.
    pub async fn of(client: &Client) -> anyhow::Result<Self> {
        Self::labelled(client, "app.kubernetes.io/managed-by=causeway").await
    }

    /// All objects of our kinds, whoever wrote them.
    ///
    /// # Errors
    /// If the API server doesn't answer.
    pub async fn all(client: &Client) -> anyhow::Result<Self> {
        Self::labelled(client, "").await
    }

    async fn labelled(client: &Client, labels: &str) -> anyhow::Result<Self> {
        let mut objects = BTreeMap::new();
        for (version, kind) in KINDS {
            let found = api(client, version, kind, None)
                .list(&ListParams::default().labels(labels))
                .await;
            for object in found.with_context(|| format!("listing {kind}"))? {
                let name = format!(
                    "{kind} {}/{}",
                    object.namespace().unwrap_or_default(),
                    object.name_any()
                );
                objects.insert(name, serde_json::to_value(object)?);
            }
        }
        Ok(Self(objects))
    }

    /// The names.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }

    /// By name: UID and resourceVersion. Whoever writes anything into an object changes one of them.
    #[must_use]
    pub fn versions(&self) -> BTreeMap<String, String> {
        let part = |object: &Value, pointer: &str| crate::json::text(object, pointer);
        let version = |object| {
            format!(
                "{} {}",
                part(object, "/metadata/uid"),
                part(object, "/metadata/resourceVersion")
            )
        };
        self.0
            .iter()
            .map(|(name, object)| (name.clone(), version(object)))
            .collect()
    }

    /// Without those whose name has this in it.
    #[must_use]
    pub fn without(&self, part: &str) -> Self {
        let others = self.0.iter().filter(|(name, _)| !name.contains(part));
        Self(
            others
                .map(|(name, object)| (name.clone(), object.clone()))
                .collect(),
        )
    }

    /// Checks that nothing was written, created or deleted between two moments.
    ///
    /// # Errors
    /// With what was.
    pub fn untouched_since(&self, before: &Self) -> anyhow::Result<()> {
        let (then, now) = (before.versions(), self.versions());
        let names: std::collections::BTreeSet<&String> = then.keys().chain(now.keys()).collect();
        let changed: Vec<String> = names
            .into_iter()
            .filter(|name| then.get(*name) != now.get(*name))
            .map(|name| {
                let show = |objects: &Self| {
                    objects.0.get(name).map_or("absent".to_owned(), |object| {
                        let spec = crate::json::at(object, "/spec");
                        let notes = crate::json::at(object, "/metadata/annotations");
                        format!(
                            "{} {notes} {spec}",
                            crate::json::text(object, "/metadata/resourceVersion")
                        )
                    })
                };
                format!(
                    "{name}:\n  before {}\n  after  {}",
                    show(before),
                    show(self)
                )
            })
            .collect();
        ensure!(
            changed.is_empty(),
            "objects were written that should have been left alone:\n{}",
            changed.join("\n")
        );
        Ok(())
    }
}
