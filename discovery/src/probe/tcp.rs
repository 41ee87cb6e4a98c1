//! A TCP connection, opened and closed. What answers at a gateway's port is the gateway; whether it would carry a request
//! is the data plane's own to find out.

use std::time::Duration;

use async_trait::async_trait;
use causeway_api::facts::GatewayAddress;
use causeway_seam::{Env, real};

use super::Probe;

/// Connects by the operating system, which also resolves names.
#[derive(Debug, Clone)]
pub struct TcpProbe {
    env: Env,
}

impl TcpProbe {
    /// By the clock of `env`.
    #[must_use]
    pub fn new(env: Env) -> Self {
        Self { env }
    }
}

#[async_trait]
impl Probe for TcpProbe {
    async fn reach(
        &self,
        address: &GatewayAddress,
        port: u16,
        limit: Duration,
    ) -> Result<(), String> {
        let socket = socket(address, port);
        let connect = real::net::connect(&socket);
        match self.env.timeout(limit, connect).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(elapsed) => Err(elapsed.to_string()),
        }
    }
}

/// `host:port`, with brackets around an IPv6 address.
#[must_use]
pub fn socket(address: &GatewayAddress, port: u16) -> String {
    match address {
        GatewayAddress::Ip(std::net::IpAddr::V6(ip)) => format!("[{ip}]:{port}"),
        other => format!("{other}:{port}"),
    }
}
