//! Connecting to gateways, suspecting them, and casting votes.
//!
//! * [`suspicion`]: a detector: results and times in, a ballot out; pure, so that a simulator can drive it;
//! * [`adaptive`]: one that learns how much a path loses; [`impaired`]: when an observer suspects itself;
//! * [`tcp`]: a connection as the product makes it;
//! * [`runner`]: probes a changing set of subjects and gives out votes.

pub mod adaptive;
pub mod impaired;
pub mod runner;
pub mod suspicion;
pub mod tcp;

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use causeway_api::facts::GatewayAddress;
use causeway_api::verdict::Ballot;

pub use adaptive::Adaptive;
pub use runner::{ProbeConfig, Prober};
pub use suspicion::{Detector, Outcome, Suspicion};
pub use tcp::TcpProbe;

/// Where a subject answers: any of these is enough.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Target {
    /// Addresses with their ports.
    pub addresses: BTreeSet<(GatewayAddress, u16)>,
    /// What this observer held of it before it was restarted, where that is known.
    pub held: Option<Ballot>,
}

/// One attempt to reach an address. What a simulator replaces.
#[async_trait]
pub trait Probe: Send + Sync + 'static {
    /// Reaches `address` within `limit`, or says why not in a few words.
    ///
    /// # Errors
    /// Why it was not reached, such as `connection refused`.
    async fn reach(
        &self,
        address: &GatewayAddress,
        port: u16,
        limit: Duration,
    ) -> Result<(), String>;
}
