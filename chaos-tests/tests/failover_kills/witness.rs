//! Sees every write to our objects of a cluster, as its API server tells watchers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, bail, ensure};
use causeway_chaos_tests::causeway::DEADLINE;
use causeway_chaos_tests::causeway::declared::api;
use causeway_chaos_tests::causeway::mesh::KINDS;
use causeway_chaos_tests::eventually;
use futures::StreamExt as _;
use kube::api::{DynamicObject, ListParams, WatchEvent, WatchParams};
use kube::{Client, ResourceExt as _};
use tokio::task::JoinHandle;

const OURS: &str = "app.kubernetes.io/managed-by=causeway";
const GENERATION: &str = "causeway.dev/generation";

/// One write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Write {
    /// The object is there, with the decisions up to that generation.
    Put(Vec<u64>),
    /// It is gone.
    Deleted,
}

type Writes = Arc<Mutex<Vec<(String, Write)>>>;

/// The objects that are there, by name, with their `resourceVersion`.
type Versions = BTreeMap<String, String>;

/// Watches one cluster.
pub(crate) struct Witness {
    cluster: String,
    client: Client,
    writes: Writes,
    /// What is there, as far as it was told.
    seen: Arc<Mutex<Versions>>,
    /// What was wrong with a watch.
    trouble: Arc<Mutex<Option<String>>>,
    tasks: Vec<JoinHandle<()>>,
}

fn generation(object: &DynamicObject) -> Vec<u64> {
    let text = object.annotations().get(GENERATION).cloned();
    let text = text.unwrap_or_default();
    text.split('/')
        .filter_map(|part| part.parse().ok())
        .collect()
}

impl Witness {
    /// Watches from now on.
    pub(crate) async fn of(cluster: &str, client: &Client) -> anyhow::Result<Self> {
        let (writes, trouble) = (Writes::default(), Arc::<Mutex<Option<String>>>::default());
        let seen = Arc::<Mutex<Versions>>::default();
        let mut tasks = Vec::new();
        for (version, kind) in KINDS {
            let api = api(client, version, kind, None);
            let there = api.list(&ListParams::default().labels(OURS)).await?;
            for object in &there {
                let write = (named(kind, object), Write::Put(generation(object)));
                writes.lock().unwrap().push(write);
                seen.lock()
                    .unwrap()
                    .insert(named(kind, object), version_of(object));
            }
            let mut at = there.metadata.resource_version.context("no revision")?;
            let (writes, trouble) = (Arc::clone(&writes), Arc::clone(&trouble));
            let seen = Arc::clone(&seen);
            tasks.push(tokio::spawn(async move {
                let outcome = async {
                    loop {
                        let params = WatchParams::default().labels(OURS).timeout(290);
                        let mut events = api.watch(&params, &at).await?.boxed();
                        while let Some(event) = events.next().await {
                            let (object, write) = match event? {
                                WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                                    let generation = generation(&object);
                                    (object, Write::Put(generation))
                                }
                                WatchEvent::Deleted(object) => (object, Write::Deleted),
                                WatchEvent::Bookmark(_) => continue,
                                WatchEvent::Error(error) => bail!("{error}"),
                            };
                            at = object.resource_version().context("no revision")?;
                            let name = named(kind, &object);
                            match write {
                                Write::Deleted => seen.lock().unwrap().remove(&name),
                                Write::Put(_) => seen.lock().unwrap().insert(name, at.clone()),
                            };
                            writes.lock().unwrap().push((named(kind, &object), write));
                        }
                    }
                    #[allow(unreachable_code)]
                    anyhow::Ok(())
                };
                if let Err(error) = outcome.await {
                    *trouble.lock().unwrap() = Some(format!("{kind}: {error:#}"));
                }
            }));
        }
        let cluster = cluster.to_owned();
        Ok(Self {
            cluster,
            client: client.clone(),
            writes,
            seen,
            trouble,
            tasks,
        })
    }

    fn writes(&self) -> Vec<(String, Write)> {
        let writes = self.writes.lock();
        writes.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until it was told of all that its API server has: watchers are told a moment later than whoever asks.
    async fn caught_up(&self) -> anyhow::Result<()> {
        let what = format!("{}: its watches were told of everything", self.cluster);
        eventually(DEADLINE, &what, || async {
            let mut there = Versions::new();
            for (version, kind) in KINDS {
                let api = api(&self.client, version, kind, None);
                for object in api.list(&ListParams::default().labels(OURS)).await? {
                    there.insert(named(kind, &object), version_of(&object));
                }
            }
            let seen = self.seen.lock().unwrap().clone();
            ensure!(
                seen == there,
                "there is {there:?}, and it was told {seen:?}"
            );
            Ok(())
        })
        .await
    }

    /// How many writes there were so far.
    pub(crate) async fn mark(&self) -> anyhow::Result<usize> {
        self.caught_up().await?;
        Ok(self.writes().len())
    }

    /// The writes since then, by object, in their order.
    pub(crate) fn since(&self, mark: usize) -> BTreeMap<String, Vec<Write>> {
        let mut found: BTreeMap<String, Vec<Write>> = BTreeMap::new();
        for (name, write) in self.writes().into_iter().skip(mark) {
            found.entry(name).or_default().push(write);
        }
        found
    }

    /// Checks that nothing was written since then, but to objects whose name has this in it.
    pub(crate) async fn only_since(&self, mark: usize, part: &str) -> anyhow::Result<()> {
        self.caught_up().await?;
        let mut found = self.since(mark);
        found.retain(|name, _| !name.contains(part));
        ensure!(
            found.is_empty(),
            "{}: written, and should have been left alone: {found:#?}",
            self.cluster
        );
        Ok(())
    }

    /// Checks that nothing was written since then.
    pub(crate) async fn quiet_since(&self, mark: usize) -> anyhow::Result<()> {
        self.caught_up().await?;
        let found = self.since(mark);
        ensure!(
            found.is_empty(),
            "{}: written, and should have been left alone: {found:#?}",
            self.cluster
        );
        Ok(())
    }

    /// Checks that no object ever went back to older decisions, all the time.
    pub(crate) async fn never_went_back(&self) -> anyhow::Result<()> {
        self.caught_up().await?;
        let trouble = self.trouble.lock().unwrap().clone();
        ensure!(trouble.is_none(), "{}: {trouble:?}", self.cluster);
        for (name, writes) in self.since(0) {
            let mut last: Vec<u64> = Vec::new();
            for write in &writes {
                if let Write::Put(generation) = write {
                    ensure!(
                        generation.len() == 3 && *generation >= last,
                        "{}: {name} went back: {writes:?}",
                        self.cluster
                    );
                    last.clone_from(generation);
                }
            }
        }
        Ok(())
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

fn version_of(object: &DynamicObject) -> String {
    object.resource_version().unwrap_or_default()
}

fn named(kind: &str, object: &DynamicObject) -> String {
    let namespace = object.namespace().unwrap_or_default();
    format!("{kind} {namespace}/{}", object.name_any())
}
