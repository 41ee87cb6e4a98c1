//! What counts as an answer of a gateway to those who observe it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::facts::GatewayAddress;
use crate::verdict::Subject;

/// The port and the page by which Istio's gateways tell that they are ready.
pub const READY_PORT: u16 = 15021;
/// See [`READY_PORT`].
pub const READY_PATH: &str = "/healthz/ready";

/// How a member's east-west gateways are probed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
pub enum GatewayProbe {
    /// A connection to the port that proxies use.
    #[default]
    Tcp,
    /// A TLS handshake at that port, with one of these server names; the first that is answered is enough. Empty: names of
    /// services that the member exports, as Istio's proxies ask for them ([`east_west_name`]).
    Tls {
        /// Server names.
        names: Vec<String>,
    },
    /// A page that answers `200` to `399`, without TLS.
    Http {
        /// The port.
        port: u16,
        /// The path, from `/` on.
        path: String,
    },
}

impl GatewayProbe {
    /// What follows an address in a sentence of evidence.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Tcp => String::new(),
            Self::Tls { .. } => " by TLS".to_owned(),
            Self::Http { port, path } => format!(" by HTTP at :{port}{path}"),
        }
    }
}

/// A gateway that an agent is asked to observe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    /// The gateway.
    pub subject: Subject,
    /// Where it answers; any of these is enough.
    pub addresses: BTreeSet<(GatewayAddress, u16)>,
    /// Where it is: an observer that suspects itself counts places.
    pub place: String,
    /// What counts as an answer.
    pub how: GatewayProbe,
}

/// The server name by which a proxy asks a gateway of `AUTO_PASSTHROUGH` for a service
/// (<https://istio.io/latest/docs/reference/config/networking/gateway/#ServerTLSSettings-TLSmode>).
#[must_use]
pub fn east_west_name(service: &str, namespace: &str, port: u16) -> String {
    format!("outbound_.{port}_._.{service}.{namespace}.svc.cluster.local")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_istio() {
        let name = east_west_name("checkout", "shop", 8080);
        assert_eq!(name, "outbound_.8080_._.checkout.shop.svc.cluster.local");
    }
}
