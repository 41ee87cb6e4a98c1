//! The `causeway` library: wiring of replica, agent and operator verbs.

pub mod admin;
pub mod agent;
pub mod args;
pub mod certs;
pub mod cli;
pub mod cluster;
pub mod observe;
pub mod peers;
pub mod replica;
pub mod sandbox;
pub mod session;
pub mod telemetry;
