//! A whole clusterset in this process: clusters in memory, and everything else as it is anywhere: controller, agents,
//! gRPC under mutual TLS on loopback, the decision log on disk, the admin API.

mod dark;
mod papers;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use causeway_api::facts::GatewayAddress;
use causeway_api::ids::{MemberName, Name, ReplicaId};
use causeway_api::spec::defaults::ROOT_NAMESPACE;
use causeway_api::verdict::{Subject, VerdictState};
use causeway_memory::{Config, MemoryMember};
use causeway_seam::Env;
use causeway_seam::real::{Folder, net};
use tokio::sync::watch;

use self::dark::{DarkDialer, DarkProbe};
use self::papers::Papers;
use super::fleet::Fleet;
use super::objects;
use super::patience::Patience;
use crate::admin::AdminBackend;
use crate::admin::server::{Serving, serve_admin};
use crate::agent::{Agent, AgentConfig, Dialer};
use crate::certs::tls;
use crate::replica::{ProbeTimes, Replica, ReplicaConfig};
use crate::session::{TonicDialer, TonicListener};
use crate::telemetry::Metrics;

/// How often and how patiently the controller probes here.
pub const PROBE: ProbeTimes = ProbeTimes {
    interval: Duration::from_millis(500),
    timeout: Duration::from_millis(500),
    threshold: 3,
};

/// One cluster.
struct Site {
    memory: MemoryMember,
    agent: Option<Agent>,
    dark: watch::Sender<bool>,
}

/// The running fleet.
pub struct World {
    sites: BTreeMap<MemberName, Site>,
    replica: Replica,
    admin: Arc<dyn AdminBackend>,
    serving: Serving,
    context_file: PathBuf,
}

impl World {
    /// Starts everything; `folder` holds storage and certificates.
    ///
    /// # Errors
    /// Where a folder or a port cannot be used.
    pub async fn start(env: &Env, fleet: &Fleet, folder: &Path) -> anyhow::Result<Self> {
        let papers = Papers::new(env)?;
        let host = MemoryMember::new(Config::new("host").seed(fleet.seed), env.clone());
        fill(&host, objects::of_host(fleet)).context("the host cluster")?;
        let mut sites = BTreeMap::new();
        for (number, (name, member)) in (1..).zip(&fleet.members) {
            let memory =
                MemoryMember::new(Config::new(name.as_str()).seed(fleet.seed), env.clone());
            fill(&memory, objects::of_member(fleet, member, number))
                .with_context(|| format!("cluster {name}"))?;
            let (dark, _) = watch::channel(false);
            sites.insert(
                name.clone(),
                Site {
                    memory,
                    agent: None,
                    dark,
                },
            );
        }
        let pems = papers.replica()?;
        let listener = TonicListener::bind(env, "127.0.0.1:0", &pems).await?;
        let sessions = listener.address().to_string();
        let gateways = fleet.members.iter().filter_map(|(name, member)| {
            Some((
                GatewayAddress::Ip(member.gateway),
                sites.get(name)?.dark.subscribe(),
            ))
        });
        let replica = Replica::start(
            env.clone(),
            Arc::new(Folder::open(folder.join("controller"))?),
            Some(host.client()),
            Box::new(listener),
            Arc::new(DarkProbe {
                env: env.clone(),
                gateways: gateways.collect(),
            }),
            Metrics::new("controller"),
            ReplicaConfig {
                id: ReplicaId(1),
                domain: "sandbox".parse()?,
                root_namespace: Name::new(ROOT_NAMESPACE)?,
                probe: PROBE,
            },
        )
        .await?;
        let admin = replica.admin();
        let listener = net::listen("127.0.0.1:0").await?;
        let serving = serve_admin(env, listener, tls::server(&pems)?, admin.clone())?;
        let context_file = papers.write_operator(folder, serving.address().to_string())?;
        registered(env, &replica, sites.len()).await?;
        for (name, site) in &mut sites {
            let dialer: Arc<Dialer> = Arc::new(DarkDialer {
                env: env.clone(),
                inner: Arc::new(TonicDialer::new(env, &papers.member(name)?)?),
                dark: site.dark.subscribe(),
            });
            let disk = Arc::new(Folder::open(folder.join("agents").join(name.as_str()))?);
            let config = AgentConfig {
                member: name.clone(),
                controllers: vec![sessions.clone()],
                identity: format!("sandbox-{name}"),
            };
            site.agent = Some(Agent::start(
                env,
                site.memory.client(),
                dialer,
                disk,
                config,
            ));
        }
        Ok(Self {
            sites,
            replica,
            admin,
            serving,
            context_file,
        })
    }

    /// What answers operators.
    #[must_use]
    pub fn admin(&self) -> &dyn AdminBackend {
        self.admin.as_ref()
    }

    /// The verdict on a subject.
    #[must_use]
    pub fn verdict(&self, subject: &Subject) -> VerdictState {
        self.replica.verdict(subject)
    }

    /// The verdicts on the gateways of some members.
    #[must_use]
    pub fn gateways(&self, members: &BTreeSet<MemberName>) -> Vec<(Subject, VerdictState)> {
        self.replica.gateways(members)
    }

    /// The file by which the operator's verbs find the admin API.
    #[must_use]
    pub fn context_file(&self) -> &Path {
        &self.context_file
    }

    /// A cluster's API, past whatever keeps its agent from it.
    pub fn members(&self) -> impl Iterator<Item = (&MemberName, &MemoryMember)> {
        self.sites.iter().map(|(name, site)| (name, &site.memory))
    }

    /// API servers, agents and gateways of `lost` fall silent.
    pub fn lose(&self, lost: &BTreeSet<MemberName>) {
        for site in lost.iter().filter_map(|name| self.sites.get(name)) {
            site.memory.go_dark();
            site.dark.send_replace(true);
        }
    }

    /// They are there again, as they were.
    pub fn restore(&self, lost: &BTreeSet<MemberName>) {
        for site in lost.iter().filter_map(|name| self.sites.get(name)) {
            site.memory.come_back();
            site.dark.send_replace(false);
        }
    }

    /// Ends everything.
    pub async fn stop(self) {
        drop(self.serving);
        for (_, site) in self.sites {
            // Nothing may wait for the light any more.
            site.memory.come_back();
            site.dark.send_replace(false);
            if let Some(agent) = site.agent {
                agent.stop().await;
            }
        }
        self.replica.stop().await;
    }
}

/// Waits until the controller knows every cluster, as one registers a cluster before its agent is started.
async fn registered(env: &Env, replica: &Replica, members: usize) -> anyhow::Result<()> {
    let mut patience = Patience::new(env.now());
    loop {
        let registered = replica.registered();
        if registered >= members {
            return Ok(());
        }
        patience.see(env.now(), registered);
        anyhow::ensure!(
            !patience.is_over(env.now()),
            "the controller registered {registered} of {members} clusters; --log-level info says why"
        );
        env.sleep(Duration::from_millis(10)).await;
    }
}

fn fill(member: &MemoryMember, objects: Vec<serde_json::Value>) -> anyhow::Result<()> {
    for object in objects {
        let name = object
            .pointer("/metadata/name")
            .cloned()
            .unwrap_or_default();
        member
            .put(object)
            .with_context(|| format!("object {name}"))?;
    }
    Ok(())
}
