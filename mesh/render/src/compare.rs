//! What counts as a difference between a desired and a live object.
//!
//! Istio's kinds have no defaults: a spec of ours is compared whole, so that a field that somebody added is found too.
//! Gateway API fills in defaults: there, what we say has to be found again, and lists have to be as long.

use serde_json::{Map, Value};

use crate::object::{DesiredObject, Kind, LiveObject};

/// Whether the live object is as desired. Stamps are no content, but an object of ours has both.
#[must_use]
pub fn same(desired: &DesiredObject, live: &LiveObject) -> bool {
    live.generation.is_some() && live.writer.is_some() && same_content(desired, live)
}

/// Whether labels and spec are as desired.
#[must_use]
pub fn same_content(desired: &DesiredObject, live: &LiveObject) -> bool {
    let labelled = desired
        .labels
        .iter()
        .all(|(key, value)| live.labels.get(key) == Some(value));
    labelled
        && match desired.key.kind {
            Kind::Gateway => contains(&live.spec, &desired.spec),
            _ => live.spec == desired.spec,
        }
}

/// Whether all of `part` is found in `whole`; lists item by item.
fn contains(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => part
            .iter()
            .all(|(key, part)| whole.get(key).is_some_and(|whole| contains(whole, part))),
        (Value::Array(whole), Value::Array(part)) => {
            whole.len() == part.len()
                && whole
                    .iter()
                    .zip(part)
                    .all(|(whole, part)| contains(whole, part))
        }
        (whole, part) => whole == part,
    }
}

/// Whether a server-side apply would leave something that is not desired: a field that another manager may hold, or an
/// item of a list that the API server merges by key.
#[must_use]
pub fn apply_leaves(live: &LiveObject, desired: &DesiredObject) -> bool {
    leaves(&live.spec, &desired.spec)
}

fn leaves(live: &Value, desired: &Value) -> bool {
    match (live, desired) {
        (Value::Object(live), Value::Object(desired)) => live
            .iter()
            .any(|(key, live)| desired.get(key).is_none_or(|desired| leaves(live, desired))),
        (Value::Array(_), _) => live != desired,
        _ => false,
    }
}

/// What turns `live` into `desired` by a JSON merge patch (RFC 7386): for what another manager added, which a
/// server-side apply leaves alone.
#[must_use]
pub fn merge_patch(live: &Value, desired: &Value) -> Value {
    let (Value::Object(live), Value::Object(desired)) = (live, desired) else {
        return desired.clone();
    };
    let mut patch = Map::new();
    for key in live.keys().filter(|key| !desired.contains_key(*key)) {
        patch.insert(key.clone(), Value::Null);
    }
    for (key, value) in desired {
        match live.get(key) {
            Some(found) if found == value => {}
            Some(found) => {
                patch.insert(key.clone(), merge_patch(found, value));
            }
            None => {
                patch.insert(key.clone(), value.clone());
            }
        }
    }
    Value::Object(patch)
}
