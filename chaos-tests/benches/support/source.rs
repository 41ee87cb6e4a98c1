//! A service whose endpoints come and go: one slice that names the first so many of its pods.

use anyhow::Context as _;
use causeway_chaos_tests::{
    causeway::{Site, site::NAMESPACE},
    objects::{self, Backend},
};
use k8s_openapi::api::core::v1::Service;
use kube::Client;
use serde_json::json;

/// So many pods it has, in the slice or not.
pub(crate) const PODS: u8 = 50;
const PORTS: &[(&str, i32)] = &[("http", 8080)];

/// The service.
pub(crate) struct Source {
    client: Client,
    name: String,
    backends: Vec<Backend>,
}

impl Source {
    /// Writes the service, its pods and its slice, all ready. `number` tells its addresses from those of others.
    ///
    /// # Errors
    /// If the API server refuses something.
    pub(crate) async fn deploy(site: &Site, name: &str, number: u8) -> anyhow::Result<Self> {
        let client = site.client().clone();
        let zone = site.spec.zones.first().context("a cluster without zones")?;
        objects::put(&client, &objects::service_account(NAMESPACE, name)).await?;
        Self::only_service(site, name).await?;
        let mut backends = Vec::new();
        for pod in 1..=PODS {
            let address = format!("10.{}.{number}.{pod}", 20 + u16::from(site.index));
            let pod = format!("{name}-{pod}");
            // An istiod that reads the cluster itself leads to a gateway only for pods that speak mutual TLS.
            let labels = [("app", name), ("security.istio.io/tlsMode", "istio")];
            objects::put_running_pod(&client, (NAMESPACE, &pod), zone, &address, name, &labels)
                .await?;
            backends.push(Backend::ready(&address).on(zone, zone).of_pod(&pod));
        }
        let source = Self {
            client,
            name: name.to_owned(),
            backends,
        };
        source.ready(PODS.into()).await?;
        Ok(source)
    }

    /// Writes the service into a cluster where it has no pods.
    ///
    /// # Errors
    /// If the API server refuses it.
    pub(crate) async fn only_service(site: &Site, name: &str) -> anyhow::Result<()> {
        let service: Service = serde_json::from_value(json!({
            "metadata": { "name": name, "namespace": NAMESPACE },
            "spec": { "selector": { "app": name }, "ports": [{ "name": "http", "port": 80, "targetPort": 8080 }] },
        }))?;
        objects::put(site.client(), &service).await.map(drop)
    }

    /// Writes the slice with so many endpoints, at most [`PODS`], all ready.
    ///
    /// # Errors
    /// If the API server refuses it.
    pub(crate) async fn ready(&self, count: usize) -> anyhow::Result<()> {
        let there: Vec<Backend> = self.backends.iter().take(count).cloned().collect();
        let slice = objects::slice(NAMESPACE, &self.name, "1", PORTS, &there);
        objects::put(&self.client, &slice).await.map(drop)
    }
}
