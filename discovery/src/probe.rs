//! Reaching gateways, suspecting them, and casting votes.
//!
//! * [`adaptive`]: a detector: results and times in, a ballot out; it learns how much a path loses. Pure, so that a
//!   simulator can drive it; [`impaired`]: when an observer suspects itself, by the places that it reaches;
//! * [`tcp`], [`tls`], [`http`]: an attempt as the product makes it ([`GatewayProbe`]: which of them);
//! * [`runner`]: probes a changing set of subjects; [`budget`]: how much at most; [`judge`]: gives out votes.

pub mod adaptive;
pub mod budget;
pub mod http;
pub mod impaired;
pub mod judge;
pub mod runner;
pub mod tcp;
pub mod tls;

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use causeway_api::facts::GatewayAddress;
use causeway_api::probe::GatewayProbe;
use causeway_api::verdict::Ballot;

pub use adaptive::{Adaptive, Outcome};
pub use judge::{SUSPECTS_ITSELF, Sight};
pub use runner::{ProbeConfig, Prober};
pub use tcp::{NetProbe, TcpProbe};

/// Where a subject answers: any of these is enough.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Target {
    /// Addresses with their ports.
    pub addresses: BTreeSet<(GatewayAddress, u16)>,
    /// What this observer held of it before it was restarted, where that is known.
    pub held: Option<Ballot>,
    /// Where it is: the region of its member, or the member itself where none is known. An observer that suspects itself
    /// counts these.
    pub place: String,
    /// What counts as an answer.
    pub how: GatewayProbe,
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

    /// The same, where more than a connection is asked for; whoever knows only connections makes one.
    ///
    /// # Errors
    /// As [`Probe::reach`].
    async fn reach_by(
        &self,
        how: &GatewayProbe,
        address: &GatewayAddress,
        port: u16,
        limit: Duration,
    ) -> Result<(), String> {
        let _ = how;
        self.reach(address, port, limit).await
    }
}
