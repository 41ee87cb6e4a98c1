//! A controller replica: hears agents, decides with its peers, and sends each agent what concerns it.
//!
//! The stages, in the order in which a change runs through them (those marked * speak to somebody):
//!
//! 1. [`serve`]*: agents' sessions; facts in, views out ([`sessions`]: who is there and what each is due);
//!    [`exchange`]*: facts and sessions, shared with other replicas; [`admission`]: how many sessions begin at once;
//! 2. [`voters`]*: probes and silence → votes; [`ticker`]: cluster time;
//! 3. [`registry`]*: MemberClusters and FailoverPolicies → commands;
//! 4. [`brain`]: what changed → plans → proposals;
//!    [`among`], [`lead`]: beginning or joining a clusterset, and what a leader looks after besides;
//! 5. [`follow`]: decisions → whom they concern;
//! 6. [`status`]*, [`events`]*, [`metrics`], [`backend`]: what people see.

mod admission;
pub mod among;
mod backend;
mod brain;
mod contingencies;
mod doubts;
mod events;
mod exchange;
mod follow;
mod glance;
mod inspect;
mod lead;
mod metrics;
mod process;
#[cfg(test)]
mod region_tests;
mod registry;
#[cfg(test)]
mod restart_tests;
mod serve;
mod sessions;
mod shared;
mod shifts;
mod status;
mod ticker;
mod voters;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use causeway_api::ids::{FailureDomain, Name, ReplicaId};
use causeway_api::verdict::ObserverId;
use causeway_discovery::probe::{Probe, ProbeConfig, Sight};
use causeway_seam::{Disk, Env, TaskHandle};
use causeway_storage::{Consensus, NoPeers, Peers};
use tokio::sync::watch;

use crate::admin::AdminBackend;
use crate::telemetry::Metrics;
use among::{Among, Begin};
use sessions::lock;
use shared::Shared;

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
    tasks: Arc<Mutex<Vec<TaskHandle>>>,
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
        let mut tasks = vec![
            env.spawn("lead", lead::run(shared.clone(), links.clone(), disk)),
            env.spawn("follow", follow::follow(shared.clone())),
            env.spawn("brain", brain::Brain::run(shared.clone())),
            env.spawn("preparations", contingencies::prepare(shared.clone())),
            env.spawn("ticker", ticker::tick(shared.clone())),
            env.spawn("sessions", serve::serve(shared.clone(), listener)),
            env.spawn(
                "session votes",
                voters::watch_sessions(shared.clone(), sight),
            ),
            env.spawn("agents' votes", voters::hear_agents(shared.clone())),
            env.spawn("observers", voters::watch_observers(shared.clone())),
            env.spawn("metrics", metrics::run(shared.clone())),
            env.spawn("doubts", doubts::watch(shared.clone())),
            env.spawn(
                "gateway probes",
                voters::probe_gateways(shared.clone(), probe, config.probing(), say),
            ),
        ];
        if let Some(host) = host {
            let root = config.root_namespace.clone();
            tasks.push(env.spawn(
                "registry",
                registry::run(shared.clone(), host.clone(), root),
            ));
            tasks.push(env.spawn("status", status::run(shared.clone(), host.clone())));
            let root = config.root_namespace.clone();
            tasks.push(env.spawn("shifts", shifts::run(shared.clone(), host.clone(), root)));
            tasks.push(env.spawn("events", events::run(shared.clone(), host)));
        }
        let tasks = Arc::new(Mutex::new(tasks));
        if let Some(links) = links {
            let watch = among::fence(shared.consensus.clone(), links, tasks.clone());
            let watch = env.spawn("fence", watch);
            lock(&tasks).push(watch);
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
        let ended = {
            let tasks = lock(&self.tasks);
            let ended = tasks.iter().find(|task| task.is_ended());
            ended.map(TaskHandle::name)
        };
        if let Some(said) = log.fenced() {
            Err(format!(
                "it is of an older incarnation and has stopped for good ({said}): empty its data folder and add it under a new id"
            ))
        } else if let Some(why) = log.status().stopped {
            Err(format!(
                "the decision log has stopped: {why}. Nothing that was acknowledged is lost, and every mesh keeps what it has; see to \
                 the disk, then restart the controller"
            ))
        } else if let Some(name) = ended {
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

    /// Ends its tasks and closes the data folder.
    pub async fn stop(self) {
        // Nobody need wait for an election.
        let aside = self.shared.consensus.step_aside();
        if let Ok(Some(to)) = self.shared.env.timeout(STEP_ASIDE, aside).await {
            tracing::info!(%to, "the lead was passed on");
        }
        let tasks = std::mem::take(&mut *lock(&self.tasks));
        for mut task in tasks {
            task.abort();
            task.ended().await;
        }
        if let Some(links) = self.shared.links.get() {
            links.stop().await;
        }
        self.shared.consensus.stop().await;
    }
}
