//! PATCH: merge patches (RFC 7386) and server-side apply.

use std::sync::Arc;

use serde_json::Value;

use crate::fields::{self, Owners};
use crate::object::{self, Fields};
use crate::status::Refusal;
use crate::store::{Store, Stored};
use crate::write::{self, At};

/// A merge patch of an object, or of its status.
pub(crate) fn merge(store: &mut Store, at: &At, patch: &Value) -> Result<Arc<Stored>, Refusal> {
    let live = at.live(store)?;
    if !patch.is_object() {
        return Err(Refusal::bad_request("the patch is no JSON object"));
    }
    let revision = patch
        .get("metadata")
        .and_then(|metadata| metadata.get("resourceVersion")?.as_str());
    let found = object::meta(&live.object, "resourceVersion");
    if revision.is_some_and(|revision| revision != found) {
        return Err(Refusal::modified(at.kind, &at.name));
    }
    let uid = patch
        .get("metadata")
        .and_then(|metadata| metadata.get("uid")?.as_str());
    write::same_uid(at, &live, uid.unwrap_or_default())?;
    let mut merged = Value::Object(live.object.clone());
    put_over(&mut merged, patch);
    let body = write::read(at, with_type(at, merged))?;
    write::finish(store, at, &live, body, None)
}

/// Kinds are told where a patch does not tell them, so that a patch that tells another one is refused.
fn with_type(at: &At, mut value: Value) -> Value {
    if let Some(fields) = value.as_object_mut() {
        let version = at.kind.api_version(&at.version);
        fields.entry("apiVersion").or_insert(Value::from(version));
        fields.entry("kind").or_insert(Value::from(at.kind.kind));
    }
    value
}

fn put_over(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Fields::new());
    }
    let Value::Object(target) = target else {
        return;
    };
    for (field, value) in patch {
        if value.is_null() {
            target.remove(field);
        } else {
            put_over(target.entry(field).or_insert(Value::Null), value);
        }
    }
}

/// What an apply did.
pub(crate) enum Applied {
    Created(Arc<Stored>),
    Changed(Arc<Stored>),
}

/// A server-side apply of an object, or of its status.
pub(crate) fn apply(
    store: &mut Store,
    at: &At,
    config: Value,
    force: bool,
) -> Result<Applied, Refusal> {
    if !at.kind.apply {
        let what = format!("server-side apply of {}", at.kind.kind);
        return Err(Refusal::not_offered(&what));
    }
    if at.manager.is_empty() {
        let message = "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch";
        return Err(Refusal::new(
            http::StatusCode::UNPROCESSABLE_ENTITY,
            "Invalid",
            message,
        ));
    }
    let typed = |field: &str| {
        config
            .get(field)
            .and_then(Value::as_str)
            .is_some_and(|text| !text.is_empty())
    };
    if !typed("apiVersion") || !typed("kind") {
        return Err(Refusal::bad_request(
            "error decoding YAML: apiVersion and kind must be given",
        ));
    }
    let mut config = write::read(at, config)?;
    if config
        .get("metadata")
        .is_some_and(|metadata| metadata.get("managedFields").is_some())
    {
        return Err(Refusal::bad_request("metadata.managedFields must be nil"));
    }
    let uid = object::meta(&config, "uid").to_owned();
    let revision = object::meta(&config, "resourceVersion").to_owned();
    if at.status {
        config.retain(|field, _| field == "status");
    } else if at.kind.status {
        config.remove("status");
    }
    let manager = at.manager(true);
    let Some(live) = store.get(at.kind, &at.key()) else {
        if at.status {
            return Err(Refusal::not_found(at.kind, &at.name));
        }
        if !uid.is_empty() {
            let why = format!(
                "uid mismatch: the provided object specified uid {uid}, and no existing object was found"
            );
            return Err(Refusal::conflict(at.kind, &at.name, &why));
        }
        let owners = Owners::new();
        let applied = fields::apply(at.kind, &owners, &manager, &Fields::new(), &config, force)
            .map_err(Refusal::apply_conflicts)?;
        let made = write::make(store, at, applied.object, Some(applied.owners), &manager)?;
        return Ok(Applied::Created(made));
    };
    write::same_uid(at, &live, &uid)?;
    if !revision.is_empty() && revision != object::meta(&live.object, "resourceVersion") {
        return Err(Refusal::modified(at.kind, &at.name));
    }
    let applied = fields::apply(
        at.kind,
        &live.owners,
        &manager,
        &live.object,
        &config,
        force,
    )
    .map_err(Refusal::apply_conflicts)?;
    write::finish(store, at, &live, applied.object, Some(applied.owners)).map(Applied::Changed)
}
