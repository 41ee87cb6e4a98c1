//! Every host mirrors the registry, so that it outlives each of them: objects that other hosts own are written here, with
//! an annotation that names the owner.
//!
//! A mirror is repaired only where nobody but us has a hand in its `spec` (`metadata.managedFields`). What a person or a
//! GitOps controller wrote stays as they wrote it, is shown as differing, and is never written again by us: two that say
//! different things for ever meet no third who joins in. What is deleted again and again is created ever more rarely.
//!
//! A TrafficShift's `spec` does not change once it is created: a mirror of one that was created anew is deleted first.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use causeway_api::registry::{Host, ObjectKey};
use causeway_seam::Monotonic;
use causeway_state::State;
use causeway_state::registry::Owned;
use kube::api::{DeleteParams, Patch, PatchParams, Preconditions};
use kube::core::DynamicObject;
use kube::{Api, Client};
use serde_json::{Value, json};

use super::declared::Rows;
use super::kind::Kind;
use super::stance::{LEVEL, OWNER, OWNER_UID, annotation, mirror_of};

/// Who writes mirrors.
pub(super) const MANAGER: &str = "causeway-registry";
/// After a write, the same object is not written again before this; twice as long each time.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(600);
/// Writes in one round: the rest waits for the next.
const ROUND: usize = 32;

/// Something that is to be written into this host.
#[derive(Debug, Clone)]
pub(super) struct Write {
    pub(super) key: ObjectKey,
    pub(super) what: What,
}

/// What is to be written.
#[derive(Debug, Clone)]
pub(super) enum What {
    /// The whole object, as ours: it is not there, or only we have a hand in it.
    Whole {
        /// Its `spec`.
        spec: Value,
        /// The owner; `None`: this host, which does not have it yet.
        owner: Option<Host>,
    },
    /// Who owns it, and nothing else: its `spec` is somebody's.
    Owner {
        /// As it is.
        object: Arc<DynamicObject>,
        /// The owner.
        owner: Host,
    },
    /// This host owns it now: it is no mirror any more, and whoever applies it meets no other manager.
    Release {
        /// As it is.
        object: Arc<DynamicObject>,
    },
    /// Its owner deleted it, and only we have a hand in it.
    Delete {
        /// As it is.
        object: Arc<DynamicObject>,
    },
}

/// What differs from what the registry says; only of kinds that were `listed`.
pub(super) fn wanted(
    state: &State,
    here: &Host,
    rows: &Rows,
    listed: &BTreeSet<Kind>,
) -> Vec<Write> {
    if state.feature_level < LEVEL {
        return Vec::new();
    }
    let registry = &state.registry;
    let mut writes = Vec::new();
    for (key, owned) in &registry.objects {
        if !listed.contains(&Kind::of(key)) {
            continue;
        }
        let object = rows.object(key);
        let what = if owned.host == here.uid {
            own(owned, object)
        } else {
            let owner = Host {
                uid: owned.host.clone(),
                name: registry.host_name(&owned.host).to_owned(),
            };
            let leaving = matches!(key, ObjectKey::Member(name) if registry.stage(name).is_some());
            mirror(Kind::of(key), owned, owner, object, leaving)
        };
        writes.extend(what.map(|what| Write {
            key: key.clone(),
            what,
        }));
    }
    let gone: BTreeSet<&ObjectKey> = registry.gone.iter().map(|(key, _)| key).collect();
    for key in gone {
        let object = rows
            .object(key)
            .filter(|_| !registry.objects.contains_key(key));
        let mirrored = object.filter(|object| mirror_of(object).is_some_and(|uid| uid != here.uid));
        if let Some(object) = mirrored.filter(|object| !is_anothers(object)) {
            writes.push(Write {
                key: key.clone(),
                what: What::Delete {
                    object: Arc::clone(object),
                },
            });
        }
    }
    writes
}

fn own(owned: &Owned, object: Option<&Arc<DynamicObject>>) -> Option<What> {
    match object {
        // It was moved here, and never stood here.
        None if !owned.settled => Some(What::Whole {
            spec: spec_of(owned)?,
            owner: None,
        }),
        None => None,
        Some(object) => mirror_of(object).map(|_| What::Release {
            object: Arc::clone(object),
        }),
    }
}

fn mirror(
    kind: Kind,
    owned: &Owned,
    owner: Host,
    object: Option<&Arc<DynamicObject>>,
    leaving: bool,
) -> Option<What> {
    let spec = spec_of(owned)?;
    let Some(object) = object else {
        let owner = Some(owner);
        return (!leaving).then_some(What::Whole { spec, owner });
    };
    if object.metadata.deletion_timestamp.is_some() {
        return None;
    }
    let named = annotation(object, OWNER_UID) == Some(owner.uid.0.as_str())
        && annotation(object, OWNER) == Some(owner.name.as_str());
    if is_anothers(object) {
        return (!named).then(|| What::Owner {
            object: Arc::clone(object),
            owner,
        });
    }
    let none = json!({});
    let stands = object.data.get("spec").unwrap_or(&none);
    if kind == Kind::Shift && !may_become(stands, &spec) {
        return Some(What::Delete {
            object: Arc::clone(object),
        });
    }
    (!(stands == &spec && named)).then_some(What::Whole {
        spec,
        owner: Some(owner),
    })
}

/// Whether an API server lets a TrafficShift's `spec` become another: all but these fields are as they were created.
fn may_become(old: &Value, new: &Value) -> bool {
    let fixed = |spec: &Value| {
        let mut spec = spec.clone();
        if let Some(fields) = spec.as_object_mut() {
            fields.remove("expiresAfter");
            fields.remove("ticket");
        }
        spec
    };
    fixed(old) == fixed(new)
}

fn spec_of(owned: &Owned) -> Option<Value> {
    serde_json::from_str(&owned.document).ok()
}

/// Whether anybody else has a hand in an object's `spec`.
pub(super) fn is_anothers(object: &DynamicObject) -> bool {
    let managers = object.metadata.managed_fields.iter().flatten();
    let mut any = false;
    for entry in managers {
        let spec = entry
            .fields_v1
            .as_ref()
            .is_some_and(|fields| fields.0.get("f:spec").is_some());
        if spec && entry.manager.as_deref() != Some(MANAGER) {
            return true;
        }
        any |= entry.manager.as_deref() == Some(MANAGER);
    }
    // One that we never wrote is somebody's, whatever it says of its fields.
    !any
}

/// When which object may be written again.
#[derive(Debug, Default)]
pub(super) struct Pace {
    rows: BTreeMap<ObjectKey, (Monotonic, Duration)>,
}

impl Pace {
    /// Those that may be written now.
    pub(super) fn due(&mut self, writes: Vec<Write>, now: Monotonic) -> Vec<Write> {
        // What has been well for as long as it would have to wait, begins anew.
        self.rows
            .retain(|_, (at, pause)| now < at.plus(*pause).plus(LONGEST_PAUSE));
        let may = |write: &Write| self.rows.get(&write.key).is_none_or(|(at, _)| now >= *at);
        writes.into_iter().filter(may).take(ROUND).collect()
    }

    /// One was written, or could not be.
    pub(super) fn wrote(&mut self, key: &ObjectKey, now: Monotonic) {
        let before = self.rows.get(key).map(|(_, pause)| *pause);
        let pause = before.map_or(FIRST_PAUSE, |pause| (pause * 2).min(LONGEST_PAUSE));
        self.rows.insert(key.clone(), (now.plus(pause), pause));
    }
}

impl Write {
    /// Writes it.
    pub(super) async fn write(&self, host: &Client) -> Result<(), kube::Error> {
        let resource = Kind::of(&self.key).resource();
        let (api, name): (Api<DynamicObject>, String) = match &self.key {
            ObjectKey::Member(name) => (Api::all_with(host.clone(), &resource), name.to_string()),
            ObjectKey::Policy(key) | ObjectKey::Shift(key) => (
                Api::namespaced_with(host.clone(), key.namespace.as_str(), &resource),
                key.name.to_string(),
            ),
        };
        match &self.what {
            What::Whole { spec, owner } => {
                let annotations = owner
                    .as_ref()
                    .map(|owner| json!({ OWNER: owner.name, OWNER_UID: owner.uid.0 }));
                let object = json!({
                    "apiVersion": resource.api_version,
                    "kind": resource.kind,
                    "metadata": { "name": name, "annotations": annotations.unwrap_or(json!({})) },
                    "spec": spec,
                });
                // Never by force: what somebody else took a moment ago is theirs.
                api.patch(&name, &PatchParams::apply(MANAGER), &Patch::Apply(object))
                    .await?;
            }
            What::Owner { object, owner } => {
                let patch = json!({ "metadata": {
                    "uid": object.metadata.uid,
                    "annotations": { OWNER: owner.name, OWNER_UID: owner.uid.0 },
                } });
                merge(&api, &name, patch).await?;
            }
            What::Release { object } => {
                let managers: Vec<_> = object
                    .metadata
                    .managed_fields
                    .iter()
                    .flatten()
                    .filter(|entry| entry.manager.as_deref() != Some(MANAGER))
                    .collect();
                let mut metadata = json!({
                    "uid": object.metadata.uid,
                    "resourceVersion": object.metadata.resource_version,
                    "annotations": { OWNER: null, OWNER_UID: null },
                });
                if let Some(metadata) = metadata.as_object_mut() {
                    // An empty list would mean "as it was": one empty entry means "none".
                    let managers = if managers.is_empty() {
                        json!([{}])
                    } else {
                        json!(managers)
                    };
                    metadata.insert("managedFields".to_owned(), managers);
                }
                merge(&api, &name, json!({ "metadata": metadata })).await?;
            }
            What::Delete { object } => {
                let params = DeleteParams {
                    preconditions: Some(Preconditions {
                        uid: object.metadata.uid.clone(),
                        resource_version: object.metadata.resource_version.clone(),
                    }),
                    ..DeleteParams::default()
                };
                api.delete(&name, &params).await?;
            }
        }
        Ok(())
    }
}

/// Why a mirror could not be written, and what to do, in the words of the API server.
pub(super) fn why(error: &kube::Error) -> String {
    let kube::Error::Api(status) = error else {
        return error.to_string();
    };
    let message = message(status);
    let terminating = message.contains("is being terminated")
        || status.details.iter().any(|details| {
            let mut causes = details.causes.iter();
            causes.any(|cause| cause.reason == "NamespaceTerminating")
        });
    match status.code {
        _ if terminating => format!(
            "{message}: it is written once the namespace is there again, or delete the object where it is owned"
        ),
        404 => format!("{message}: it is written once its namespace and its definition are there"),
        403 => format!("{message}: grant the controller the verbs create, patch and delete on it"),
        _ => message.to_owned(),
    }
}

/// What an API server says of a failure, without how the client wraps it.
pub(super) fn said(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => message(status).to_owned(),
        other => other.to_string(),
    }
}

/// The message of an API server; where it has none, its reason.
pub(super) fn message(status: &kube::core::Status) -> &str {
    match status.message.as_str() {
        "" => &status.reason,
        message => message,
    }
}

async fn merge(api: &Api<DynamicObject>, name: &str, patch: Value) -> Result<(), kube::Error> {
    let params = PatchParams {
        field_manager: Some(MANAGER.to_owned()),
        ..PatchParams::default()
    };
    api.patch(name, &params, &Patch::Merge(patch)).await?;
    Ok(())
}

#[cfg(test)]
#[path = "mirror_tests.rs"]
mod tests;
