//! Reading JSON whose shape others decide.

use serde_json::Value;

/// What is at this JSON pointer (RFC 6901), or null.
pub(crate) fn at<'a>(value: &'a Value, pointer: &str) -> &'a Value {
    value.pointer(pointer).unwrap_or(&Value::Null)
}

/// The list at this pointer; an empty one if there's none.
pub(crate) fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    at(value, pointer).as_array().map_or(&[], Vec::as_slice)
}

/// The text at this pointer; empty if there's none.
pub(crate) fn text(value: &Value, pointer: &str) -> String {
    at(value, pointer).as_str().unwrap_or_default().to_owned()
}

/// The number at this pointer; 0 if there's none or it doesn't fit.
pub(crate) fn number(value: &Value, pointer: &str) -> u32 {
    at(value, pointer)
        .as_u64()
        .and_then(|number| u32::try_from(number).ok())
        .unwrap_or_default()
}
