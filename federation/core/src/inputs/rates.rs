//! Rates that are seen: where the numbers come from that nobody declares.
//!
//! Facts do not carry them yet. Whoever reads them from a mesh or from Prometheus gives them here, and
//! [`causeway_failover::learn`] says what a plan makes of them.

use causeway_api::plan::{Rate, Source};
use causeway_api::{MemberName, ServiceKey};

/// What is seen of services.
pub trait Rates {
    /// What the callers of a source ask of a service now; `None` where that is not measured, or no longer.
    fn demand(&self, service: &ServiceKey, source: &Source) -> Option<Rate>;

    /// The highest rate that one endpoint of a service in a member was seen to serve; `None` where none was seen.
    fn per_endpoint(&self, service: &ServiceKey, member: &MemberName) -> Option<Rate>;
}

/// Nothing is measured: what is declared is all there is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unmeasured;

impl Rates for Unmeasured {
    fn demand(&self, _service: &ServiceKey, _source: &Source) -> Option<Rate> {
        None
    }

    fn per_endpoint(&self, _service: &ServiceKey, _member: &MemberName) -> Option<Rate> {
        None
    }
}
