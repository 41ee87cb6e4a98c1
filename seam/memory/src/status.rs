//! Refusals, as `metav1.Status` and with the reasons of the API conventions.

use http::StatusCode;
use serde_json::{Value, json};

use crate::kinds::Kind;

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: u16,
    pub(crate) reason: &'static str,
    pub(crate) message: String,
    details: Box<Details>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Details {
    /// Name, group and plural of what it is about.
    about: Option<(String, String, String)>,
    /// Type, message and field of causes.
    causes: Vec<(String, String, String)>,
}

impl Refusal {
    pub(crate) fn new(code: StatusCode, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            code: code.as_u16(),
            reason,
            message: message.into(),
            details: Box::default(),
        }
    }

    fn about(mut self, kind: &Kind, name: &str) -> Self {
        self.details.about = Some((
            name.to_owned(),
            kind.group.to_owned(),
            kind.plural.to_owned(),
        ));
        self
    }

    pub(crate) fn not_found(kind: &Kind, name: &str) -> Self {
        let message = format!("{} \"{name}\" not found", kind.qualified());
        Self::new(StatusCode::NOT_FOUND, "NotFound", message).about(kind, name)
    }

    pub(crate) fn already_exists(kind: &Kind, name: &str) -> Self {
        let message = format!("{} \"{name}\" already exists", kind.qualified());
        Self::new(StatusCode::CONFLICT, "AlreadyExists", message).about(kind, name)
    }

    /// The object is not the one that was meant: another resourceVersion or UID.
    pub(crate) fn conflict(kind: &Kind, name: &str, why: &str) -> Self {
        let what = kind.qualified();
        let message = format!("Operation cannot be fulfilled on {what} \"{name}\": {why}");
        Self::new(StatusCode::CONFLICT, "Conflict", message).about(kind, name)
    }

    pub(crate) fn modified(kind: &Kind, name: &str) -> Self {
        let why = "the object has been modified; please apply your changes to the latest version and try again";
        Self::conflict(kind, name, why)
    }

    /// Other managers own fields that an apply would change: pairs of manager and field.
    pub(crate) fn apply_conflicts(conflicts: Vec<(String, String)>) -> Self {
        let count = conflicts.len();
        let list: Vec<String> = conflicts
            .iter()
            .map(|(manager, field)| format!("conflict with {manager:?}: {field}"))
            .collect();
        let plural = if count == 1 { "conflict" } else { "conflicts" };
        let message = format!("Apply failed with {count} {plural}: {}", list.join(", "));
        let mut refusal = Self::new(StatusCode::CONFLICT, "Conflict", message);
        refusal.details.causes = conflicts
            .into_iter()
            .map(|(manager, field)| {
                let what = format!("conflict with {manager:?}");
                ("FieldManagerConflict".to_owned(), what, field)
            })
            .collect();
        refusal
    }

    pub(crate) fn invalid(kind: &Kind, name: &str, field: &str, why: &str) -> Self {
        let what = if kind.group.is_empty() {
            kind.kind.to_owned()
        } else {
            format!("{}.{}", kind.kind, kind.group)
        };
        let message = format!("{what} {name:?} is invalid: {field}: {why}");
        let mut refusal = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", message);
        refusal.details.causes = vec![(
            "FieldValueInvalid".to_owned(),
            why.to_owned(),
            field.to_owned(),
        )];
        refusal.about(kind, name)
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", message)
    }

    pub(crate) fn forbidden(kind: &Kind, name: &str, why: &str) -> Self {
        let what = kind.qualified();
        let name_part = if name.is_empty() {
            String::new()
        } else {
            format!(" \"{name}\"")
        };
        let message = format!("{what}{name_part} is forbidden: {why}");
        Self::new(StatusCode::FORBIDDEN, "Forbidden", message).about(kind, name)
    }

    pub(crate) fn expired(message: impl Into<String>) -> Self {
        Self::new(StatusCode::GONE, "Expired", message)
    }

    pub(crate) fn method_not_allowed() -> Self {
        let message = "the server does not allow this method on the requested resource";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", message)
    }

    /// What a real API server may do and this one does not.
    pub(crate) fn not_offered(what: &str) -> Self {
        let message = format!(
            "the member in memory does not offer {what}: offer it together with a case of the conformance suite"
        );
        Self::new(StatusCode::NOT_IMPLEMENTED, "NotImplemented", message)
    }

    /// As the API writes it.
    pub(crate) fn to_json(&self) -> Value {
        let mut status = json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "code": self.code,
        });
        let mut details = serde_json::Map::new();
        if let Some((name, group, kind)) = &self.details.about {
            for (field, text) in [("name", name), ("group", group), ("kind", kind)] {
                if !text.is_empty() {
                    details.insert(field.to_owned(), Value::String(text.clone()));
                }
            }
        }
        if !self.details.causes.is_empty() {
            let causes = self.details.causes.iter().map(|(reason, message, field)| {
                json!({ "reason": reason, "message": message, "field": field })
            });
            details.insert("causes".to_owned(), causes.collect());
        }
        if let (Value::Object(fields), false) = (&mut status, details.is_empty()) {
            fields.insert("details".to_owned(), Value::Object(details));
        }
        status
    }
}
