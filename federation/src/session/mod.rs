//! Connections over the network: sessions of agents with replicas, and links among replicas. One gRPC stream each way,
//! under TLS in which both sides prove who they are.
//!
//! * [`dialer`], [`listener`]: the two ends, behind the seam's [`Dial`](causeway_seam::transport::Dial) and
//!   [`Accept`](causeway_seam::transport::Accept);
//! * `handshake`: TLS before gRPC, with a deadline for each connection; `tls`: what is checked of our own certificate;
//! * [`protocol`]: what differs between sessions and links;
//! * `pump`: between the queues of a connection and the wire; `refusal`, `noting`: what a failure means, in words.
//!
//! A message that cannot be read, or is too large, ends its own session with a sentence to both sides.

mod dialer;
mod handshake;
mod listener;
mod noting;
pub mod protocol;
mod pump;
mod refusal;
mod tls;

#[cfg(test)]
mod tests;

use std::time::Duration;

pub use dialer::{Dialer, PeerDialer, TonicDialer};
pub use listener::{BindError, Listener, PeerListener, TonicListener};
pub use tls::CertificateError;

/// How many messages wait in each queue before the sender has to.
const QUEUE: usize = 64;

/// How long connecting, the handshake and the first answer may each take.
const STEP_LIMIT: Duration = Duration::from_secs(5);

/// How often a quiet connection is asked whether it is there, and how long it may take to answer. Sessions have
/// heartbeats of their own; this one sees to connections whose session never began.
const KEEP_ALIVE: Duration = Duration::from_secs(5);

/// What may be under way in a stream, and in a connection, before the receiver has taken it.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 4 << 20;
