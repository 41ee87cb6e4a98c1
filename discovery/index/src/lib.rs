//! What a member holds, indexed; and what every replica holds of all members. Values in, values out: no IO, no clock.
//!
//! * [`border`]: what comes in, as the member's API server has it;
//! * [`index`]: what an agent makes of it: counts kept up event by event, and deltas of facts;
//! * [`store`]: the [`FactStore`] of a replica: each owner's last facts, fed by versioned deltas.

pub mod border;
pub mod index;
pub mod store;
pub(crate) mod table;

pub use index::{Declared, Index, LocalService, MemberInfo, PodRef};
pub use store::{ApplyError, FactStore, OwnerFacts, Touched, Whole, WholeError};
