//! What lies in the dark: connections that carry nothing any more and say nothing about it, and gateways that do not
//! answer. A closed connection would be noticed at once; silence is what a lost region really looks like.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use causeway_api::facts::GatewayAddress;
use causeway_api::session::{FromAgent, FromReplica};
use causeway_discovery::probe::Probe;
use causeway_seam::Env;
use causeway_seam::transport::{Connection, Dial, TransportError};
use tokio::sync::{mpsc, watch};

use crate::agent::Dialer;

const QUEUE: usize = 64;
/// How long dialling from the dark takes to fail.
const DIAL: Duration = Duration::from_secs(5);

/// Dials as `inner` does while there is light.
pub(crate) struct DarkDialer {
    pub(crate) env: Env,
    pub(crate) inner: Arc<Dialer>,
    pub(crate) dark: watch::Receiver<bool>,
}

#[async_trait]
impl Dial<FromAgent, FromReplica> for DarkDialer {
    async fn dial(
        &self,
        address: &str,
    ) -> Result<Connection<FromAgent, FromReplica>, TransportError> {
        let mut dark = self.dark.clone();
        if self.env.timeout(DIAL, lit(&mut dark)).await.is_err() {
            return Err(TransportError::Unreachable {
                address: address.to_owned(),
                reason: format!("no answer within {DIAL:?}"),
            });
        }
        let inner = self.inner.dial(address).await?;
        let (sender, outgoing) = mpsc::channel(QUEUE);
        let (incoming, receiver) = mpsc::channel(QUEUE);
        self.env
            .spawn(
                "sandbox outgoing",
                carry(outgoing, inner.sender, dark.clone()),
            )
            .detach();
        self.env
            .spawn("sandbox incoming", carry(inner.receiver, incoming, dark))
            .detach();
        Ok(Connection {
            remote: inner.remote,
            identity: inner.identity,
            sender,
            receiver,
        })
    }
}

/// Returns once there is light, or the sandbox has ended.
async fn lit(dark: &mut watch::Receiver<bool>) {
    let _ = dark.wait_for(|dark| !dark).await;
}

/// Carries messages while there is light. The end of a connection does not get through the dark either.
async fn carry<T>(
    mut from: mpsc::Receiver<T>,
    to: mpsc::Sender<T>,
    mut dark: watch::Receiver<bool>,
) {
    while let Some(message) = from.recv().await {
        lit(&mut dark).await;
        if to.send(message).await.is_err() {
            break;
        }
    }
    lit(&mut dark).await;
}

/// Answers for gateways by whether their member lies in the dark.
pub(crate) struct DarkProbe {
    pub(crate) env: Env,
    pub(crate) gateways: BTreeMap<GatewayAddress, watch::Receiver<bool>>,
}

#[async_trait]
impl Probe for DarkProbe {
    async fn reach(
        &self,
        address: &GatewayAddress,
        port: u16,
        limit: Duration,
    ) -> Result<(), String> {
        let Some(dark) = self.gateways.get(address) else {
            return Err(format!(
                "nothing in the sandbox has the address {address}:{port}"
            ));
        };
        let mut dark = dark.clone();
        self.env
            .timeout(limit, lit(&mut dark))
            .await
            .map_err(|elapsed| elapsed.to_string())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn in_the_dark_nothing_passes_not_even_an_end() {
        let env = causeway_seam::real::env();
        let (switch, dark) = watch::channel(false);
        let (near, outgoing) = mpsc::channel(4);
        let (far, mut received) = mpsc::channel(4);
        let _task = env.spawn("carry", carry(outgoing, far, dark));
        near.send(1).await.unwrap();
        assert_eq!(received.recv().await, Some(1));
        switch.send(true).unwrap();
        near.send(2).await.unwrap();
        drop(near);
        let hour = Duration::from_secs(3600);
        assert!(env.timeout(hour, received.recv()).await.is_err());
        switch.send(false).unwrap();
        assert_eq!(received.recv().await, Some(2));
        assert_eq!(received.recv().await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_dark_gateway_takes_all_the_time_it_is_given() {
        let env = causeway_seam::real::env();
        let (switch, dark) = watch::channel(true);
        let address = GatewayAddress::Host("gateway".to_owned());
        let probe = DarkProbe {
            env: env.clone(),
            gateways: [(address.clone(), dark)].into(),
        };
        let limit = Duration::from_secs(1);
        let begun = env.now();
        assert!(probe.reach(&address, 15443, limit).await.is_err());
        assert_eq!(env.now().since(begun), limit);
        switch.send(false).unwrap();
        assert_eq!(probe.reach(&address, 15443, limit).await, Ok(()));
    }
}
