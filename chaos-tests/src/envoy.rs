//! A real Envoy under an istiod.

use std::{fs, net::SocketAddr, time::Duration};

use anyhow::{Context as _, ensure};
use serde_json::Value;

use crate::{
    Endpoint, Scratch, assets,
    envoy_bootstrap::bootstrap,
    eventually, http,
    istiod::Istiod,
    json::{at, list, number, text},
    node::ProxyNode,
    pki::Authority,
    port::Port,
    process::Process,
    sds::SdsServer,
};

/// A running Envoy with the SDS server that belongs to it.
#[derive(Debug)]
pub struct Envoy {
    process: Process,
    admin: Port,
    _sds: SdsServer,
}

impl Envoy {
    /// Starts one as `node`, and waits until it's live: until istiod has answered it. Proxies of one
    /// mesh share the `authority`.
    ///
    /// # Errors
    /// If it isn't live within a minute; with the end of its log.
    pub async fn start(
        scratch: &Scratch,
        istiod: &Istiod,
        authority: &Authority,
        node: &ProxyNode,
    ) -> anyhow::Result<Self> {
        let name = format!("envoy-{}-{}-{}", node.cluster, node.namespace, node.pod);
        let folder = scratch.folder(&name)?;
        let sds = SdsServer::start(authority, &node.spiffe_id()).await?;
        let admin = Port::any()?;
        let configuration = bootstrap(node, admin.address(), istiod.grpc(), sds.address());
        fs::write(
            folder.join("envoy.json"),
            serde_json::to_vec_pretty(&configuration)?,
        )
        .context("writing Envoy's configuration")?;
        let process = Process::new("envoy", assets::file("envoy", "envoy")?, &folder)
            .args([
                "--config-path",
                "envoy.json",
                "--disable-hot-restart",
                "--concurrency",
                "1",
            ])
            .args(["--log-level", "warning", "--drain-time-s", "1"]);
        let mut envoy = Self {
            process,
            admin,
            _sds: sds,
        };
        envoy.restart().await?;
        Ok(envoy)
    }

    /// Its admin interface.
    #[must_use]
    pub fn admin(&self) -> SocketAddr {
        self.admin.address()
    }

    /// The process, to kill or pause it.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Starts it again, and waits until it's live.
    ///
    /// # Errors
    /// If it runs, or isn't live within a minute.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        self.process.start()?;
        let admin = self.admin.address();
        self.process
            .ready(Duration::from_secs(60), || async move {
                http::get(admin, "/ready").await.map(drop)
            })
            .await
    }

    /// All that it's configured with, endpoints included, as its admin interface shows it.
    ///
    /// # Errors
    /// If it doesn't answer.
    pub async fn config_dump(&self) -> anyhow::Result<Value> {
        self.admin_json("/config_dump?include_eds").await
    }

    /// The endpoints that it was given for a cluster, sorted; none if it doesn't know the cluster.
    ///
    /// # Errors
    /// If it doesn't answer.
    pub async fn assignment(&self, cluster: &str) -> anyhow::Result<Vec<Endpoint>> {
        Ok(assignment_in(&self.config_dump().await?, cluster))
    }

    /// The endpoints that it uses for a cluster, with what it has found out about
    /// their health itself, sorted; none if it doesn't know the cluster.
    ///
    /// # Errors
    /// If it doesn't answer.
    pub async fn hosts(&self, cluster: &str) -> anyhow::Result<Vec<Endpoint>> {
        Ok(hosts_in(
            &self.admin_json("/clusters?format=json").await?,
            cluster,
        ))
    }

    /// Waits until the endpoints that it was given for `cluster` are accepted by `fits`.
    ///
    /// # Errors
    /// At the deadline, with those that it had last.
    pub async fn wait_for(
        &self,
        cluster: &str,
        deadline: Duration,
        fits: impl Fn(&[Endpoint]) -> bool,
    ) -> anyhow::Result<Vec<Endpoint>> {
        let what = format!("Envoy's endpoints of {cluster}");
        eventually(deadline, &what, || async {
            let endpoints = self.assignment(cluster).await?;
            ensure!(fits(&endpoints), "{endpoints:?}");
            Ok(endpoints)
        })
        .await
    }

    /// The value of a counter or gauge.
    ///
    /// # Errors
    /// If it doesn't answer or has no such statistic.
    pub async fn stat(&self, name: &str) -> anyhow::Result<u64> {
        let text = http::get(self.admin.address(), "/stats").await?;
        String::from_utf8_lossy(&text)
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")?.parse().ok())
            .with_context(|| format!("Envoy has no statistic '{name}'"))
    }

    async fn admin_json(&self, path: &str) -> anyhow::Result<Value> {
        let body = http::get(self.admin.address(), path).await?;
        serde_json::from_slice(&body).with_context(|| format!("Envoy's {path} isn't JSON"))
    }
}

/// Envoy leaves out what has its default, as protobuf's JSON does.
fn assignment_in(dump: &Value, cluster: &str) -> Vec<Endpoint> {
    let mut endpoints: Vec<_> = list(dump, "/configs")
        .iter()
        .flat_map(|part| {
            ["/static_endpoint_configs", "/dynamic_endpoint_configs"].map(|field| list(part, field))
        })
        .flatten()
        .map(|entry| at(entry, "/endpoint_config"))
        .filter(|assignment| at(assignment, "/cluster_name") == cluster)
        .flat_map(|assignment| list(assignment, "/endpoints"))
        .flat_map(|group| {
            list(group, "/lb_endpoints")
                .iter()
                .map(move |one| (group, one))
        })
        .map(|(group, one)| Endpoint {
            priority: number(group, "/priority"),
            region: text(group, "/locality/region"),
            zone: text(group, "/locality/zone"),
            address: text(one, "/endpoint/address/socket_address/address"),
            port: number(one, "/endpoint/address/socket_address/port_value"),
            weight: number(one, "/load_balancing_weight").max(1),
            locality_weight: number(group, "/load_balancing_weight"),
            health: at(one, "/health_status")
                .as_str()
                .unwrap_or("UNKNOWN")
                .to_owned(),
        })
        .collect();
    endpoints.sort();
    endpoints
}

fn hosts_in(clusters: &Value, cluster: &str) -> Vec<Endpoint> {
    let mut endpoints: Vec<_> = list(clusters, "/cluster_statuses")
        .iter()
        .filter(|status| at(status, "/name") == cluster)
        .flat_map(|status| list(status, "/host_statuses"))
        .map(|host| {
            let health = at(host, "/health_status");
            let failed = ["/failed_active_health_check", "/failed_outlier_check"]
                .iter()
                .any(|one| at(health, one) == true);
            Endpoint {
                priority: number(host, "/priority"),
                region: text(host, "/locality/region"),
                zone: text(host, "/locality/zone"),
                address: text(host, "/address/socket_address/address"),
                port: number(host, "/address/socket_address/port_value"),
                weight: number(host, "/weight").max(1),
                // Envoy doesn't show it here.
                locality_weight: 0,
                health: if failed {
                    "UNHEALTHY".to_owned()
                } else {
                    at(health, "/eds_health_status")
                        .as_str()
                        .unwrap_or("UNKNOWN")
                        .to_owned()
                },
            }
        })
        .collect();
    endpoints.sort();
    endpoints
}
