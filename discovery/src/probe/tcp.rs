//! A TCP connection, opened and closed. What answers at a gateway's port is the gateway; whether it would carry a request
//! is the data plane's own to find out. [`NetProbe`] asks for more where that is declared.

use std::time::Duration;

use async_trait::async_trait;
use causeway_api::facts::GatewayAddress;
use causeway_api::probe::GatewayProbe;
use causeway_seam::{Env, real};

use super::{Probe, http, tls};

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
        within(&self.env, limit, connect(address, port)).await?;
        Ok(())
    }
}

/// Reaches gateways as it is declared: by a connection, a TLS handshake, or a readiness page.
#[derive(Debug, Clone)]
pub struct NetProbe {
    env: Env,
    tls: tls::Client,
}

impl NetProbe {
    /// By the clock of `env`.
    #[must_use]
    pub fn new(env: Env) -> Self {
        Self {
            env,
            tls: tls::Client::new(),
        }
    }
}

#[async_trait]
impl Probe for NetProbe {
    async fn reach(
        &self,
        address: &GatewayAddress,
        port: u16,
        limit: Duration,
    ) -> Result<(), String> {
        self.reach_by(&GatewayProbe::Tcp, address, port, limit)
            .await
    }

    async fn reach_by(
        &self,
        how: &GatewayProbe,
        address: &GatewayAddress,
        port: u16,
        limit: Duration,
    ) -> Result<(), String> {
        let attempt = async {
            match how {
                GatewayProbe::Tcp => connect(address, port).await.map(drop),
                GatewayProbe::Tls { names } => self.tls.greet(address, port, names).await,
                GatewayProbe::Http { path, port } => http::ready(address, *port, path).await,
            }
        };
        within(&self.env, limit, attempt).await
    }
}

async fn within<T>(
    env: &Env,
    limit: Duration,
    attempt: impl Future<Output = Result<T, String>>,
) -> Result<T, String> {
    let answer = env.timeout(limit, attempt).await;
    answer.unwrap_or_else(|elapsed| Err(elapsed.to_string()))
}

/// A connection.
pub(super) async fn connect(
    address: &GatewayAddress,
    port: u16,
) -> Result<real::net::Stream, String> {
    let connected = real::net::connect(&socket(address, port)).await;
    connected.map_err(|error| error.to_string())
}

/// `host:port`, with brackets around an IPv6 address.
#[must_use]
pub fn socket(address: &GatewayAddress, port: u16) -> String {
    match address {
        GatewayAddress::Ip(std::net::IpAddr::V6(ip)) => format!("[{ip}]:{port}"),
        other => format!("{other}:{port}"),
    }
}
