//! A service with its pods, as a deployment and Kubernetes' controllers would have written them.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;
use k8s_openapi::api::{
    core::v1::{Pod, Service},
    discovery::v1::EndpointSlice,
};
use kube::{Api, Client, api::DeleteParams};
use serde_json::json;

use super::site::{NAMESPACE, Site};
use crate::objects::{self, Backend};

/// A service of one cluster: port 80 leads to 8080 of its pods.
#[derive(Clone)]
pub struct Workload {
    /// Its name, that of its `app` label, and of its service account.
    pub name: String,
    /// The name of its port.
    pub port: String,
    client: Client,
    /// 10.x.y of its pods.
    subnet: String,
    pods: Vec<Running>,
    made: u8,
}

#[derive(Debug, Clone)]
struct Running {
    name: String,
    address: String,
    /// Named after the zone that it was made in.
    node: String,
    zone: String,
}

impl Workload {
    /// Writes the service `name` into a cluster, with so many pods in each zone. `number` tells its pods' addresses from
    /// those of other services there.
    ///
    /// # Errors
    /// If the API server refuses something.
    pub async fn deploy(
        site: &Site,
        name: &str,
        number: u8,
        zones: &[(&str, usize)],
    ) -> anyhow::Result<Self> {
        let mut workload = Self {
            name: name.to_owned(),
            port: "http".to_owned(),
            client: site.client().clone(),
            subnet: format!("10.{}.{number}", 20 + u16::from(site.index)),
            pods: Vec::new(),
            made: 0,
        };
        let account = objects::service_account(NAMESPACE, name);
        objects::put(&workload.client, &account).await?;
        workload.put_service().await?;
        for (zone, count) in zones {
            workload.scale(zone, *count).await?;
        }
        Ok(workload)
    }

    /// Writes the Service and its slice as they should be now.
    ///
    /// # Errors
    /// If the API server refuses something.
    pub async fn put_service(&self) -> anyhow::Result<()> {
        let service: Service = serde_json::from_value(json!({
            "metadata": { "name": self.name, "namespace": NAMESPACE },
            "spec": {
                "selector": { "app": self.name },
                "ports": [{ "name": self.port, "port": 80, "targetPort": 8080 }],
            },
        }))?;
        objects::put(&self.client, &service).await?;
        self.put_slice().await
    }

    async fn put_slice(&self) -> anyhow::Result<()> {
        let backend = |pod: &Running| {
            Backend::ready(&pod.address)
                .on(&pod.node, &pod.zone)
                .of_pod(&pod.name)
        };
        let backends: Vec<Backend> = self.pods.iter().map(backend).collect();
        let slice = objects::slice(NAMESPACE, &self.name, "1", &[(&self.port, 8080)], &backends);
        objects::put(&self.client, &slice).await.map(drop)
    }

    /// Starts or ends pods of a zone, until it has so many.
    ///
    /// # Errors
    /// If the API server refuses something.
    pub async fn scale(&mut self, zone: &str, count: usize) -> anyhow::Result<()> {
        self.scale_on((zone, zone), count).await
    }

    /// As [`Self::scale`], for a zone whose node isn't called like it.
    ///
    /// # Errors
    /// If the API server refuses something.
    pub async fn scale_on(
        &mut self,
        (node, zone): (&str, &str),
        count: usize,
    ) -> anyhow::Result<()> {
        while self.pods.iter().filter(|pod| pod.zone == zone).count() < count {
            self.start_pod((node, zone)).await?;
        }
        let mut ended = Vec::new();
        while self.pods.iter().filter(|pod| pod.zone == zone).count() > count {
            let last = self
                .pods
                .iter()
                .rposition(|pod| pod.zone == zone)
                .context("no pod")?;
            ended.push(self.pods.remove(last));
        }
        self.put_slice().await?;
        self.end_pods(&ended).await
    }

    /// Replaces all pods by new ones with new addresses, as a rollout ends.
    ///
    /// # Errors
    /// If the API server refuses something.
    pub async fn roll(&mut self) -> anyhow::Result<()> {
        let old = std::mem::take(&mut self.pods);
        for pod in &old {
            self.start_pod((&pod.node, &pod.zone)).await?;
        }
        self.put_slice().await?;
        self.end_pods(&old).await
    }

    /// Follows a node that stands in another zone from now on.
    ///
    /// # Errors
    /// If the API server refuses it.
    pub async fn moved(&mut self, node: &str, zone: &str) -> anyhow::Result<()> {
        for pod in self.pods.iter_mut().filter(|pod| pod.node == node) {
            zone.clone_into(&mut pod.zone);
        }
        self.put_slice().await
    }

    /// Deletes the Service and its slice; its pods run on.
    ///
    /// # Errors
    /// If the API server refuses.
    pub async fn delete_service(&self) -> anyhow::Result<()> {
        let now = DeleteParams::default().grace_period(0);
        Api::<Service>::namespaced(self.client.clone(), NAMESPACE)
            .delete(&self.name, &now)
            .await?;
        Api::<EndpointSlice>::namespaced(self.client.clone(), NAMESPACE)
            .delete(&format!("{}-1", self.name), &now)
            .await?;
        Ok(())
    }

    async fn start_pod(&mut self, (node, zone): (&str, &str)) -> anyhow::Result<()> {
        self.made = self
            .made
            .checked_add(1)
            .context("255 pods of one service")?;
        let pod = Running {
            name: format!("{}-{}", self.name, self.made),
            address: format!("{}.{}", self.subnet, self.made),
            node: node.to_owned(),
            zone: zone.to_owned(),
        };
        let labels = [("app", self.name.as_str())];
        let key = (NAMESPACE, pod.name.as_str());
        objects::put_running_pod(&self.client, key, node, &pod.address, &self.name, &labels)
            .await?;
        self.pods.push(pod);
        Ok(())
    }

    /// No kubelet confirms their end here, so they go at once.
    async fn end_pods(&self, pods: &[Running]) -> anyhow::Result<()> {
        let api = Api::<Pod>::namespaced(self.client.clone(), NAMESPACE);
        for pod in pods {
            api.delete(&pod.name, &DeleteParams::default().grace_period(0))
                .await?;
        }
        Ok(())
    }

    /// `address:port` of its pods, by zone.
    #[must_use]
    pub fn sockets(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut sockets: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for pod in &self.pods {
            sockets
                .entry(pod.zone.clone())
                .or_default()
                .insert(format!("{}:8080", pod.address));
        }
        sockets
    }

    /// How many pods it has.
    #[must_use]
    pub fn count(&self) -> usize {
        self.pods.len()
    }
}
