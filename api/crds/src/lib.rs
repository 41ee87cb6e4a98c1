//! What people write to the Kubernetes API: our kinds, their schemas, and the way from them to checked values.
//!
//! One kind a file:
//!
//! * [`member_cluster`]: MemberCluster, a registered cluster;
//! * [`failover_policy`]: FailoverPolicy, what may go where, when, and how much of it;
//! * [`traffic_shift`]: TrafficShift, a person's override;
//! * [`service_export`] and [`service_import`]: the Multi-Cluster Services API (KEP-1645).
//!
//! A schema refuses what it can (bounds, enums, CEL rules that Kubernetes 1.30 knows), with a message that names the
//! field. What it cannot see is checked by [`convert`], which turns an object into the value that decisions are made
//! from and names object, field, finding and remedy where it cannot. [`conditions`] writes status conditions.
//! [`all`] gives the CustomResourceDefinitions; `charts/causeway-crds` holds them as YAML (`cargo xtask generate`).

#![allow(
    clippy::duplicated_attributes,
    reason = "columns of a table share their type"
)]

pub mod conditions;
pub mod convert;
pub mod failover_policy;
pub mod member_cluster;
mod schema;
pub mod service_export;
pub mod service_import;
pub mod traffic_shift;

pub use convert::ConvertError;
pub use failover_policy::FailoverPolicy;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
pub use member_cluster::MemberCluster;
pub use service_export::ServiceExport;
pub use service_import::ServiceImport;
pub use traffic_shift::TrafficShift;

/// The group of our own kinds.
pub const GROUP: &str = "causeway.dev";

/// The version of our own kinds.
pub const VERSION: &str = "v1alpha1";

/// Every definition, by name.
#[must_use]
pub fn all() -> Vec<CustomResourceDefinition> {
    vec![
        failover_policy::definition(),
        member_cluster::definition(),
        service_export::definition(),
        service_import::definition(),
        traffic_shift::definition(),
    ]
}

#[cfg(test)]
mod tests;
