//! Several clusters, a controller and their agents, ready to be disturbed.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context as _, ensure};
use futures::future::try_join_all;
use kube::Client;
use serde_json::{Value, json};

use super::{
    DEADLINE, Objects,
    agent::Agent,
    certificates::Certificates,
    controller::Controller,
    declared,
    site::{NAMESPACE, Site, SiteSpec, upstream},
    told::{self, Known},
    workload::Workload,
};
use crate::{Fleet, ads::AdsClient, eventually};

/// What to start.
#[derive(Debug, Clone)]
pub struct Options {
    /// The clusters; the first is the host cluster too.
    pub sites: Vec<SiteSpec>,
    /// The mode in which all are registered; `None`: nobody is registered and no agent runs.
    pub mode: Option<&'static str>,
    /// The spec of the root policy.
    pub policy: Value,
    /// What controller and agents log.
    pub log_level: &'static str,
    /// More API servers, with nothing in them.
    pub bare: Vec<&'static str>,
}

impl Default for Options {
    /// Three regions, with two, two and one zones; losses are believed after a second, and returns after three.
    fn default() -> Self {
        Self {
            bare: Vec::new(),
            sites: vec![
                SiteSpec::numbered(1, &["r1-a", "r1-b"]),
                SiteSpec::numbered(2, &["r2-a", "r2-b"]),
                SiteSpec::numbered(3, &["r3-a"]),
            ],
            mode: Some("Federate"),
            policy: json!({ "detection": { "holdFor": "1s" }, "failback": { "holdDown": "3s" } }),
            log_level: "info,causeway=debug",
        }
    }
}

/// A running clusterset.
pub struct Clusterset {
    // In the order in which they must go.
    /// The clusters.
    pub sites: Vec<Site>,
    /// The controller.
    pub controller: Controller,
    /// Whose certificates all have.
    pub certificates: Certificates,
    /// The API servers.
    pub fleet: Fleet,
    host: Client,
}

/// Callers in several zones, and the service that they listen for.
#[derive(Debug)]
pub struct Callers {
    /// By member and zone.
    pub ads: BTreeMap<(String, String), AdsClient>,
    service: String,
}

impl Callers {
    /// Only those in clusters of these names.
    #[must_use]
    pub fn only(mut self, members: &[&str]) -> Self {
        self.ads
            .retain(|(member, _), _| members.contains(&member.as_str()));
        self
    }
}

/// How many endpoints of a member a plan counts.
#[must_use]
pub fn ready(explanation: &Value, member: &str) -> u32 {
    let all = crate::json::list(explanation, "/inputs/destinations").iter();
    all.filter(|one| crate::json::at(one, "/member") == member)
        .map(|one| crate::json::number(one, "/ready"))
        .sum()
}

/// Accepts plans that count so many endpoints of these members.
pub fn counts<const N: usize>(
    wanted: [(&'static str, u32); N],
) -> impl Fn(&Value) -> anyhow::Result<()> {
    move |explanation| {
        for (member, count) in wanted {
            let found = ready(explanation, member);
            ensure!(found == count, "{member} counts {found}, not {count}");
        }
        Ok(())
    }
}

impl Clusterset {
    /// Starts everything, registers the clusters, and waits until their agents have sessions.
    ///
    /// # Errors
    /// If anything doesn't start.
    pub async fn start(options: Options) -> anyhow::Result<Self> {
        let names: Vec<&str> = options
            .sites
            .iter()
            .map(|site| site.name.as_str())
            .collect();
        let fleet = Fleet::start(&[&names[..], &options.bare].concat()).await?;
        let certificates = Certificates::new(fleet.scratch(), "pki").await?;
        let first = names.first().context("a clusterset without clusters")?;
        let host = fleet.cluster(first)?.client().await?;
        let kubeconfig = fleet.cluster(first)?.kubeconfig()?;
        let mut controller =
            Controller::prepare(fleet.scratch(), &certificates, &kubeconfig).await?;
        let mut sites = Vec::new();
        for (index, spec) in options.sites.iter().enumerate() {
            let cluster = fleet.cluster(&spec.name)?;
            certificates
                .make("agent", &["--member", &spec.name])
                .await?;
            let folder = format!("agent-{}", spec.name);
            let kubeconfig = cluster.kubeconfig()?;
            let mut agent = Agent::new(
                fleet.scratch(),
                &certificates,
                (&folder, &spec.name),
                &kubeconfig,
                controller.sessions(),
            )?;
            agent.process().set_flag("--log-level", options.log_level);
            let index = u8::try_from(index + 1)?;
            sites.push(Box::pin(Site::prepare(cluster, spec.clone(), index, agent)));
        }
        let sites = try_join_all(sites).await?;
        declared::policy(&host, ("causeway-system", "defaults"), options.policy).await?;
        controller
            .process()
            .set_flag("--log-level", options.log_level);
        controller.restart().await?;
        let mut set = Self {
            sites,
            controller,
            certificates,
            fleet,
            host,
        };
        if let Some(mode) = options.mode {
            for number in 1..=set.sites.len() {
                set.register(number, json!({ "mode": mode })).await?;
                set.site_mut(number)?.agent.start()?;
            }
            for number in 1..=set.sites.len() {
                set.connected(number).await?;
            }
        }
        Ok(set)
    }

    /// The cluster of that number, from 1.
    ///
    /// # Errors
    /// If there's none.
    pub fn site(&self, number: usize) -> anyhow::Result<&Site> {
        self.sites
            .get(number.wrapping_sub(1))
            .with_context(|| format!("no cluster {number}"))
    }

    /// The same, to disturb it.
    ///
    /// # Errors
    /// If there's none.
    pub fn site_mut(&mut self, number: usize) -> anyhow::Result<&mut Site> {
        self.sites
            .get_mut(number.wrapping_sub(1))
            .with_context(|| format!("no cluster {number}"))
    }

    /// A client of the host cluster.
    #[must_use]
    pub fn host(&self) -> &Client {
        &self.host
    }

    /// Registers a cluster, or changes its registration.
    ///
    /// # Errors
    /// If the host cluster refuses it.
    pub async fn register(&self, number: usize, spec: Value) -> anyhow::Result<()> {
        declared::register(&self.host, self.site(number)?.name(), spec).await
    }

    /// Waits until a cluster's agent has a session.
    ///
    /// # Errors
    /// At the deadline.
    pub async fn connected(&self, number: usize) -> anyhow::Result<()> {
        self.condition(number, ("AgentConnected", "True", "Connected"))
            .await
            .map(drop)
    }

    /// Waits for a condition of a cluster, and returns its message.
    ///
    /// # Errors
    /// At the deadline, with all its conditions.
    pub async fn condition(
        &self,
        number: usize,
        wanted: (&str, &str, &str),
    ) -> anyhow::Result<String> {
        declared::condition(&self.host, self.site(number)?.name(), wanted, DEADLINE).await
    }

    /// Waits until `causeway clusters` says of a cluster what is wanted: a pointer into its row, and the value there.
    ///
    /// # Errors
    /// At the deadline, with the row.
    pub async fn row(
        &self,
        number: usize,
        (pointer, wanted): (&str, Value),
    ) -> anyhow::Result<Value> {
        self.row_among(number, (pointer, &[wanted])).await
    }

    /// As [`Self::row`], where the value is one of several: what soon gives way to something else may be over before
    /// anybody has looked.
    ///
    /// # Errors
    /// At the deadline, with the row.
    pub async fn row_among(
        &self,
        number: usize,
        (pointer, wanted): (&str, &[Value]),
    ) -> anyhow::Result<Value> {
        let name = self.site(number)?.name();
        eventually(
            DEADLINE,
            &format!("causeway clusters: {name}{pointer} is one of {wanted:?}"),
            || async {
                let clusters = self.controller.cli().json(&["clusters"]).await?;
                let row = clusters
                    .as_array()
                    .into_iter()
                    .flatten()
                    .find(|row| crate::json::at(row, "/name") == name);
                let row = row.context("no such row")?;
                ensure!(wanted.contains(crate::json::at(row, pointer)), "{row}");
                Ok(row.clone())
            },
        )
        .await
    }

    /// The service `name` in every cluster, exported, with so many pods in each zone.
    ///
    /// # Errors
    /// If an API server refuses something.
    pub async fn deploy(
        &self,
        name: &str,
        number: u8,
        pods: usize,
    ) -> anyhow::Result<BTreeMap<String, Workload>> {
        let mut workloads = BTreeMap::new();
        for site in &self.sites {
            let zones: Vec<(&str, usize)> = site
                .spec
                .zones
                .iter()
                .map(|zone| (zone.as_str(), pods))
                .collect();
            workloads.insert(
                site.name().to_owned(),
                Workload::deploy(site, name, number, &zones).await?,
            );
            site.export(name).await?;
        }
        Ok(workloads)
    }

    /// Our objects in a cluster.
    ///
    /// # Errors
    /// If its API server doesn't answer.
    pub async fn objects(&self, number: usize) -> anyhow::Result<Objects> {
        Objects::of(self.site(number)?.client()).await
    }

    /// Our objects in a cluster, once they've been as they are for as long as its agent needs to say that it's done.
    ///
    /// # Errors
    /// At the deadline.
    pub async fn settled(&self, number: usize) -> anyhow::Result<Objects> {
        self.row(number, ("/lag_ms", json!(0))).await?;
        self.row(number, ("/would_change", json!(0))).await?;
        self.objects(number).await
    }

    /// Callers of a service in every zone of every cluster.
    ///
    /// # Errors
    /// If an istiod doesn't answer.
    pub async fn callers(&self, service: &str) -> anyhow::Result<Callers> {
        let mut ads = BTreeMap::new();
        for site in &self.sites {
            for zone in &site.spec.zones {
                ads.insert(
                    (site.name().to_owned(), zone.clone()),
                    site.listen(zone, &[service]).await?,
                );
            }
        }
        Ok(Callers {
            ads,
            service: service.to_owned(),
        })
    }

    /// What the CLI says of a service's plan.
    ///
    /// # Errors
    /// If it fails.
    pub async fn explain(&self, service: &str) -> anyhow::Result<Value> {
        self.controller
            .cli()
            .json(&["explain", &format!("{service}.{NAMESPACE}")])
            .await
    }

    /// Waits until the plan is accepted by `fits` and what istiod tells all callers equals it. `workloads` are those of
    /// the service, by member.
    ///
    /// # Errors
    /// At the deadline, with what differs.
    pub async fn as_planned(
        &self,
        callers: &Callers,
        workloads: &BTreeMap<String, Workload>,
        fits: impl Fn(&Value) -> anyhow::Result<()>,
    ) -> anyhow::Result<Value> {
        self.as_planned_within(DEADLINE, callers, workloads, fits)
            .await
    }

    /// As [`Self::as_planned`], with a deadline.
    ///
    /// # Errors
    /// At the deadline, with what differs.
    pub async fn as_planned_within(
        &self,
        deadline: Duration,
        callers: &Callers,
        workloads: &BTreeMap<String, Workload>,
        fits: impl Fn(&Value) -> anyhow::Result<()>,
    ) -> anyhow::Result<Value> {
        let what = format!(
            "istiods tell callers of {} what its plan says",
            callers.service
        );
        let name = upstream(&callers.service);
        eventually(deadline, &what, || async {
            let explanation = self.explain(&callers.service).await?;
            fits(&explanation).with_context(|| {
                format!("the plan is {}", crate::json::at(&explanation, "/plan"))
            })?;
            let gateways = told::gateways(&self.controller.cli().json(&["clusters"]).await?);
            for ((member, zone), ads) in &callers.ads {
                let pods = workloads
                    .get(member)
                    .map(Workload::sockets)
                    .unwrap_or_default();
                let known = Known {
                    gateways: gateways.clone(),
                    pods,
                };
                let view = ads.view();
                ensure!(
                    view.ended.is_none(),
                    "{member}/{zone}: the stream ended: {:?}",
                    view.ended
                );
                let told = view
                    .clusters
                    .get(&name)
                    .map(|one| one.endpoints.as_slice())
                    .unwrap_or_default();
                told::as_planned(&explanation, (member, zone), &known, told)?;
            }
            Ok(explanation)
        })
        .await
    }
}
