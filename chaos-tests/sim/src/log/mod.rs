//! Replicas of the decision log alone, with clients that write and read: the smallest world, and so the one in which
//! most seeds are tried.
//!
//! * [`replicas`]: the replicas, their machines, and the calls between them;
//! * [`clients`]: who proposes and reads, and what they were answered;
//! * [`faults`]: what goes wrong, and when;
//! * [`watch`]: feeds the invariants;
//! * [`run()`]: one run of one seed.

pub mod clients;
pub mod faults;
pub mod replicas;
pub mod run;
pub mod watch;

pub use run::run;
