//! What a process tells of itself: [`logs`] on standard error, [`metrics`] for Prometheus.

pub mod logs;
pub mod metrics;
mod readiness;
mod replicas;

pub use metrics::Metrics;
