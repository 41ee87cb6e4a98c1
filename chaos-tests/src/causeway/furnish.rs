//! What a cluster has in it before Causeway comes, as far as Causeway looks: no istiod, and no pods that run.

use std::{fs, path::Path};

use anyhow::Context as _;
use k8s_openapi::api::core::v1::{Node, Service};
use kube::{
    Api, Client,
    api::{DynamicObject, Patch, PatchParams},
};
use serde_json::{Value, json};

use super::{declared, gateway::GatewayDoor, site::NAMESPACE};
use crate::{
    ApiServer, crds,
    objects::{self, Backend},
};

/// Gives a cluster Istio's definitions, two nodes, the service `web` with an endpoint on each, and a gateway. `number`
/// tells its addresses from those of other clusters. Region and zones are named after the cluster.
///
/// # Errors
/// If the API server refuses something.
pub async fn furnish(cluster: &ApiServer, number: u8) -> anyhow::Result<GatewayDoor> {
    let (name, client) = (cluster.name(), cluster.client().await?);
    crds::install_istio(&client).await?;
    crds::install_gateway_api(&client).await?;
    let network = format!("net-{name}");
    let labels = [("topology.istio.io/network", network.as_str())];
    objects::put_namespace(&client, &objects::namespace("istio-system", &labels)).await?;
    objects::put_namespace(&client, &objects::namespace(NAMESPACE, &[])).await?;
    let mut backends = Vec::new();
    for (zone, host) in [("a", 1), ("b", 2)] {
        let node = format!("{name}-{zone}");
        objects::put_node(&client, &objects::node(&node, name, &node)).await?;
        let ready = json!({ "status": { "conditions": [{ "type": "Ready", "status": "True", "reason": "Test", "message": "" }] } });
        Api::<Node>::all(client.clone())
            .patch_status(&node, &PatchParams::default(), &Patch::Merge(ready))
            .await?;
        let pod = format!("web-{zone}");
        let address = format!("10.{}.1.{host}", 20 + u16::from(number));
        objects::put_running_pod(
            &client,
            (NAMESPACE, &pod),
            &node,
            &address,
            "web",
            &[("app", "web")],
        )
        .await?;
        backends.push(Backend::ready(&address).on(&node, &node).of_pod(&pod));
    }
    let web = serde_json::from_value(json!({
        "metadata": { "name": "web", "namespace": NAMESPACE },
        "spec": { "selector": { "app": "web" }, "ports": [{ "name": "http", "port": 80, "targetPort": 8080 }] },
    }))?;
    objects::put::<Service>(&client, &web).await?;
    objects::put(
        &client,
        &objects::slice(NAMESPACE, "web", "1", &[("http", 8080)], &backends),
    )
    .await?;
    let door = GatewayDoor::open_at(number).await?;
    let (address, port) = (door.address().ip().to_string(), door.address().port());
    let labels = [
        ("istio", "eastwestgateway"),
        ("topology.istio.io/network", network.as_str()),
        ("networking.istio.io/gatewayPort", &port.to_string()),
    ];
    let gateway = ("istio-system", "istio-eastwestgateway");
    objects::put_load_balancer(
        &client,
        gateway,
        &labels,
        &[("tls", i32::from(port))],
        &[&address],
    )
    .await?;
    Ok(door)
}

/// Applies all objects of a YAML file of `docs/guides/manifests`, in their order.
///
/// # Errors
/// If it can't be read, or the API server refuses an object.
pub async fn apply_manifest(client: &Client, file: &str) -> anyhow::Result<Vec<DynamicObject>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../docs/guides/manifests")
        .join(file);
    let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let documents: Vec<Value> = serde_saphyr::from_multiple(&text)
        .with_context(|| format!("parsing {}", path.display()))?;
    let mut written = Vec::new();
    for document in documents {
        written.push(
            declared::put(client, document)
                .await
                .with_context(|| format!("applying {file}"))?,
        );
    }
    Ok(written)
}
