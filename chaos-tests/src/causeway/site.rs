//! One cluster as a member: its API server's client, its istiod, the door of its gateway, its agent.

use anyhow::Context as _;
use k8s_openapi::api::core::v1::Node;
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
};
use serde_json::json;

use super::{agent::Agent, declared, gateway::GatewayDoor};
use crate::{
    ApiServer,
    ads::AdsClient,
    crds,
    istiod::{Istiod, IstiodOptions},
    node::ProxyNode,
    objects,
};

/// The namespace of the tests' services.
pub const NAMESPACE: &str = "shop";
/// The Service that stands for the east-west gateway.
pub const GATEWAY: &str = "eastwest";

/// What a cluster is like.
#[derive(Debug, Clone)]
pub struct SiteSpec {
    /// The name of cluster and member.
    pub name: String,
    /// Its region.
    pub region: String,
    /// Its zones; there's a node in each, of the zone's name.
    pub zones: Vec<String>,
    /// Its network.
    pub network: String,
    /// How long its istiod waits for more changes (`PILOT_DEBOUNCE_AFTER`); `None`: as long as Istio does by default.
    pub debounce: Option<String>,
}

impl SiteSpec {
    /// `m<n>` in region `r<n>`, on network `net<n>`, with these zones.
    #[must_use]
    pub fn numbered(number: usize, zones: &[&str]) -> Self {
        Self {
            name: format!("m{number}"),
            region: format!("r{number}"),
            zones: zones.iter().map(|&zone| zone.to_owned()).collect(),
            network: format!("net{number}"),
            debounce: Some("10ms".to_owned()),
        }
    }
}

/// A cluster with all that's in it.
pub struct Site {
    /// What it's like.
    pub spec: SiteSpec,
    /// Which of the fleet it is, from 1; its pods are in 10.(20 + index).0.0/16.
    pub index: u8,
    /// Its agent.
    pub agent: Agent,
    /// Its istiod.
    pub istiod: Istiod,
    /// Where others would reach it.
    pub gateway: GatewayDoor,
    client: Client,
}

impl Site {
    /// Prepares a cluster: definitions, namespaces, nodes, gateway, istiod. The agent isn't started. The first one is the
    /// host cluster too.
    ///
    /// # Errors
    /// If a component doesn't start, or the API server refuses something.
    pub async fn prepare(
        cluster: &ApiServer,
        spec: SiteSpec,
        index: u8,
        agent: Agent,
    ) -> anyhow::Result<Self> {
        let client = cluster.client().await?;
        let host = index == 1;
        crds::install_istio(&client).await?;
        crds::install_gateway_api(&client).await?;
        if host {
            // With ServiceExport of v1beta1, where the others have v1alpha1 alone.
            crds::install_causeway(&client).await?;
        } else {
            crds::install_mcs(&client).await?;
        }
        for name in ["causeway-system", NAMESPACE] {
            objects::put_namespace(&client, &objects::namespace(name, &[])).await?;
        }
        for zone in &spec.zones {
            put_node(&client, zone, &spec.region, zone).await?;
        }
        let options = IstiodOptions {
            network: spec.network.clone(),
            environment: spec
                .debounce
                .iter()
                .map(|after| ("PILOT_DEBOUNCE_AFTER".to_owned(), after.clone()))
                .collect(),
            ..IstiodOptions::default()
        };
        let istiod = Istiod::start(cluster, &options)
            .await
            .with_context(|| format!("istiod of {}", spec.name))?;
        let gateway = GatewayDoor::open_at(index).await?;
        let site = Self {
            spec,
            index,
            agent,
            istiod,
            gateway,
            client,
        };
        site.put_gateway().await?;
        Ok(site)
    }

    /// Writes the Service of its gateway, as Istio's own gateways have it.
    ///
    /// # Errors
    /// If the API server refuses it.
    pub async fn put_gateway(&self) -> anyhow::Result<()> {
        let address = self.gateway.address();
        let port = address.port().to_string();
        objects::put_load_balancer(
            &self.client,
            ("istio-system", GATEWAY),
            &[
                ("istio", "eastwestgateway"),
                ("topology.istio.io/network", &self.spec.network),
                ("networking.istio.io/gatewayPort", &port),
            ],
            &[("tls", i32::from(address.port()))],
            &[&address.ip().to_string()],
        )
        .await
        .map(drop)
    }

    /// Gives the zone of a node another name.
    ///
    /// # Errors
    /// If the API server refuses it.
    pub async fn relabel(&mut self, node: &str, zone: &str) -> anyhow::Result<()> {
        put_node(&self.client, node, &self.spec.region, zone).await?;
        for old in self.spec.zones.iter_mut().filter(|old| *old == node) {
            zone.clone_into(old);
        }
        Ok(())
    }

    /// The name of cluster and member.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// A client with the administrator's rights.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Exports a service.
    ///
    /// # Errors
    /// If the API server refuses it.
    pub async fn export(&self, name: &str) -> anyhow::Result<()> {
        declared::export(&self.client, (NAMESPACE, name)).await
    }

    /// A caller's sidecar in a zone.
    #[must_use]
    pub fn sidecar(&self, zone: &str) -> ProxyNode {
        ProxyNode {
            network: self.spec.network.clone(),
            namespace: NAMESPACE.to_owned(),
            pod: format!("caller-{zone}"),
            ..ProxyNode::sidecar(&self.spec.name, &self.spec.region, zone)
        }
    }

    /// What istiod tells a caller in a zone about services.
    ///
    /// # Errors
    /// If istiod doesn't answer.
    pub async fn listen(&self, zone: &str, services: &[&str]) -> anyhow::Result<AdsClient> {
        let names: Vec<String> = services.iter().map(|name| upstream(name)).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        AdsClient::connect(self.istiod.grpc(), &self.sidecar(zone), &names).await
    }
}

/// Envoy's name of a service, as an unchanged caller reaches it.
#[must_use]
pub fn upstream(service: &str) -> String {
    format!("outbound|80||{service}.{NAMESPACE}.svc.cluster.local")
}

/// Writes a node that's ready.
async fn put_node(client: &Client, name: &str, region: &str, zone: &str) -> anyhow::Result<()> {
    objects::put_node(client, &objects::node(name, region, zone)).await?;
    let ready = json!({ "status": { "conditions": [{ "type": "Ready", "status": "True", "reason": "Test", "message": "" }] } });
    Api::<Node>::all(client.clone())
        .patch_status(name, &PatchParams::default(), &Patch::Merge(ready))
        .await
        .with_context(|| format!("the status of the Node {name}"))
        .map(drop)
}
