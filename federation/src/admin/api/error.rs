//! Errors of the admin API: what is wrong, and what to do.

use serde::{Deserialize, Serialize};

/// The body of every answer that is no success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// What is wrong: object, field, what was found.
    pub error: String,
    /// What to do.
    pub remedy: String,
}

/// Why a question was not answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct AdminError {
    /// Of what kind.
    pub kind: ErrorKind,
    /// What is wrong.
    pub error: String,
    /// What to do.
    pub remedy: String,
}

/// Kinds of errors, as HTTP statuses tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The question is malformed (400).
    BadRequest,
    /// The certificate does not allow it (403).
    Forbidden,
    /// There is no such object (404).
    NotFound,
    /// The log or a safety rule refuses it (409).
    Refused,
    /// Not now: starting, no quorum, an agent is silent (503).
    Unavailable,
    /// A defect (500).
    Internal,
}

impl ErrorKind {
    /// The HTTP status.
    #[must_use]
    pub fn status(self) -> http::StatusCode {
        match self {
            Self::BadRequest => http::StatusCode::BAD_REQUEST,
            Self::Forbidden => http::StatusCode::FORBIDDEN,
            Self::NotFound => http::StatusCode::NOT_FOUND,
            Self::Refused => http::StatusCode::CONFLICT,
            Self::Unavailable => http::StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => http::StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl AdminError {
    /// Of a kind.
    pub fn new(kind: ErrorKind, error: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            kind,
            error: error.into(),
            remedy: remedy.into(),
        }
    }

    /// There is no such object.
    pub fn not_found(error: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound, error, remedy)
    }

    /// Not now.
    pub fn unavailable(error: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unavailable, error, remedy)
    }
}
