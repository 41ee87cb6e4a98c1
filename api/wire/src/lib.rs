//! The wire between agents and replicas, and among replicas: protobuf messages, and their conversions from and to the values of
//! `causeway-api`.
//!
//! Writing never fails: texts for people are cut to their caps. Reading does, with a [`WireError`] that names message
//! and field, what was found and what to do. What a newer peer adds and may be passed over is [`Incoming::Unknown`].
//!
//! * [`proto`]: the generated messages and the gRPC services;
//! * [`error`], [`limits`]: why a message is refused; how large its parts may be;
//! * `read`: what all conversions share; then a file for each file of the protocol.

pub mod error;
mod exchange;
mod facts;
mod hello;
pub mod limits;
mod observe;
mod order;
mod peer;
mod plan;
mod read;
mod rows;
mod session;
mod view;
mod votes;

pub use error::WireError;
/// For the size of a message before it is sent.
pub use prost::Message;
pub use session::Incoming;

/// The generated messages and services of `causeway.v1`; their documentation is in `proto/causeway/v1`.
#[allow(
    missing_docs,
    unreachable_pub,
    rust_2018_idioms,
    clippy::all,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::large_futures
)]
pub mod proto {
    tonic::include_proto!("causeway.v1");
}
