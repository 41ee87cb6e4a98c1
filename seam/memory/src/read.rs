//! GET: one object, or a collection in pages of one revision.

use std::ops::Bound;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::kinds::Kind;
use crate::object;
use crate::query::Query;
use crate::status::Refusal;
use crate::store::{Store, Stored};

/// An object as a version of its kind shows it.
pub(crate) fn render(kind: &Kind, version: &str, stored: &Stored) -> Value {
    let mut object = stored.object.clone();
    object.insert("kind".to_owned(), Value::from(kind.kind));
    object.insert(
        "apiVersion".to_owned(),
        Value::from(kind.api_version(version)),
    );
    Value::Object(object)
}

/// A page of a collection.
pub(crate) fn list(
    store: &Store,
    kind: &Kind,
    version: &str,
    namespace: Option<&str>,
    query: &Query,
) -> Result<Value, Refusal> {
    let selector = query.selector()?;
    let limit = query.number("limit")?.unwrap_or(0);
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    if !matches!(query.text("resourceVersion"), None | Some("0")) {
        return Err(Refusal::not_offered("a list of a given resourceVersion"));
    }
    let (revision, after) = match query.text("continue") {
        None => (store.revision, None),
        Some(token) => {
            let (revision, key) = read_token(token)?;
            (revision, Some(key))
        }
    };
    let objects = store.of(kind).at(revision).map_err(|_| {
        Refusal::expired(
            "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter.",
        )
    })?;
    let from = after.map_or(Bound::Unbounded, Bound::Excluded);
    let inside = |stored: &Arc<Stored>| {
        namespace.is_none_or(|namespace| object::meta(&stored.object, "namespace") == namespace)
    };
    let mut chosen = objects
        .range((from, Bound::Unbounded))
        .filter(|(_, stored)| inside(stored) && selector.matches(&stored.object));

    let mut items = Vec::new();
    let mut last = String::new();
    for (key, stored) in chosen.by_ref() {
        // Items of built-in kinds carry no type: the list's own says it.
        items.push(if kind.custom {
            render(kind, version, stored)
        } else {
            Value::Object(stored.object.clone())
        });
        last.clone_from(key);
        if limit > 0 && items.len() == limit {
            break;
        }
    }
    let left = chosen.count();
    let mut metadata = json!({ "resourceVersion": revision.to_string() });
    if let (true, Some(fields)) = (left > 0, metadata.as_object_mut()) {
        fields.insert("continue".to_owned(), Value::from(token(revision, &last)));
        if selector.is_empty() {
            fields.insert("remainingItemCount".to_owned(), Value::from(left));
        }
    }
    Ok(json!({
        "kind": format!("{}List", kind.kind),
        "apiVersion": kind.api_version(version),
        "metadata": metadata,
        "items": items,
    }))
}

/// Where a page ended: opaque to clients.
fn token(revision: u64, key: &str) -> String {
    format!("{revision}:{key}")
}

fn read_token(token: &str) -> Result<(u64, String), Refusal> {
    token
        .split_once(':')
        .and_then(|(revision, key)| Some((revision.parse().ok()?, key.to_owned())))
        .ok_or_else(|| Refusal::bad_request("continue key is not valid"))
}
