//! Creating, replacing and deleting; and what all writes have in common.

use std::sync::Arc;

use causeway_seam::WallClock;
use serde_json::Value;

use crate::defaults;
use crate::fields::{self, Manager, Owners};
use crate::kinds::{self, Kind};
use crate::object::{self, Fields};
use crate::status::Refusal;
use crate::store::{Store, Stored, key, timestamp};

/// What is written to, and by whom.
#[derive(Debug, Clone)]
pub(crate) struct At {
    pub(crate) kind: &'static Kind,
    pub(crate) version: String,
    pub(crate) namespace: Option<String>,
    /// Empty where a name is to be found in the body.
    pub(crate) name: String,
    /// Whether the status subresource is meant.
    pub(crate) status: bool,
    /// `fieldManager`.
    pub(crate) manager: String,
    pub(crate) now: WallClock,
}

impl At {
    pub(crate) fn key(&self) -> String {
        key(self.namespace.as_deref(), &self.name)
    }

    pub(crate) fn manager(&self, apply: bool) -> Manager {
        Manager {
            name: self.manager.clone(),
            apply,
            status: self.status,
        }
    }

    pub(crate) fn live(&self, store: &Store) -> Result<Arc<Stored>, Refusal> {
        store
            .get(self.kind, &self.key())
            .ok_or_else(|| Refusal::not_found(self.kind, &self.name))
    }
}

/// Reads a body: an object of the kind and version that the path names.
pub(crate) fn read(at: &At, mut body: Value) -> Result<Fields, Refusal> {
    object::drop_nulls(&mut body);
    let Value::Object(mut fields) = body else {
        return Err(Refusal::bad_request("the body is no JSON object"));
    };
    let expected = at.kind.api_version(&at.version);
    let found = |fields: &mut Fields, field: &str| match fields.remove(field) {
        Some(Value::String(text)) => text,
        _ => String::new(),
    };
    let version = found(&mut fields, "apiVersion");
    let kind = found(&mut fields, "kind");
    // Built-in kinds may leave both out, since the path says them.
    let told = !version.is_empty() || !kind.is_empty() || at.kind.custom;
    if told && at.kind.custom && version == expected && !kind.is_empty() && kind != at.kind.kind {
        let why = format!("Invalid value: {kind:?}: must be {}", at.kind.kind);
        let name = object::meta(&fields, "name");
        return Err(Refusal::invalid(at.kind, name, "kind", &why));
    }
    if told && (version != expected || kind != at.kind.kind) {
        return Err(Refusal::bad_request(format!(
            "the API version and kind in the data ({version}, {kind}) do not match those of the path ({expected}, {})",
            at.kind.kind
        )));
    }
    let name = object::meta(&fields, "name");
    if !at.name.is_empty() && !name.is_empty() && name != at.name {
        return Err(Refusal::bad_request(format!(
            "the name of the object ({name}) does not match the name on the URL ({})",
            at.name
        )));
    }
    let namespace = object::meta(&fields, "namespace");
    if !namespace.is_empty() && at.namespace.as_deref() != Some(namespace) {
        return Err(Refusal::bad_request(
            "the namespace of the provided object does not match the namespace sent on the request",
        ));
    }
    Ok(fields)
}

/// POST: makes an object.
pub(crate) fn create(store: &mut Store, at: &At, body: Value) -> Result<Arc<Stored>, Refusal> {
    let mut at = at.clone();
    let mut object = read(&at, body)?;
    at.name = object::meta(&object, "name").to_owned();
    if at.name.is_empty() {
        let prefix = object::meta(&object, "generateName").to_owned();
        if prefix.is_empty() {
            let why = "Required value: name or generateName is required";
            return Err(Refusal::invalid(at.kind, "", "metadata.name", why));
        }
        at.name = format!("{prefix}{:05x}", store.serial() & 0xf_ffff);
    }
    if !object::meta(&object, "resourceVersion").is_empty() {
        let why = "resourceVersion should not be set on objects to be created";
        return Err(Refusal::bad_request(why));
    }
    if store.get(at.kind, &at.key()).is_some() {
        return Err(Refusal::already_exists(at.kind, &at.name));
    }
    if at.kind.status && !at.kind.created_with_status {
        object.remove("status");
    }
    make(store, &at, object, None, &at.manager(false))
}

/// Makes an object that is not there yet; `owners` are those of an apply.
pub(crate) fn make(
    store: &mut Store,
    at: &At,
    mut object: Fields,
    owners: Option<Owners>,
    manager: &Manager,
) -> Result<Arc<Stored>, Refusal> {
    check_name(at)?;
    if let Some(namespace) = &at.namespace {
        admit(store, at, namespace)?;
    }
    refuse_finalizers(&object)?;
    let uid = store.uid();
    object::change_meta(&mut object, |metadata| {
        metadata.remove("managedFields");
        metadata.remove("generation");
        metadata.insert("name".to_owned(), Value::from(at.name.clone()));
        if let Some(namespace) = &at.namespace {
            metadata.insert("namespace".to_owned(), Value::from(namespace.clone()));
        }
        metadata.insert("uid".to_owned(), Value::from(uid));
        metadata.insert("creationTimestamp".to_owned(), timestamp(at.now));
        if at.kind.generation {
            metadata.insert("generation".to_owned(), Value::from(1));
        }
    });
    defaults::fill(at.kind, &mut object);
    let owners =
        owners.unwrap_or_else(|| fields::write(at.kind, &Owners::new(), manager, None, &object));
    Ok(store.commit(at.kind, &at.key(), Some((object, owners))))
}

/// The namespace must be there, and stay.
fn admit(store: &Store, at: &At, namespace: &str) -> Result<(), Refusal> {
    let Some(kind) = kinds::find("", "namespaces") else {
        return Ok(());
    };
    let Some(found) = store.get(kind, namespace) else {
        return Err(Refusal::not_found(kind, namespace));
    };
    if object::meta(&found.object, "deletionTimestamp").is_empty() {
        return Ok(());
    }
    let why = format!(
        "unable to create new content in namespace {namespace} because it is being terminated"
    );
    Err(Refusal::forbidden(at.kind, &at.name, &why))
}

/// Names are RFC 1123 subdomains.
fn check_name(at: &At) -> Result<(), Refusal> {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let name = at.name.as_str();
    let fits = name.len() <= 253
        && name.chars().all(|c| good(c) || c == '-' || c == '.')
        && name.starts_with(good)
        && name.ends_with(good);
    if fits {
        return Ok(());
    }
    let why = format!("Invalid value: {name:?}: a lowercase RFC 1123 subdomain is expected");
    Err(Refusal::invalid(at.kind, name, "metadata.name", &why))
}

/// A patch cannot change the UID. One of the status does not even look at it.
pub(crate) fn same_uid(at: &At, live: &Stored, uid: &str) -> Result<(), Refusal> {
    if at.status || uid.is_empty() || uid == object::meta(&live.object, "uid") {
        return Ok(());
    }
    let why = format!("Invalid value: {uid:?}: field is immutable");
    Err(Refusal::invalid(at.kind, &at.name, "metadata.uid", &why))
}

fn refuse_finalizers(object: &Fields) -> Result<(), Refusal> {
    let given = object
        .get("metadata")
        .and_then(|metadata| metadata.get("finalizers")?.as_array())
        .is_some_and(|finalizers| !finalizers.is_empty());
    if given {
        return Err(Refusal::not_offered("finalizers"));
    }
    Ok(())
}

/// PUT: replaces an object, or its status.
pub(crate) fn replace(store: &mut Store, at: &At, body: Value) -> Result<Arc<Stored>, Refusal> {
    let object = read(at, body)?;
    if object::meta(&object, "name").is_empty() {
        let why = "the name of the object is missing, the URL has one";
        return Err(Refusal::bad_request(why));
    }
    let live = at.live(store)?;
    let uid = object::meta(&object, "uid");
    if !uid.is_empty() && uid != object::meta(&live.object, "uid") {
        let why = format!(
            "Precondition failed: UID in precondition: {uid}, UID in object meta: {}",
            object::meta(&live.object, "uid")
        );
        return Err(Refusal::conflict(at.kind, &at.name, &why));
    }
    let revision = object::meta(&object, "resourceVersion");
    if revision.is_empty() && !at.kind.unconditional_update {
        let why = "Invalid value: 0: must be specified for an update";
        return Err(Refusal::invalid(
            at.kind,
            &at.name,
            "metadata.resourceVersion",
            why,
        ));
    }
    if !revision.is_empty() && revision != object::meta(&live.object, "resourceVersion") {
        return Err(Refusal::modified(at.kind, &at.name));
    }
    finish(store, at, &live, object, None)
}

/// Writes a new state of an object that is there. `owners` are those of an apply. What is alike is not written.
pub(crate) fn finish(
    store: &mut Store,
    at: &At,
    live: &Arc<Stored>,
    mut new: Fields,
    owners: Option<Owners>,
) -> Result<Arc<Stored>, Refusal> {
    if at.status {
        let status = new.remove("status");
        new = live.object.clone();
        match status {
            Some(status) => new.insert("status".to_owned(), status),
            None => new.remove("status"),
        };
    } else if at.kind.status {
        match live.object.get("status") {
            Some(status) => new.insert("status".to_owned(), status.clone()),
            None => new.remove("status"),
        };
    }
    refuse_finalizers(&new)?;
    let system = live.object.get("metadata").cloned().unwrap_or_default();
    object::change_meta(&mut new, |metadata| {
        metadata.remove("managedFields");
        for field in [
            "name",
            "namespace",
            "uid",
            "creationTimestamp",
            "deletionTimestamp",
            "generation",
            "resourceVersion",
        ] {
            match system.get(field) {
                Some(value) => metadata.insert(field.to_owned(), value.clone()),
                None => metadata.remove(field),
            };
        }
    });
    defaults::fill(at.kind, &mut new);
    if at.kind.generation && !object::same_spec(&live.object, &new) {
        let generation = object::generation(&live.object) + 1;
        object::change_meta(&mut new, |metadata| {
            metadata.insert("generation".to_owned(), Value::from(generation));
        });
    }
    let owners = owners.unwrap_or_else(|| {
        let manager = at.manager(false);
        fields::write(at.kind, &live.owners, &manager, Some(&live.object), &new)
    });
    if new == live.object && owners == live.owners {
        return Ok(Arc::clone(live));
    }
    Ok(store.commit(at.kind, &at.key(), Some((new, owners))))
}

/// What a deletion did.
pub(crate) enum Deleted {
    /// The object is gone; this was its last state.
    Gone(Arc<Stored>),
    /// The object waits for somebody: namespaces do, for a controller that no member in memory has.
    Waits(Arc<Stored>),
}

/// DELETE, with preconditions.
pub(crate) fn delete(store: &mut Store, at: &At, options: &Value) -> Result<Deleted, Refusal> {
    let live = at.live(store)?;
    let offered = [
        "kind",
        "apiVersion",
        "preconditions",
        "propagationPolicy",
        "gracePeriodSeconds",
    ];
    let other = options
        .as_object()
        .into_iter()
        .flatten()
        .find(|(field, value)| !offered.contains(&field.as_str()) && !value.is_null());
    if let Some((field, _)) = other {
        return Err(Refusal::not_offered(&format!("{field} of DeleteOptions")));
    }
    if at.kind.kind == "Pod" && options.get("gracePeriodSeconds").and_then(Value::as_i64) != Some(0)
    {
        return Err(Refusal::not_offered(
            "a graceful deletion of a Pod, give 0 seconds",
        ));
    }
    for (field, what) in [("uid", "UID"), ("resourceVersion", "ResourceVersion")] {
        let wanted = options
            .get("preconditions")
            .and_then(|preconditions| preconditions.get(field)?.as_str());
        let found = object::meta(&live.object, field);
        if let Some(wanted) = wanted.filter(|wanted| *wanted != found) {
            let why = format!(
                "Precondition failed: {what} in precondition: {wanted}, {what} in object meta: {found}"
            );
            return Err(Refusal::conflict(at.kind, &at.name, &why));
        }
    }
    if at.kind.kind != "Namespace" {
        return Ok(Deleted::Gone(store.commit(at.kind, &at.key(), None)));
    }
    if !object::meta(&live.object, "deletionTimestamp").is_empty() {
        return Ok(Deleted::Waits(live));
    }
    let mut object = live.object.clone();
    object::change_meta(&mut object, |metadata| {
        metadata.insert("deletionTimestamp".to_owned(), timestamp(at.now));
    });
    if let Some(Value::Object(status)) = object.get_mut("status") {
        status.insert("phase".to_owned(), Value::from("Terminating"));
    }
    let owners = live.owners.clone();
    Ok(Deleted::Waits(store.commit(
        at.kind,
        &at.key(),
        Some((object, owners)),
    )))
}
