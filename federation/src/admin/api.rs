//! What goes over the admin API, as types: one file for each question.
//!
//! Fields are only ever added. Durations are in milliseconds and named so; `_ago_ms` is measured by the replica that
//! answers, at `asked_at_ms`, so that nobody has to compare clocks.

pub mod circumstances;
pub mod clusters;
pub mod diff;
pub mod error;
pub mod explain;
pub mod origin;
pub mod overrides;
pub mod past;
pub mod registry;
pub mod replicas;
pub mod services;
pub mod sights;
pub mod status;
pub mod whatif;

pub use circumstances::{ChangeRow, Circumstances, PreparedRow};
pub use clusters::{AgentRow, ClusterRow, Condition, ConditionStatus, GatewayRow};
pub use diff::DiffReport;
pub use error::{AdminError, ErrorBody, ErrorKind};
pub use explain::{
    AppliedRow, DomainExplanation, Explanation, ShiftExplanation, SubjectExplanation,
};
pub use origin::Origin;
pub use past::{Moment, When};
pub use services::{LocalityRow, ServiceQuery, ServiceRow};
pub use sights::{LogSight, ReplicaSight};
pub use status::{Attention, Incident, Quorum, ServiceTotals, Severity, StatusReport};
