//! Each safety rule by itself: plans written by hand, and what the rule says of the step from one to the other.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../support/mod.rs"]
mod support;

mod moved;
mod rules;
mod world;
