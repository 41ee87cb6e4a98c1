//! The mesh's writer against real API servers, and what istiod then tells proxies. Needs `cargo xtask assets`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value
)]

mod ejections;
mod lease;
mod member;
mod obstacles;
mod proxies;
mod writes;
