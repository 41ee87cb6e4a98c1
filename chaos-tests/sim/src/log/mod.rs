//! Replicas of the decision log alone, with clients that write and read: the smallest world, and so the one in which
//! most seeds are tried.
//!
//! * [`replicas`]: the replicas, their machines, and the calls between them;
//! * [`faults`]: what goes wrong, and when;
//! * [`run()`]: one run of one seed.

pub mod faults;
pub mod replicas;
pub mod run;

pub use run::run;
