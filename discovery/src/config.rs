//! How a member is observed.

use std::time::Duration;

use causeway_api::MemberName;
use causeway_index::Declared;

/// How a member is observed. The times are those of the seam's clock.
#[derive(Debug, Clone)]
pub struct ObserverConfig {
    /// The member.
    pub member: MemberName,
    /// The agent's version, for the member's fact.
    pub agent_version: String,
    /// What is declared of the member, where its observer knows it. An agent leaves this empty: the hub applies
    /// declarations to the facts that it is sent.
    pub declared: Declared,
    /// Objects in one page of a list.
    pub page_size: u32,
    /// How long a page, an object or the start of a watch may take.
    pub request_timeout: Duration,
    /// How long a watch lasts before it is renewed where it left off; shortened at random by up to half, so that watches
    /// are not renewed together.
    pub watch_timeout: Duration,
    /// How often the API server is asked whether it answers; more often while it does not.
    pub health_interval: Duration,
    /// How long it may not answer before the member's fact says so.
    pub unreachable_after: Duration,
    /// How often the APIs that are served are looked at again (ServiceExport, Istio).
    pub discovery_interval: Duration,
    /// Pods that are asked for at a time.
    pub pod_concurrency: usize,
    /// The longest wait between two attempts.
    pub backoff_max: Duration,
}

impl ObserverConfig {
    /// The usual times.
    #[must_use]
    pub fn new(member: MemberName) -> Self {
        Self {
            member,
            agent_version: env!("CARGO_PKG_VERSION").to_owned(),
            declared: Declared::default(),
            page_size: 500,
            request_timeout: Duration::from_secs(30),
            watch_timeout: Duration::from_secs(290),
            health_interval: Duration::from_secs(5),
            unreachable_after: Duration::from_secs(10),
            discovery_interval: Duration::from_secs(30),
            pod_concurrency: 8,
            backoff_max: Duration::from_secs(10),
        }
    }
}
