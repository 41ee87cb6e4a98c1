//! The worst day's work, done beforehand: for each failure domain the plans for its loss, and how well the rest would
//! carry it.
//!
//! * [`fall`]: what is gone with a domain, and the inputs of a plan without it;
//! * [`judged`]: what the loss does to one service;
//! * [`tally`]: what it does to many, added up;
//! * `tied`: what those share that are left, and what moves as one;
//! * [`prepared`]: all services of one domain, kept up to date one service at a time, with the hash that names them and the
//!   readiness that people see.
//!
//! A contingency is absolute: it holds whole plans, not differences, so that it means the same whatever was applied before.
//! It is a function of the committed inputs and plans alone, so that every replica computes the same content from its own
//! state and compares hashes, and no body travels between them.

pub mod fall;
pub mod judged;
mod patch;
pub mod prepared;
pub mod tally;
mod tied;

pub use fall::{Fall, Gateway, Place};
pub use prepared::Prepared;
pub use tally::Tally;
