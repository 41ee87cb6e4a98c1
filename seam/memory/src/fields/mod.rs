//! Who owns which field, and what an apply makes of an object: the rules of server-side apply, as far as schemas of
//! the served kinds need them (Kubernetes documentation, *Server-Side Apply*).
//!
//! * [`set`]: sets of fields, and which fields an object has;
//! * [`merge`]: putting one object over another, taking fields out, comparing two;
//! * [`owners`]: managers with their sets; what a write or an apply does to them.

mod merge;
mod owners;
mod set;

pub(crate) use owners::{Manager, Owners, apply, write};
pub(crate) use set::Shape;

use crate::object::Fields;

/// Fields of the metadata that nobody owns.
const SYSTEM_METADATA: &[&str] = &[
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "name",
    "namespace",
    "resourceVersion",
    "selfLink",
    "uid",
];

/// The part of an object whose fields have owners.
pub(crate) fn owned_part(object: &Fields) -> Fields {
    let mut part = object.clone();
    part.remove("apiVersion");
    part.remove("kind");
    if let Some(serde_json::Value::Object(metadata)) = part.get_mut("metadata") {
        metadata.retain(|field, _| !SYSTEM_METADATA.contains(&field.as_str()));
        if metadata.is_empty() {
            part.remove("metadata");
        }
    }
    part
}

#[cfg(test)]
mod tests;
