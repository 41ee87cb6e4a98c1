//! The writer of a mesh: a view becomes Istio's objects in the member's own API server.
//!
//! The stages, in call order (those marked * hold a client):
//!
//! 1. [`lease`]*: only the holder of the member's Lease writes; its epoch fences;
//! 2. `live`*: watches of the objects that are there, ours and other owners';
//! 3. [`source`]: what the agent gives: settings, plan parts, owners' words, local services;
//! 4. [`writer`]: which services changed → render → difference → operations;
//! 5. `apply`*: one operation → one request, with preconditions and writer stamp.

mod apply;
pub mod lease;
mod live;
mod queue;
mod refusal;
pub mod source;
pub mod writer;

pub use lease::{Fence, Lease, LeaseOptions, LeaseState};
pub use source::{Source, Versions};
pub use writer::{Writer, WriterHandle, WriterOptions, WriterStats};
