//! What the benches on real components share: the stage that they play on, bare watches, and how a measure is printed.

#![allow(dead_code, reason = "each bench uses a part of it")]

pub(crate) mod floor;
pub(crate) mod source;
pub(crate) mod watch;

use std::{collections::BTreeMap, time::Duration};

use anyhow::Context as _;
use causeway_chaos_tests::{
    ads::AdsClient,
    causeway::{
        Clusterset, DEADLINE, Options, declared,
        site::{SiteSpec, upstream},
    },
    eventually, istiod,
};
use causeway_measure::Measure;
#[allow(unused_imports, reason = "each bench uses a part of it")]
pub(crate) use causeway_measure::{median, paired, quantile};
use serde_json::{Value, json};

use source::Source;

/// Prints one measure; `cargo xtask bench` reads it.
pub(crate) fn print(
    bench: &str,
    measure: &str,
    (ours, other): (f64, Option<f64>),
    unit: &str,
    (ratio, aim): (Option<f64>, Option<&str>),
) {
    Measure::of(bench, measure, ours, unit)
        .beside(other)
        .ratio(ratio)
        .aim(aim)
        .print();
}

/// In milliseconds.
#[must_use]
pub(crate) fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// CPU that a process has used, user and system, in seconds: proc_pid_stat(5), in ticks of 10 ms.
///
/// # Errors
/// If there's no such process.
pub(crate) fn cpu(process: u32) -> anyhow::Result<f64> {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat"))
        .context("reading a process's times")?;
    let (_, after) = text.rsplit_once(')').context("a stat without a name")?;
    let ticks = after
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(str::parse::<f64>);
    Ok(ticks.sum::<Result<f64, _>>()? / 100.0)
}

/// Three clusters: `m1`, whose endpoints change; `m2`, a member as `m1` is; and `m3`, whose istiod can read `m1` by a
/// remote secret and which Causeway doesn't know.
pub(crate) struct Stage {
    /// Clusters, controller, agents.
    pub set: Clusterset,
    /// The service `web` of `m1`.
    pub web: Source,
    /// The service `tens` of `m1`.
    pub tens: Source,
}

impl Stage {
    /// Starts it with istiods that wait for so long before they push (`None`: as they do by default), and waits until
    /// `m2` has the entries of both services.
    ///
    /// # Errors
    /// If something doesn't start.
    pub(crate) async fn start(debounce: Option<&str>) -> anyhow::Result<Self> {
        let mut sites =
            [1, 2, 3].map(|number| SiteSpec::numbered(number, &[&format!("r{number}-a")]));
        for site in &mut sites {
            site.debounce = debounce.map(str::to_owned);
        }
        // What people run logs no more than this.
        let options = Options {
            sites: sites.into(),
            mode: None,
            log_level: "info",
            ..Options::default()
        };
        let mut set = Box::pin(Clusterset::start(options)).await?;
        for number in [1, 2] {
            set.register(number, json!({ "mode": "Federate" })).await?;
            set.site_mut(number)?.agent.start()?;
        }
        for number in [1, 2] {
            set.connected(number).await?;
        }
        let site = set.site(1)?;
        let web = Source::deploy(site, "web", 1).await?;
        let tens = Source::deploy(site, "tens", 2).await?;
        for name in ["web", "tens"] {
            for number in [2, 3] {
                Source::only_service(set.site(number)?, name).await?;
            }
            set.site(1)?.export(name).await?;
        }
        let stage = Self { set, web, tens };
        for name in ["web", "tens"] {
            stage.entry(name).await?;
        }
        Ok(stage)
    }

    /// The entry of a service of `m1` in `m2`, once it's there.
    ///
    /// # Errors
    /// At the deadline.
    pub(crate) async fn entry(&self, service: &str) -> anyhow::Result<Value> {
        let client = self.set.site(2)?.client();
        let api = declared::api(
            client,
            "networking.istio.io/v1",
            "WorkloadEntry",
            Some("shop"),
        );
        let name = entry_name(service);
        let found = eventually(DEADLINE, "the entry in m2", || async {
            Ok(api.get(&name).await?)
        })
        .await?;
        Ok(serde_json::to_value(found)?)
    }

    /// Lets the istiod of `m3` read `m1` by itself.
    ///
    /// # Errors
    /// If an API server refuses it.
    pub(crate) async fn add_peer(&self) -> anyhow::Result<()> {
        istiod::add_remote_cluster(self.set.site(3)?.client(), self.set.fleet.cluster("m1")?).await
    }

    /// A caller of `web` and `tens` in a cluster, once it's been told of endpoints behind `m1`'s gateway.
    ///
    /// # Errors
    /// At the deadline.
    pub(crate) async fn caller(&self, number: usize) -> anyhow::Result<Caller> {
        let site = self.set.site(number)?;
        let zone = site.spec.zones.first().context("a cluster without zones")?;
        let ads = site.listen(zone, &["web", "tens"]).await?;
        let gateway = self.set.site(1)?.gateway.address().to_string();
        let caller = Caller { ads, gateway };
        for service in ["web", "tens"] {
            caller.told(service, |count| count > 0).await?;
        }
        Ok(caller)
    }

    /// The processes of the product and both istiods.
    ///
    /// # Errors
    /// If one doesn't run.
    pub(crate) fn processes(&mut self) -> anyhow::Result<BTreeMap<&'static str, u32>> {
        let controller = self.set.controller.process().id();
        let owner = self.set.site_mut(1)?.agent.process().id();
        let importer = self.set.site_mut(2)?.agent.process().id();
        let fed = self.set.site_mut(2)?.istiod.process().id();
        let peer = self.set.site_mut(3)?.istiod.process().id();
        [
            ("controller", controller),
            ("owner", owner),
            ("importer", importer),
            ("fed", fed),
            ("peer", peer),
        ]
        .into_iter()
        .map(|(name, id)| Ok((name, id.with_context(|| format!("{name} doesn't run"))?)))
        .collect()
    }
}

/// The name of the entry of a service of `m1`.
#[must_use]
pub(crate) fn entry_name(service: &str) -> String {
    format!("cw-{service}.net1")
}

/// A proxy that listens for endpoints.
pub(crate) struct Caller {
    /// Its stream.
    pub ads: AdsClient,
    gateway: String,
}

/// What a caller was last told of a service.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Told {
    /// How many endpoints are behind the gateway, by weight.
    pub count: u32,
    /// How many pushes named the service.
    pub pushes: u64,
}

impl Caller {
    /// What it was told last.
    #[must_use]
    pub(crate) fn now(&self, service: &str) -> Told {
        let view = self.ads.view();
        let found = view.clusters.get(&upstream(service));
        found.map_or(Told::default(), |found| Told {
            count: count(&found.endpoints, &self.gateway),
            pushes: found.pushes,
        })
    }

    /// Waits until it's told of a count that's accepted, and returns when that arrived.
    ///
    /// # Errors
    /// At the deadline.
    pub(crate) async fn told(
        &self,
        service: &str,
        fits: impl Fn(u32) -> bool,
    ) -> anyhow::Result<tokio::time::Instant> {
        let wanted = |endpoints: &[_]| fits(count(endpoints, &self.gateway));
        Ok(self
            .ads
            .wait_for(&upstream(service), DEADLINE, wanted)
            .await?
            .received)
    }
}

fn count(endpoints: &[causeway_chaos_tests::Endpoint], gateway: &str) -> u32 {
    endpoints
        .iter()
        .filter(|one| one.socket() == gateway)
        .map(|one| one.weight)
        .sum()
}
