//! What a member holds, indexed; and what every replica holds of all members. Values in, values out: no IO, no clock.
//!
//! * [`store`]: the [`FactStore`] of a replica: each owner's last facts, fed by versioned deltas.

pub mod store;
pub(crate) mod table;

pub use store::{ApplyError, FactStore, OwnerFacts, Touched};
