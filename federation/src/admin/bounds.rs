//! How large a question may be.

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http_body_util::BodyExt;

use super::api::{AdminError, ErrorKind};
use super::server::refuse;

/// The longest question that is read, in bytes: a decision has to fit one entry of the log, too.
const LARGEST: usize = 2 << 20;

/// How much of a longer one is thrown away before its sender hears so: one that is cut off while it still sends may hear
/// nothing.
const IGNORED: usize = 256 << 20;

/// Reads the question whole, or refuses it without holding it.
pub(super) async fn small_enough(request: Request, next: Next) -> Response {
    let (head, mut body) = request.into_parts();
    let (mut question, mut length) = (Vec::new(), 0_usize);
    while let Some(frame) = body.frame().await {
        let part = match frame {
            Ok(frame) => frame.into_data().unwrap_or_default(),
            Err(error) => return refuse(broken_off(&error)),
        };
        length = length.saturating_add(part.len());
        if length <= LARGEST {
            question.extend_from_slice(&part);
        } else if length <= IGNORED {
            question = Vec::new();
        } else {
            break;
        }
    }
    if length > LARGEST {
        return refuse(too_large());
    }
    next.run(Request::from_parts(head, Body::from(Bytes::from(question))))
        .await
}

fn too_large() -> AdminError {
    AdminError::new(
        ErrorKind::BadRequest,
        format!("the question has more than {} MiB", LARGEST >> 20),
        "ask for less at once: a reason is a sentence, and objects of any size belong into the host cluster, where the registry is \
         read from",
    )
}

fn broken_off(error: &axum::Error) -> AdminError {
    AdminError::new(
        ErrorKind::BadRequest,
        format!("the question was broken off: {error}"),
        "ask again",
    )
}
