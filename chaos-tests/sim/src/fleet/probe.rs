//! How a replica reaches gateways: over the wires, by the address.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use causeway_api::facts::GatewayAddress;
use causeway_discovery::probe::Probe;

use super::members::Member;
use crate::wires::Wires;

/// The probes of one host.
pub struct SimProbe {
    /// The host that probes.
    pub host: String,
    /// The ways.
    pub wires: Wires,
    /// Whose gateways there are.
    pub members: Arc<Vec<Member>>,
}

/// The host at which a member's gateway answers.
#[must_use]
pub fn gateway_host(member: &str) -> String {
    format!("gw-{member}")
}

#[async_trait]
impl Probe for SimProbe {
    async fn reach(
        &self,
        address: &GatewayAddress,
        _port: u16,
        limit: Duration,
    ) -> Result<(), String> {
        let text = address.to_string();
        let Some(member) = self.members.iter().find(|member| member.gateway() == text) else {
            return Err("no route to host".to_owned());
        };
        let gateway = gateway_host(&member.name);
        let there_and_back = async {
            self.wires.travel(&self.host, &gateway).await;
            self.wires.travel(&gateway, &self.host).await;
        };
        let reached = tokio::time::timeout(limit, there_and_back).await;
        reached.map_err(|_| format!("no answer within {limit:?}"))
    }
}
