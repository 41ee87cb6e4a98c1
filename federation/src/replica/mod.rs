//! A controller replica: hears agents, decides with its peers, and sends each agent what concerns it.
//!
//! The stages, in the order in which a change runs through them (those marked * speak to somebody):
//!
//! 1. [`serve`]*: agents' sessions; facts in, views out ([`sessions`]: who is there and what each is due);
//!    [`exchange`]*: facts and sessions, shared with other replicas; [`admission`]: how many sessions begin at once;
//!    [`roll`]: which replicas there are, for agents;
//! 2. [`voters`]*: probes and silence → votes; [`ticker`]: cluster time;
//! 3. [`registry`]*: MemberClusters and FailoverPolicies → commands;
//! 4. [`brain`]: what changed → plans → proposals;
//!    [`among`], [`part`], [`lead`]: joining a clusterset, being out of it, and what a leader looks after besides;
//! 5. [`follow`]: decisions → whom they concern;
//! 6. [`status`]*, [`events`]*, [`metrics`], [`backend`]: what people see.

mod admission;
pub mod among;
mod backend;
#[cfg(test)]
mod behind_tests;
mod brain;
mod calendar;
mod contingencies;
mod doubts;
mod events;
mod exchange;
mod follow;
mod glance;
pub(crate) mod impaired;
mod inspect;
mod lead;
mod metrics;
mod part;
mod process;
#[cfg(test)]
mod region_tests;
mod registry;
#[cfg(test)]
mod restart_tests;
mod roll;
mod serve;
mod sessions;
mod shared;
mod status;
mod tasks;
mod ticker;
mod voters;

use std::sync::Arc;
use std::time::Duration;

use causeway_api::ids::{FailureDomain, Name, ReplicaId};
use causeway_api::peer::Fenced;
use causeway_api::verdict::ObserverId;
use causeway_discovery::probe::{Probe, ProbeConfig, Sight};
use causeway_seam::{Disk, Env};
use causeway_storage::{Consensus, NoPeers, Peers};
use tokio::sync::watch;

use crate::admin::AdminBackend;
use crate::telemetry::Metrics;
use among::{Among, Begin};
use shared::Shared;
use tasks::{Tasks, Until};

pub use process::run;
pub use serve::Listener;

/// How long a planned stop waits for another to lead.
const STEP_ASIDE: Duration = Duration::from_secs(2);

/// What a replica is. Nothing here changes a decision.
#[derive(Debug, Clone)]
pub struct ReplicaConfig {
    /// Its Raft id. Never to be used again.
    pub id: ReplicaId,
    /// What it would be lost together with.
    pub domain: FailureDomain,
    /// The namespace of root policies in the host cluster.
    pub root_namespace: Name,
    /// How often and how patiently it probes.
    pub probe: ProbeTimes,
}

/// How often and how patiently a replica probes.
#[derive(Debug, Clone, Copy)]
pub struct ProbeTimes {
    /// How often a subject is probed; shortened at random by up to half.
    pub interval: Duration,
    /// How long an attempt may take.
    pub timeout: Duration,
    /// Failures in a row until a subject is held unreachable.
    pub threshold: u32,
}

impl Default for ProbeTimes {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(1),
            timeout: Duration::from_secs(1),
            threshold: 3,
        }
    }
}

impl ReplicaConfig {
    fn probing(&self) -> ProbeConfig {
        let ProbeTimes {
            interval,
            timeout,
            threshold,
        } = self.probe;
        let usual = ProbeConfig::new(ObserverId::Replica(self.id), self.domain.clone());
        ProbeConfig {
            interval,
            timeout,
            threshold,
            ..usual
        }
    }
}

/// A running replica; it ends when this is dropped.
pub struct Replica {
    shared: Arc<Shared>,
    tasks: Arc<Tasks>,
}

impl Replica {
    /// Opens the data folder and starts. With a host cluster, its MemberClusters and FailoverPolicies are the registry.
    ///
    /// # Errors
    /// Where the data folder cannot be opened or belongs to another replica, or a new clusterset cannot be begun.
    pub async fn start(
        env: Env,
        disk: Arc<dyn Disk>,
        host: Option<kube::Client>,
        listener: Box<Listener>,
        probe: Arc<dyn Probe>,
        metrics: Metrics,
        config: ReplicaConfig,
    ) -> anyhow::Result<Self> {
        Self::start_among(env, disk, host, listener, probe, metrics, config, None).await
    }

    /// The same among other replicas; without `among` it is alone.
    ///
    /// # Errors
    /// As [`Replica::start`]; and where its data folder is empty and nobody said how to begin.
    #[allow(clippy::too_many_arguments)]
    pub async fn start_among(
        env: Env,
        disk: Arc<dyn Disk>,
        host: Option<kube::Client>,
        listener: Box<Listener>,
        probe: Arc<dyn Probe>,
        metrics: Metrics,
        config: ReplicaConfig,
        among: Option<Among>,
    ) -> anyhow::Result<Self> {
        let tuning = among.as_ref().map(|among| among.tuning).unwrap_or_default();
        let settings = among::settings(disk.as_ref(), tuning);
        let links = among.as_ref().map(|among| among.links.clone());
        let peers: Arc<dyn Peers> = match &links {
            Some(links) => Arc::new(links.clone()),
            None => Arc::new(NoPeers),
        };
        let log = Consensus::open(env.clone(), disk.clone(), config.id, settings, peers);
        let consensus = log.await?;
        let metrics = metrics::ReplicaMetrics::new(metrics);
        let shared = Shared::new(
            env.clone(),
            config.id,
            config.domain.clone(),
            consensus,
            metrics,
        );
        let mut how = Begin::Bootstrap;
        if let (Some(among), Some(links)) = (among, &links) {
            how = among.begin;
            exchange::join(&shared, links);
            links.attach(&shared.consensus, Some(among.acceptor));
        }
        among::begin(&shared, links.as_ref(), how).await?;
        let (say, sight) = watch::channel(Sight::TooFewPlaces(0));
        let tasks = Arc::new(Tasks::default());
        let deciding = |task| tasks.add(Until::Left, task);
        let telling = |task| tasks.add(Until::Stopped, task);
        // Whoever comes to a replica that has no part any more hears why.
        telling(env.spawn("sessions", serve::serve(shared.clone(), listener)));
        telling(env.spawn("metrics", metrics::run(shared.clone())));
        deciding(env.spawn("lead", lead::run(shared.clone(), links.clone(), disk)));
        deciding(env.spawn("follow", follow::follow(shared.clone())));
        deciding(env.spawn("brain", brain::Brain::run(shared.clone())));
        deciding(env.spawn("preparations", contingencies::prepare(shared.clone())));
        deciding(env.spawn("ticker", ticker::tick(shared.clone())));
        deciding(env.spawn("calendar", calendar::run(shared.clone())));
        deciding(env.spawn(
            "session votes",
            voters::watch_sessions(shared.clone(), sight),
        ));
        deciding(env.spawn("agents' votes", voters::hear_agents(shared.clone())));
        deciding(env.spawn("observers", voters::watch_observers(shared.clone())));
        deciding(env.spawn("doubts", doubts::watch(shared.clone())));
        deciding(env.spawn(
            "gateway probes",
            voters::probe_gateways(shared.clone(), probe, config.probing(), say),
        ));
        if let Some(host) = host {
            let root = config.root_namespace.clone();
            deciding(env.spawn(
                "registry",
                registry::run(shared.clone(), host.clone(), root),
            ));
            deciding(env.spawn("status", status::run(shared.clone(), host.clone())));
            deciding(env.spawn("events", events::run(shared.clone(), host)));
        }
        if let Some(links) = links {
            deciding(env.spawn("roll", roll::keep(shared.clone(), links.clone())));
            telling(env.spawn("part", part::watch(shared.clone(), links, tasks.clone())));
        }
        Ok(Self { shared, tasks })
    }

    /// What answers operators.
    #[must_use]
    pub fn admin(&self) -> Arc<dyn AdminBackend> {
        Arc::new(backend::Backend::new(self.shared.clone()))
    }

    /// Whether it can do its work.
    ///
    /// # Errors
    /// What it waits for.
    pub fn ready(&self) -> Result<(), String> {
        let log = &self.shared.consensus;
        if let Some(why) = self.shared.out() {
            Err(format!(
                "it has no part in its clusterset any more ({why}). {}",
                Fenced::REMEDY
            ))
        } else if let Some((why, _)) = self.shared.unserved() {
            Err(why)
        } else if let Some(why) = log.status().stopped {
            Err(format!(
                "the decision log has stopped: {why}. Nothing that was acknowledged is lost, and every mesh keeps what it has; see to \
                 the disk, then restart the controller"
            ))
        } else if let Some(name) = self.tasks.ended() {
            Err(format!(
                "{name} has ended, which it never should: see the log, and restart the controller"
            ))
        } else if let Some(trouble) = self.shared.declared.trouble() {
            Err(trouble)
        } else if log.members().is_empty() {
            Err(format!(
                "it waits to be added: causeway replica add {}",
                self.shared.id.0
            ))
        } else if log.status().leader.is_some() || log.members().len() > 1 {
            // Without a quorum facts and sessions go on, which need somebody to reach it.
            Ok(())
        } else {
            Err("no leader is known yet: decisions wait, every mesh keeps what it has".to_owned())
        }
    }

    /// What is being waited for, a sentence each, as `causeway status` says it: such as a quorum. Sessions and facts need none
    /// of it.
    #[must_use]
    pub fn waiting(&self) -> Vec<String> {
        backend::sights::here(&self.shared).waiting
    }

    /// Ends its tasks and closes the data folder.
    pub async fn stop(self) {
        // Nobody need wait for an election.
        let aside = self.shared.consensus.step_aside();
        if let Ok(Some(to)) = self.shared.env.timeout(STEP_ASIDE, aside).await {
            tracing::info!(%to, "the lead was passed on");
        }
        self.tasks.stop().await;
        if let Some(links) = self.shared.links.get() {
            links.stop().await;
        }
        self.shared.consensus.stop().await;
    }
}
