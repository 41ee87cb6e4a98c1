//! Why a request failed, in the words of its remedy.

use causeway_seam::env::Elapsed;

/// What kind of failure it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RefusedKind {
    /// The object, its namespace or its whole kind is absent (404).
    Absent,
    /// Another write came first (409).
    Conflict,
    /// RBAC, or a namespace that is going away (403).
    Forbidden,
    /// The object itself was refused, by schema or by a webhook (400, 422).
    Invalid,
    /// No answer, or one that says nothing of the request.
    Unreachable,
}

/// A failed request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    /// What kind of failure.
    pub(crate) kind: RefusedKind,
    /// The API server's sentence, or ours.
    pub(crate) message: String,
}

impl Refused {
    pub(crate) fn is_absent(&self) -> bool {
        self.kind == RefusedKind::Absent
    }

    pub(crate) fn is_conflict(&self) -> bool {
        self.kind == RefusedKind::Conflict
    }

    pub(crate) fn silent(elapsed: Elapsed) -> Self {
        Self {
            kind: RefusedKind::Unreachable,
            message: format!("the API server gave {elapsed}"),
        }
    }
}

/// Reads an error of the client.
pub(crate) fn refused(error: &kube::Error) -> Refused {
    let kube::Error::Api(status) = error else {
        return Refused {
            kind: RefusedKind::Unreachable,
            message: chain(error),
        };
    };
    let kind = match status.code {
        404 => RefusedKind::Absent,
        409 => RefusedKind::Conflict,
        403 => RefusedKind::Forbidden,
        400 | 422 => RefusedKind::Invalid,
        _ => RefusedKind::Unreachable,
    };
    Refused {
        kind,
        message: if status.message.is_empty() {
            format!("status {}", status.code)
        } else {
            status.message.clone()
        },
    }
}

/// An error with its sources, each said once.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        source = inner.source();
    }
    text
}
