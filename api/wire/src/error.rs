//! Why a message is refused.

/// A message that cannot be read. It ends the session that it came by, and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// A field that must be there is not.
    #[error("{message}.{field} is missing: the peer sent an incomplete message; check its version")]
    Missing {
        /// The message.
        message: &'static str,
        /// The field.
        field: &'static str,
    },
    /// A field holds what it must not.
    #[error("{message}.{field}: {reason}")]
    Malformed {
        /// The message.
        message: &'static str,
        /// The field.
        field: &'static str,
        /// What was found, and what is allowed.
        reason: String,
    },
    /// A list or text is longer than it may be.
    #[error(
        "{message}.{field} has {found} {unit}: at most {limit} are taken; what was held before stays in force"
    )]
    TooLarge {
        /// The message.
        message: &'static str,
        /// The field.
        field: &'static str,
        /// How many.
        found: usize,
        /// How many are allowed.
        limit: usize,
        /// Of what: `items` or `bytes`.
        unit: &'static str,
    },
    /// A value of an enum or a kind of a oneof that this version does not know, where passing it over would change
    /// what the message means.
    #[error(
        "{message}.{field} is {found}, which this version does not know: upgrade this side first"
    )]
    Unknown {
        /// The message.
        message: &'static str,
        /// The field.
        field: &'static str,
        /// The number that was found, or `of a kind that was added later`.
        found: String,
    },
    /// An agent that speaks no protocol of ours.
    #[error("{0}")]
    Protocol(#[from] causeway_api::session::ProtocolError),
}
