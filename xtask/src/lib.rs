//! Development tasks of this repository, run with `cargo xtask`.
//!
//! This is a library too, so that the test harness finds the components that
//! `cargo xtask assets` has put into the cache: see [`assets::locate`].

pub mod assets;
