//! A member in memory, and the handle by which tests and scenarios hold it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use causeway_seam::Env;
use kube::Client;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::config::Config;
use crate::discovery;
use crate::faults::Deny;
use crate::kinds::{self, KINDS, Kind};
use crate::object;
use crate::read::render;
use crate::service;
use crate::store::{Store, key};
use crate::write::{self, At};

/// What clients, watches and handles share.
#[derive(Debug)]
pub(crate) struct Shared {
    store: Mutex<Store>,
    pub(crate) env: Env,
    pub(crate) changes: watch::Sender<u64>,
}

impl Shared {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Store> {
        // A panic under this lock is a test's own; the store is whole after each step.
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells everybody who waits that something changed.
    pub(crate) fn tell(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    /// The way to the member: hangs, fails or takes long, as it was ordered.
    ///
    /// # Errors
    /// Where connections are refused.
    pub(crate) async fn reach(&self) -> io::Result<()> {
        let delay = self.lock().faults.delay;
        if !delay.is_zero() {
            self.env.sleep(delay).await;
        }
        let mut changes = self.changes.subscribe();
        loop {
            {
                let store = self.lock();
                if store.faults.refused {
                    let kind = io::ErrorKind::ConnectionRefused;
                    return Err(io::Error::new(kind, "the connection was refused"));
                }
                if !store.faults.dark {
                    return Ok(());
                }
            }
            let _ = changes.changed().await;
        }
    }
}

/// What a handle was asked for and refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: {message}")]
pub struct MemberError {
    /// The API's reason, such as `NotFound`.
    pub reason: String,
    /// Its message.
    pub message: String,
}

impl From<crate::status::Refusal> for MemberError {
    fn from(refusal: crate::status::Refusal) -> Self {
        Self {
            reason: refusal.reason.to_owned(),
            message: refusal.message,
        }
    }
}

/// A member cluster in memory. Clones are the same member.
#[derive(Debug, Clone)]
pub struct MemoryMember {
    pub(crate) shared: Arc<Shared>,
}

/// Namespaces that every cluster has.
const NAMESPACES: [&str; 4] = ["default", "kube-node-lease", "kube-public", "kube-system"];

/// What changed of a kind.
#[derive(Debug, Clone, PartialEq)]
pub struct Changes {
    /// Up to which revision.
    pub revision: u64,
    /// Each object that changed, by its key; without the object where that is gone. `None`: so much has changed that it
    /// is forgotten what; read everything.
    pub objects: Option<BTreeMap<String, Option<Value>>>,
}

impl MemoryMember {
    /// Makes one, with the namespaces that every cluster has.
    #[must_use]
    pub fn new(config: Config, env: Env) -> Self {
        let store = Store::new(config);
        let member = Self {
            shared: Arc::new(Shared {
                store: Mutex::new(store),
                env,
                changes: watch::Sender::new(0),
            }),
        };
        for name in NAMESPACES {
            let namespace =
                json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } });
            // These names are good and new, and nothing else refuses a namespace.
            let _ = member.put(namespace);
        }
        let definitions: Vec<String> = member.shared.lock().config.served.keys().cloned().collect();
        for definition in definitions {
            member.define(&definition);
        }
        member
    }

    /// A client of this member. To be called inside a Tokio runtime, since kube's client has a task of its own.
    #[must_use]
    pub fn client(&self) -> Client {
        let shared = Arc::clone(&self.shared);
        let service =
            tower::service_fn(move |request| service::serve(Arc::clone(&shared), request));
        Client::new(service, "default")
    }

    /// The revision of its last change: the `resourceVersion` of lists.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.shared.lock().revision
    }

    /// Writes an object whole, with its status, whether or not it is there, past all faults; as the manager `handle`.
    /// What is alike is not written.
    ///
    /// # Errors
    /// [`MemberError`] where a kind is unknown, a namespace is missing, or a name is malformed.
    pub fn put(&self, object: Value) -> Result<Value, MemberError> {
        let result = self.put_quietly(object);
        self.shared.tell();
        result
    }

    fn put_quietly(&self, object: Value) -> Result<Value, MemberError> {
        let text = |pointer: &str| {
            let found = object.pointer(pointer).and_then(Value::as_str);
            found.unwrap_or_default().to_owned()
        };
        let (kind, version) = self.kind(&text("/apiVersion"), &text("/kind"))?;
        let namespace = text("/metadata/namespace");
        let mut at = self.at(kind, version, &namespace, &text("/metadata/name"));
        let mut store = self.shared.lock();
        let fields = write::read(&at, object)?;
        let status = fields.get("status").cloned().filter(|_| kind.status);
        let mut stored = match store.get(kind, &at.key()) {
            Some(live) => write::finish(&mut store, &at, &live, fields.clone(), None)?,
            None => {
                let mut fields = fields.clone();
                if kind.status && !kind.created_with_status {
                    fields.remove("status");
                }
                let manager = at.manager(false);
                write::make(&mut store, &at, fields, None, &manager)?
            }
        };
        if status.is_some() {
            at.status = true;
            stored = write::finish(&mut store, &at, &stored, fields, None)?;
        }
        Ok(render(kind, version, &stored))
    }

    /// Removes an object; a namespace with all that is in it, as a real cluster's controller does. Returns whether it
    /// was there.
    ///
    /// # Errors
    /// [`MemberError`] where the kind is unknown.
    pub fn delete(
        &self,
        api_version: &str,
        kind: &str,
        namespace: &str,
        name: &str,
    ) -> Result<bool, MemberError> {
        let (kind, version) = self.kind(api_version, kind)?;
        let at = self.at(kind, version, namespace, name);
        let mut store = self.shared.lock();
        let found = store.get(kind, &at.key()).is_some();
        if found && kind.kind == "Namespace" {
            for inner in KINDS.iter().filter(|inner| inner.namespaced) {
                let prefix = format!("{name}/");
                let keys: Vec<String> = store.of(inner).objects.keys().cloned().collect();
                for inside in keys.iter().filter(|inside| inside.starts_with(&prefix)) {
                    store.commit(inner, inside, None);
                }
            }
        }
        if found {
            store.commit(kind, &at.key(), None);
        }
        drop(store);
        self.shared.tell();
        Ok(found)
    }

    /// One object.
    ///
    /// # Errors
    /// [`MemberError`] where the kind is unknown.
    pub fn get(
        &self,
        api_version: &str,
        kind: &str,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Value>, MemberError> {
        let (kind, version) = self.kind(api_version, kind)?;
        let at = self.at(kind, version, namespace, name);
        let found = self.shared.lock().get(kind, &at.key());
        Ok(found.map(|stored| render(kind, version, &stored)))
    }

    /// All objects of a kind, in the API's order.
    ///
    /// # Errors
    /// [`MemberError`] where the kind is unknown.
    pub fn objects(&self, api_version: &str, kind: &str) -> Result<Vec<Value>, MemberError> {
        let (kind, version) = self.kind(api_version, kind)?;
        let store = self.shared.lock();
        let objects = store.of(kind).objects.values();
        Ok(objects
            .map(|stored| render(kind, version, stored))
            .collect())
    }

    /// What changed of a kind after a revision, each object once and as it is now; by its key, `namespace/name` or the
    /// name alone.
    ///
    /// # Errors
    /// [`MemberError`] where the kind is unknown.
    pub fn changes(
        &self,
        api_version: &str,
        kind: &str,
        since: u64,
    ) -> Result<Changes, MemberError> {
        let (kind, version) = self.kind(api_version, kind)?;
        let store = self.shared.lock();
        let collection = store.of(kind);
        let revision = store.revision;
        let Ok(events) = collection.since(since) else {
            return Ok(Changes {
                revision,
                objects: None,
            });
        };
        let changed: BTreeSet<&String> = events.map(|event| &event.key).collect();
        let now = |key: &String| {
            let stored = collection.objects.get(key);
            let object = stored.map(|stored| render(kind, version, stored));
            (key.clone(), object)
        };
        Ok(Changes {
            revision,
            objects: Some(changed.into_iter().map(now).collect()),
        })
    }

    fn kind(
        &self,
        api_version: &str,
        kind: &str,
    ) -> Result<(&'static Kind, &'static str), MemberError> {
        kinds::of_object(api_version, kind)
            .filter(|(kind, version)| self.shared.lock().serves(kind, version))
            .ok_or_else(|| MemberError {
                reason: "NoMatch".to_owned(),
                message: format!(
                    "{api_version} {kind} is not served: give one of the served kinds"
                ),
            })
    }

    fn at(&self, kind: &'static Kind, version: &str, namespace: &str, name: &str) -> At {
        At {
            kind,
            version: version.to_owned(),
            namespace: kind.namespaced.then(|| namespace.to_owned()),
            name: name.to_owned(),
            status: false,
            manager: "handle".to_owned(),
            now: self.shared.env.wall(),
        }
    }

    /// Installs a definition, such as `serviceexports.multicluster.x-k8s.io`, in all versions that are known here.
    pub fn install(&self, definition: &str) {
        let known = KINDS.iter().find(|kind| kind.qualified() == definition);
        if let Some(kind) = known {
            let versions = kind.versions.iter().map(|version| (*version).to_owned());
            let (definition, versions) = (definition.to_owned(), versions.collect());
            self.change(|store| store.config.served.insert(definition, versions));
            self.define(&kind.qualified());
        }
    }

    /// Writes the object of a definition that is served.
    fn define(&self, definition: &str) {
        let known = KINDS.iter().find(|kind| kind.qualified() == definition);
        let Some(kind) = known.filter(|kind| kind.custom) else {
            return;
        };
        let versions: Vec<&str> = self.shared.lock().versions(kind).collect();
        // Its name is good, and nothing else refuses a definition.
        let _ = self.put(discovery::definition(kind, &versions));
    }

    /// Removes a definition with all its objects.
    pub fn uninstall(&self, definition: &str) {
        self.change(|store| {
            for kind in KINDS.iter().filter(|kind| kind.qualified() == definition) {
                let keys: Vec<String> = store.of(kind).objects.keys().cloned().collect();
                for key in keys {
                    store.commit(kind, &key, None);
                }
            }
            store.config.served.remove(definition);
            if let Some(kind) = kinds::find("apiextensions.k8s.io", "customresourcedefinitions") {
                store.commit(kind, definition, None);
            }
        });
    }

    /// From now on requests and watches hang, without a word.
    pub fn go_dark(&self) {
        self.change(|store| store.faults.dark = true);
    }

    /// From now on connections are refused; open watches break.
    pub fn refuse(&self) {
        self.change(|store| store.faults.refused = true);
    }

    /// The end of [`Self::go_dark`], [`Self::refuse`] and [`Self::answer_with`].
    pub fn come_back(&self) {
        self.change(|store| {
            store.faults.dark = false;
            store.faults.refused = false;
            store.faults.code = None;
        });
    }

    /// From now on each request takes so long.
    pub fn delay(&self, delay: Duration) {
        self.change(|store| store.faults.delay = delay);
    }

    /// From now on each request is answered by this code, such as 503.
    pub fn answer_with(&self, code: u16) {
        self.change(|store| store.faults.code = Some(code));
    }

    /// Breaks all open watches.
    pub fn drop_watches(&self) {
        self.change(|store| store.faults.watches += 1);
    }

    /// Forgets all history: watches and pages of an older revision answer 410.
    pub fn compact(&self) {
        self.change(Store::compact);
    }

    /// Forbids, beside what is forbidden already.
    pub fn deny(&self, deny: impl IntoIterator<Item = Deny>) {
        self.change(|store| store.faults.deny.extend(deny));
    }

    /// Forbids nothing any more.
    pub fn allow_everything(&self) {
        self.change(|store| store.faults.deny.clear());
    }

    fn change<T>(&self, change: impl FnOnce(&mut Store) -> T) {
        change(&mut self.shared.lock());
        self.shared.tell();
    }

    /// Whether an object is there; for conditions to wait for.
    #[must_use]
    pub fn has(&self, api_version: &str, kind: &str, namespace: &str, name: &str) -> bool {
        kinds::of_object(api_version, kind).is_some_and(|(kind, _)| {
            let namespace = kind.namespaced.then_some(namespace);
            self.shared
                .lock()
                .get(kind, &key(namespace, name))
                .is_some()
        })
    }

    /// The UID of its `kube-system` namespace: what the cluster is known by.
    #[must_use]
    pub fn cluster_uid(&self) -> String {
        let namespace = kinds::find("", "namespaces");
        let found = namespace.and_then(|kind| self.shared.lock().get(kind, "kube-system"));
        found.map_or_else(String::new, |stored| {
            object::meta(&stored.object, "uid").to_owned()
        })
    }
}
