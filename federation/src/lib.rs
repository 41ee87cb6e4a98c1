//! The `causeway` library: wiring of replica, agent and operator verbs.

pub mod admin;
pub mod args;
pub mod certs;
pub mod cli;
pub mod observe;
pub mod telemetry;
