//! What lies in the dark: connections that carry nothing any more and say nothing about it, and gateways that do not
//! answer. A closed connection would be noticed at once; silence is what a lost region really looks like.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use causeway_api::facts::GatewayAddress;
use causeway_discovery::probe::Probe;
use causeway_seam::Env;
use causeway_seam::transport::{Connection, Dial, TransportError};
use tokio::sync::{mpsc, watch};

const QUEUE: usize = 64;
/// How long dialling from the dark, or into it, takes to fail.
const DIAL: Duration = Duration::from_secs(5);

/// Whether it is dark at one place.
pub(crate) type Dark = watch::Receiver<bool>;

/// Dials as `inner` does while there is light at both ends.
pub(crate) struct DarkDialer<S, R> {
    pub(crate) env: Env,
    pub(crate) inner: Arc<dyn Dial<S, R>>,
    /// At the place of who dials.
    pub(crate) here: Dark,
    /// At the place of each address that may be dialled.
    pub(crate) there: BTreeMap<String, Dark>,
}

#[async_trait]
impl<S: Send + 'static, R: Send + 'static> Dial<S, R> for DarkDialer<S, R> {
    async fn dial(&self, address: &str) -> Result<Connection<S, R>, TransportError> {
        let mut dark = vec![self.here.clone()];
        dark.extend(self.there.get(address).cloned());
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

/// Returns once there is light everywhere, or the sandbox has ended.
async fn lit(dark: &mut [Dark]) {
    loop {
        for place in &mut *dark {
            let _ = place.wait_for(|dark| !dark).await;
        }
        // While it was waited for one, another may have gone dark; who has ended is dark no more.
        if dark
            .iter()
            .all(|place| !*place.borrow() || place.has_changed().is_err())
        {
            return;
        }
    }
}

/// Carries messages while there is light. The end of a connection does not get through the dark either.
async fn carry<T>(mut from: mpsc::Receiver<T>, to: mpsc::Sender<T>, mut dark: Vec<Dark>) {
    while let Some(message) = from.recv().await {
        lit(&mut dark).await;
        if to.send(message).await.is_err() {
            break;
        }
    }
    lit(&mut dark).await;
}

/// Answers for gateways by whether their member lies in the dark, or who asks does.
pub(crate) struct DarkProbe {
    pub(crate) env: Env,
    pub(crate) here: Dark,
    pub(crate) gateways: BTreeMap<GatewayAddress, Dark>,
}

#[async_trait]
impl Probe for DarkProbe {
    async fn reach(
        &self,
        address: &GatewayAddress,
        port: u16,
        limit: Duration,
    ) -> Result<(), String> {
        let Some(there) = self.gateways.get(address) else {
            return Err(format!(
                "nothing in the sandbox has the address {address}:{port}"
            ));
        };
        let mut dark = [self.here.clone(), there.clone()];
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
        let (_other, elsewhere) = watch::channel(false);
        let (near, outgoing) = mpsc::channel(4);
        let (far, mut received) = mpsc::channel(4);
        let _task = env.spawn("carry", carry(outgoing, far, vec![dark, elsewhere]));
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
            here: watch::channel(false).1,
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
