//! What people, failback and safety rules make of plans, one command after the other.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::large_stack_arrays
)]

#[path = "../support/mod.rs"]
mod support;

mod approvals;
mod aside;
mod causes;
mod claims;
mod failback;
mod limits;
mod lost_on_the_way;
mod overrides;
mod people;
mod returns;
mod rules;
mod world;
