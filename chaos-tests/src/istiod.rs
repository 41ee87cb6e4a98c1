//! A real istiod for a cluster, without its webhooks and its certificate authority.

use std::{fs, net::SocketAddr, time::Duration};

use anyhow::Context as _;
use bytes::Bytes;
use k8s_openapi::api::core::v1::Secret;
use kube::Client;
use serde_json::{Value, json};

use crate::{ApiServer, assets, http, objects, port::Port, process::Process};

/// The namespace that istiod and its configuration are in.
pub const NAMESPACE: &str = "istio-system";

/// How to start an istiod.
#[derive(Debug, Clone)]
pub struct IstiodOptions {
    /// The network of the cluster's own endpoints; empty for the one without a name.
    pub network: String,
    /// MeshConfig.
    pub mesh: Value,
    /// MeshNetworks: the other networks and their gateways.
    pub networks: Value,
    /// More of istiod's environment variables, such as `PILOT_DEBOUNCE_AFTER`.
    pub environment: Vec<(String, String)>,
}

impl Default for IstiodOptions {
    fn default() -> Self {
        Self {
            network: String::new(),
            mesh: json!({ "rootNamespace": NAMESPACE, "trustDomain": "cluster.local" }),
            networks: json!({ "networks": {} }),
            environment: Vec::new(),
        }
    }
}

/// A running istiod, whose name of the cluster is that of the API server.
#[derive(Debug)]
pub struct Istiod {
    process: Process,
    http: Port,
    grpc: Port,
    monitoring: Port,
    _introspection: Port,
}

impl Istiod {
    /// Starts one on a cluster that has Istio's CRDs, and waits until it's ready.
    ///
    /// # Errors
    /// If it isn't ready within a minute; with the end of its log.
    pub async fn start(cluster: &ApiServer, options: &IstiodOptions) -> anyhow::Result<Self> {
        let labels: &[_] = match options.network.as_str() {
            "" => &[],
            network => &[("topology.istio.io/network", network)],
        };
        objects::put_namespace(
            &cluster.client().await?,
            &objects::namespace(NAMESPACE, labels),
        )
        .await?;
        let folder = cluster.folder();
        for (file, value) in [
            ("mesh.yaml", &options.mesh),
            ("networks.yaml", &options.networks),
        ] {
            // JSON is YAML.
            fs::write(folder.join(file), value.to_string())
                .with_context(|| format!("writing {file}"))?;
        }
        let [http, grpc, monitoring, introspection] =
            [Port::any()?, Port::any()?, Port::any()?, Port::any()?];
        let kubeconfig = cluster.kubeconfig()?.to_string_lossy().into_owned();
        let mut process =
            Process::new("istiod", assets::file("istiod", "pilot-discovery")?, folder)
                .args([
                    "discovery",
                    "--kubeconfig",
                    &kubeconfig,
                    "--registries=Kubernetes",
                ])
                .args([
                    "--clusterID",
                    cluster.name(),
                    "--meshConfig=mesh.yaml",
                    "--networksConfig=networks.yaml",
                ])
                .args([
                    "--httpAddr",
                    &http.address().to_string(),
                    "--grpcAddr",
                    &grpc.address().to_string(),
                ])
                .args([
                    "--monitoringAddr",
                    &monitoring.address().to_string(),
                    "--secureGRPCAddr=",
                    "--httpsAddr=",
                ])
                .args([
                    "--ctrlz_address=127.0.0.1",
                    "--ctrlz_port",
                    &introspection.number().to_string(),
                ])
                .args(["--keepaliveMaxServerConnectionAge=24h"])
                .env("CLUSTER_ID", cluster.name());
        for (name, value) in ENVIRONMENT {
            process = process.env(name, value);
        }
        for (name, value) in &options.environment {
            process = process.env(name, value);
        }
        let mut istiod = Self {
            process,
            http,
            grpc,
            monitoring,
            _introspection: introspection,
        };
        istiod.restart().await?;
        Ok(istiod)
    }

    /// Where proxies connect, without TLS.
    #[must_use]
    pub fn grpc(&self) -> SocketAddr {
        self.grpc.address()
    }

    /// A page of its debug interface, for example `/debug/endpointz`.
    ///
    /// # Errors
    /// If it doesn't answer.
    pub async fn debug(&self, path: &str) -> anyhow::Result<Bytes> {
        http::get(self.http.address(), path).await
    }

    /// Its metrics in Prometheus' text format.
    ///
    /// # Errors
    /// If it doesn't answer.
    pub async fn metrics(&self) -> anyhow::Result<Bytes> {
        http::get(self.monitoring.address(), "/metrics").await
    }

    /// The process, to kill or pause it, or to measure what it uses.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Starts it again on the same ports, and waits until it's ready.
    ///
    /// # Errors
    /// If it runs, or isn't ready within a minute.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        self.process.start()?;
        let address = self.http.address();
        self.process
            .ready(Duration::from_secs(60), || async move {
                http::get(address, "/ready").await.map(drop)
            })
            .await
    }
}

/// What lets istiod run outside a Pod and against an API server that can't call webhooks.
const ENVIRONMENT: &[(&str, &str)] = &[
    ("POD_NAMESPACE", NAMESPACE),
    ("POD_NAME", "istiod-0"),
    ("INJECT_ENABLED", "false"),
    ("INJECTION_WEBHOOK_CONFIG_NAME", ""),
    ("VALIDATION_WEBHOOK_CONFIG_NAME", ""),
    ("PILOT_ENABLE_GATEWAY_API_DEPLOYMENT_CONTROLLER", "false"),
    ("ENABLE_LEADER_ELECTION", "false"),
    ("PILOT_CERT_PROVIDER", "none"),
    ("ENABLE_CA_SERVER", "false"),
    ("PILOT_ENABLE_METADATA_EXCHANGE", "false"),
    ("PILOT_ENABLE_ALPN_FILTER", "false"),
];

/// Lets the istiod of `client`'s cluster read another cluster, by Istio's own means: a remote secret.
///
/// # Errors
/// If the API server refuses it.
pub async fn add_remote_cluster(client: &Client, remote: &ApiServer) -> anyhow::Result<()> {
    let kubeconfig = fs::read_to_string(remote.kubeconfig()?)?;
    let secret: Secret = serde_json::from_value(json!({
        "metadata": {
            "name": format!("istio-remote-secret-{}", remote.name()),
            "namespace": NAMESPACE,
            "labels": { "istio/multiCluster": "true" },
        },
        "stringData": { remote.name(): kubeconfig },
    }))?;
    objects::put(client, &secret).await.map(drop)
}
