//! Kubernetes objects as tests need them: builders, and writing them with what a
//! controller or kubelet would have put into their status.

use std::{collections::BTreeMap, fmt::Debug};

use anyhow::Context as _;
use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        core::v1::{Namespace, Node, Pod, Service, ServiceAccount},
        discovery::v1::EndpointSlice,
    },
};
use kube::{
    Api, Client, Resource, ResourceExt as _,
    api::{Patch, PatchParams},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

/// The name under which the tests' writes are recorded by the API server.
pub const FIELD_MANAGER: &str = "causeway-test";

fn parameters() -> PatchParams {
    PatchParams::apply(FIELD_MANAGER).force()
}

/// Creates or changes an object in a namespace (server-side apply).
///
/// # Errors
/// If the API server refuses it.
pub async fn put<K>(client: &Client, object: &K) -> anyhow::Result<K>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + Debug
        + Serialize
        + DeserializeOwned,
{
    let (api, name, what) = target(client, object)?;
    api.patch(&name, &parameters(), &Patch::Apply(object))
        .await
        .with_context(|| format!("writing the {what}"))
}

/// Where an object is written, its name, and what to call it.
fn target<K>(client: &Client, object: &K) -> anyhow::Result<(Api<K>, String, String)>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
{
    let namespace = object
        .namespace()
        .context("an object without a namespace")?;
    let name = object.name_any();
    let what = format!("{} {namespace}/{name}", K::kind(&()));
    Ok((Api::namespaced(client.clone(), &namespace), name, what))
}

/// Writes the status of an object in a namespace; `object` needs no spec.
///
/// # Errors
/// If the API server refuses it.
pub async fn put_status<K>(client: &Client, object: &K) -> anyhow::Result<K>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + Debug
        + Serialize
        + DeserializeOwned,
{
    let (api, name, what) = target(client, object)?;
    api.patch_status(&name, &parameters(), &Patch::Apply(object))
        .await
        .with_context(|| format!("writing the status of the {what}"))
}

/// Creates or changes a namespace.
///
/// # Errors
/// If the API server refuses it.
pub async fn put_namespace(client: &Client, namespace: &Namespace) -> anyhow::Result<Namespace> {
    let name = namespace.name_any();
    let api = Api::<Namespace>::all(client.clone());
    let written = api
        .patch(&name, &parameters(), &Patch::Apply(namespace))
        .await;
    written.with_context(|| format!("writing the Namespace {name}"))
}

/// Creates or changes a node.
///
/// # Errors
/// If the API server refuses it.
pub async fn put_node(client: &Client, node: &Node) -> anyhow::Result<Node> {
    let name = node.name_any();
    let api = Api::<Node>::all(client.clone());
    let written = api.patch(&name, &parameters(), &Patch::Apply(node)).await;
    written.with_context(|| format!("writing the Node {name}"))
}

/// The builders below give JSON that fits the type, or they have a bug.
fn built<K: DeserializeOwned>(value: Value) -> K {
    match serde_json::from_value(value) {
        Ok(object) => object,
        Err(error) => unreachable!(
            "a builder of the harness made an object that doesn't fit its type: {error}"
        ),
    }
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|&(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// A namespace.
#[must_use]
pub fn namespace(name: &str, labels: &[(&str, &str)]) -> Namespace {
    built(json!({ "metadata": { "name": name, "labels": map(labels) } }))
}

/// A node in a region and zone.
#[must_use]
pub fn node(name: &str, region: &str, zone: &str) -> Node {
    let labels = [
        ("topology.kubernetes.io/region", region),
        ("topology.kubernetes.io/zone", zone),
    ];
    built(json!({ "metadata": { "name": name, "labels": map(&labels) } }))
}

/// A service account.
#[must_use]
pub fn service_account(namespace: &str, name: &str) -> ServiceAccount {
    built(json!({ "metadata": { "name": name, "namespace": namespace } }))
}

/// A Service without a selector, so that no controller writes its slices. TCP; Istio reads the
/// protocol from the ports' names (`http`, `grpc-api`, `tcp`, …).
#[must_use]
pub fn service(namespace: &str, name: &str, ports: &[(&str, i32)]) -> Service {
    let ports: Vec<_> = ports
        .iter()
        .map(|(name, port)| json!({ "name": name, "port": port }))
        .collect();
    built(
        json!({ "metadata": { "name": name, "namespace": namespace }, "spec": { "ports": ports } }),
    )
}

/// One address of an EndpointSlice.
#[derive(Debug, Clone)]
pub struct Backend {
    /// Not a loopback address: the API server refuses those.
    pub address: String,
    /// Takes new connections.
    pub ready: bool,
    /// Takes connections even though it terminates.
    pub serving: bool,
    /// Is about to end.
    pub terminating: bool,
    /// The zone it's in, if known.
    pub zone: Option<String>,
    /// The node it's on, if known.
    pub node: Option<String>,
    /// The Pod that it is, if there's an object for it.
    pub pod: Option<String>,
}

impl Backend {
    /// A ready one, whose place isn't known.
    #[must_use]
    pub fn ready(address: &str) -> Self {
        Self {
            address: address.to_owned(),
            ready: true,
            serving: true,
            terminating: false,
            zone: None,
            node: None,
            pod: None,
        }
    }

    /// One that isn't ready.
    #[must_use]
    pub fn unready(address: &str) -> Self {
        Self {
            ready: false,
            serving: false,
            ..Self::ready(address)
        }
    }

    /// The same on a node, in a zone.
    #[must_use]
    pub fn on(mut self, node: &str, zone: &str) -> Self {
        self.node = Some(node.to_owned());
        self.zone = Some(zone.to_owned());
        self
    }

    /// The same with the name of its Pod.
    #[must_use]
    pub fn of_pod(mut self, pod: &str) -> Self {
        self.pod = Some(pod.to_owned());
        self
    }
}

/// The slice `<service>-<suffix>` of a Service.
#[must_use]
pub fn slice(
    namespace: &str,
    service: &str,
    suffix: &str,
    ports: &[(&str, i32)],
    backends: &[Backend],
) -> EndpointSlice {
    let ports: Vec<_> = ports
        .iter()
        .map(|(name, port)| json!({ "name": name, "port": port, "protocol": "TCP" }))
        .collect();
    let endpoints: Vec<_> = backends
        .iter()
        .map(|one| {
            let target = one.pod.as_ref().map(|pod| json!({ "kind": "Pod", "name": pod, "namespace": namespace }));
            json!({
                "addresses": [one.address],
                "conditions": { "ready": one.ready, "serving": one.serving, "terminating": one.terminating },
                "zone": one.zone,
                "nodeName": one.node,
                "targetRef": target,
            })
        })
        .collect();
    built(json!({
        "metadata": {
            "name": format!("{service}-{suffix}"),
            "namespace": namespace,
            "labels": { "kubernetes.io/service-name": service },
        },
        "addressType": if backends.iter().any(|one| one.address.contains(':')) { "IPv6" } else { "IPv4" },
        "endpoints": endpoints,
        "ports": ports,
    }))
}

/// Writes a Pod that runs and is ready at `address`, on `node`, as that service account.
///
/// # Errors
/// If the API server refuses it.
pub async fn put_running_pod(
    client: &Client,
    (namespace, name): (&str, &str),
    node: &str,
    address: &str,
    service_account: &str,
    labels: &[(&str, &str)],
) -> anyhow::Result<Pod> {
    let pod: Pod = built(json!({
        "metadata": { "name": name, "namespace": namespace, "labels": map(labels) },
        "spec": {
            "nodeName": node,
            "serviceAccountName": service_account,
            "containers": [{ "name": "app", "image": "example.test/app" }],
        },
    }));
    put(client, &pod).await?;
    let status: Pod = built(json!({
        "metadata": { "name": name, "namespace": namespace },
        "spec": { "containers": [] },
        "status": {
            "phase": "Running",
            "podIP": address,
            "podIPs": [{ "ip": address }],
            "conditions": [{ "type": "Ready", "status": "True" }],
        },
    }));
    put_status(client, &status).await
}

/// Writes a Service of the type LoadBalancer, with these addresses as a cloud's controller would give it.
///
/// # Errors
/// If the API server refuses it.
pub async fn put_load_balancer(
    client: &Client,
    (namespace, name): (&str, &str),
    labels: &[(&str, &str)],
    ports: &[(&str, i32)],
    addresses: &[&str],
) -> anyhow::Result<Service> {
    let ports: Vec<_> = ports
        .iter()
        .map(|(name, port)| json!({ "name": name, "port": port }))
        .collect();
    let service: Service = built(json!({
        "metadata": { "name": name, "namespace": namespace, "labels": map(labels) },
        "spec": { "type": "LoadBalancer", "ports": ports },
    }));
    put(client, &service).await?;
    let ingress: Vec<_> = addresses
        .iter()
        .map(|address| match address.parse::<std::net::IpAddr>() {
            Ok(_) => json!({ "ip": address }),
            Err(_) => json!({ "hostname": address }),
        })
        .collect();
    let status: Service = built(json!({
        "metadata": { "name": name, "namespace": namespace },
        "status": { "loadBalancer": { "ingress": ingress } },
    }));
    put_status(client, &status).await
}
