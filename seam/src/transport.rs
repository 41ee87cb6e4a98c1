//! The network between processes, as typed messages above TLS: what a simulator delays, loses and cuts.
//!
//! A connection is a pair of queues. `Out` is what this side sends, `In` what it receives; both sides' message types
//! are defined by the protocol (crate `causeway-wire` for agent and replica).

pub mod hall;

use async_trait::async_trait;
use tokio::sync::mpsc;

/// Why no connection came about, or why it ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// The other side cannot be reached.
    #[error("{address} is unreachable: {reason}")]
    Unreachable {
        /// Where to.
        address: String,
        /// Why.
        reason: String,
    },
    /// The other side answered and refused; trying again at once does not help.
    #[error("{address} refused: {reason}")]
    Refused {
        /// Where to.
        address: String,
        /// Why, with the remedy.
        reason: String,
    },
    /// The connection ended.
    #[error("the connection to {address} ended: {reason}")]
    Closed {
        /// Whose.
        address: String,
        /// Why.
        reason: String,
    },
    /// The other side sent something that this side cannot read; the connection is closed after it.
    #[error("what {address} sent cannot be read: {reason}")]
    Unreadable {
        /// Whose.
        address: String,
        /// What is wrong, with the remedy.
        reason: String,
    },
}

/// One side of a connection.
#[derive(Debug)]
pub struct Connection<Out, In> {
    /// The other side: an address, for people.
    pub remote: String,
    /// The identity that the other side's certificate proves, such as a member's name; on the dialling side `None`, unless the
    /// protocol asks for it.
    pub identity: Option<String>,
    /// What this side sends. Bounded: a slow peer makes the sender wait, nobody else.
    pub sender: mpsc::Sender<Out>,
    /// What this side receives; an error is the last item.
    pub receiver: mpsc::Receiver<Result<In, TransportError>>,
}

/// Dials.
#[async_trait]
pub trait Dial<Out, In>: Send + Sync + 'static {
    /// Opens a connection to `address`.
    ///
    /// # Errors
    /// [`TransportError`] where none came about.
    async fn dial(&self, address: &str) -> Result<Connection<Out, In>, TransportError>;
}

/// Accepts.
#[async_trait]
pub trait Accept<Out, In>: Send + 'static {
    /// The next connection; `None` once the listener is closed.
    async fn accept(&mut self) -> Option<Connection<Out, In>>;
}
