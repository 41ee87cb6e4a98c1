//! A controller replica: hears agents, decides with its peers, and sends each agent what concerns it.
//!
//! The stages, in the order in which a change runs through them (those marked * speak to somebody):
//!
//! 1. [`serve`]*: agents' sessions; facts in, views out ([`sessions`]: who is there and what each is due);
//! 2. [`voters`]*: probes and silence → votes; [`ticker`]: cluster time;
//! 3. [`registry`]*: MemberClusters and FailoverPolicies → commands;
//! 4. [`brain`]: what changed → plans → proposals;
//! 5. [`follow`]: decisions → whom they concern;
//! 6. [`status`]*, [`events`]*, [`metrics`], [`backend`]: what people see.

mod backend;
mod brain;
mod events;
mod follow;
mod glance;
mod metrics;
mod process;
mod registry;
#[cfg(test)]
mod restart_tests;
mod serve;
mod sessions;
mod shared;
mod status;
mod ticker;
mod voters;

use std::sync::Arc;
use std::time::Duration;

use causeway_api::ids::{FailureDomain, Name, ReplicaId};
use causeway_api::verdict::ObserverId;
use causeway_discovery::probe::{Probe, ProbeConfig};
use causeway_seam::{Disk, Env, TaskHandle};
use causeway_storage::{BootstrapError, Consensus, NoPeers, ReplicaNode, Settings};

use crate::admin::AdminBackend;
use crate::telemetry::Metrics;
use shared::Shared;

pub use process::run;
pub use serve::Listener;

/// How long the log may take to be as far as it was before the last stop.
const RECOVERY: Duration = Duration::from_secs(60);

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
    tasks: Vec<TaskHandle>,
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
        let consensus = Consensus::open(
            env.clone(),
            disk,
            config.id,
            Settings::default(),
            Arc::new(NoPeers),
        )
        .await?;
        let metrics = metrics::ReplicaMetrics::new(metrics);
        let shared = Shared::new(
            env.clone(),
            config.id,
            config.domain.clone(),
            consensus,
            metrics,
        );
        begin(&shared).await?;
        let mut tasks = vec![
            env.spawn("follow", follow::follow(shared.clone())),
            env.spawn("brain", brain::Brain::run(shared.clone())),
            env.spawn("ticker", ticker::tick(shared.clone())),
            env.spawn("sessions", serve::serve(shared.clone(), listener)),
            env.spawn("session votes", voters::watch_sessions(shared.clone())),
            env.spawn("metrics", metrics::run(shared.clone())),
            env.spawn(
                "gateway probes",
                voters::probe_gateways(shared.clone(), probe, config.probing()),
            ),
        ];
        if let Some(host) = host {
            let root = config.root_namespace.clone();
            tasks.push(env.spawn(
                "registry",
                registry::run(shared.clone(), host.clone(), root),
            ));
            tasks.push(env.spawn("status", status::run(shared.clone(), host.clone())));
            tasks.push(env.spawn("events", events::run(shared.clone(), host)));
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
        if let Some(task) = self.tasks.iter().find(|task| task.is_ended()) {
            Err(format!(
                "{} has ended, which it never should: see the log, and restart the controller",
                task.name()
            ))
        } else if let Some(trouble) = self.shared.declared.trouble() {
            Err(trouble)
        } else if self.shared.consensus.is_leader() {
            Ok(())
        } else {
            Err("no leader is known yet: decisions wait, every mesh keeps what it has".to_owned())
        }
    }

    /// Ends its tasks and closes the data folder.
    pub async fn stop(mut self) {
        for task in &mut self.tasks {
            task.abort();
            task.ended().await;
        }
        self.shared.consensus.stop().await;
    }
}

/// A new clusterset is begun, once; an old one goes on.
async fn begin(shared: &Shared) -> anyhow::Result<()> {
    if shared.consensus.read(|state| state.incarnation) == 0 {
        let me = ReplicaNode {
            domain: shared.domain.to_string(),
            ..ReplicaNode::default()
        };
        match shared.consensus.bootstrap(me).await {
            Ok(generation) => tracing::info!(%generation, "a new clusterset begins"),
            Err(BootstrapError::Exists { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    // Decisions that were made before a restart are in force before anything is said or asked.
    shared.consensus.recovered(RECOVERY).await?;
    Ok(())
}
