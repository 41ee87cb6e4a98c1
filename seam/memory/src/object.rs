//! Reading and writing parts of an object that is plain JSON.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// An object's fields.
pub(crate) type Fields = Map<String, Value>;

/// A text in the metadata; empty where absent.
pub(crate) fn meta<'a>(object: &'a Fields, field: &str) -> &'a str {
    object
        .get("metadata")
        .and_then(|metadata| metadata.get(field)?.as_str())
        .unwrap_or_default()
}

/// Changes the metadata, which is made where it is absent or no object.
pub(crate) fn change_meta<T>(object: &mut Fields, change: impl FnOnce(&mut Fields) -> T) -> T {
    let mut metadata = match object.remove("metadata") {
        Some(Value::Object(fields)) => fields,
        _ => Fields::new(),
    };
    let result = change(&mut metadata);
    object.insert("metadata".to_owned(), Value::Object(metadata));
    result
}

/// Sets a text in the metadata.
pub(crate) fn set_meta(object: &mut Fields, field: &str, text: impl Into<String>) {
    change_meta(object, |metadata| {
        metadata.insert(field.to_owned(), Value::String(text.into()))
    });
}

/// The labels.
pub(crate) fn labels(object: &Fields) -> BTreeMap<&str, &str> {
    object
        .get("metadata")
        .and_then(|metadata| metadata.get("labels")?.as_object())
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
        .collect()
}

/// `metadata.generation`; 0 where absent.
pub(crate) fn generation(object: &Fields) -> i64 {
    object
        .get("metadata")
        .and_then(|metadata| metadata.get("generation")?.as_i64())
        .unwrap_or_default()
}

/// Takes out nulls, as the API server does with fields that may not be null.
pub(crate) fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            fields.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Whether all is alike but metadata and status: then `generation` stays.
pub(crate) fn same_spec(one: &Fields, other: &Fields) -> bool {
    let spec = |object: &Fields| {
        let fields = object.iter();
        fields
            .filter(|(field, _)| *field != "metadata" && *field != "status")
            .map(|(field, value)| (field.clone(), value.clone()))
            .collect::<Fields>()
    };
    spec(one) == spec(other)
}
