//! How a replica comes among others: begins a clusterset, or joins one.

use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use causeway_seam::{Disk, Env};
use causeway_storage::{BootstrapError, ReplicaNode, Settings, Timing};

use super::shared::Shared;
use crate::peers::{Acceptor, PeerLinks};

/// How long the log may take to be as far as it was before the last stop.
const RECOVERY: Duration = Duration::from_secs(60);

/// The same where others may have to come back first: then it starts without.
const RECOVERY_AMONG: Duration = Duration::from_secs(3);

/// How long one that is to begin a clusterset listens whether there is one already.
const LISTEN: Duration = Duration::from_millis(1_500);

/// The file that keeps how patient the log was last: three numbers of milliseconds.
const TIMING: &str = "timing";

/// The others.
pub struct Among {
    /// The links to them.
    pub links: PeerLinks,
    /// Their links to this one.
    pub acceptor: Box<Acceptor>,
    /// How it begins where its data folder is empty.
    pub begin: Begin,
    /// What is unusual of its log.
    pub tuning: Tuning,
}

/// What is unusual of a replica's log; none of it changes a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tuning {
    /// A snapshot is written after so many entries.
    pub snapshot_every: Option<u64>,
    /// The highest feature level that it takes part in.
    pub feature_level: Option<u32>,
}

impl Tuning {
    fn of(self, usual: &Settings) -> Settings {
        let (entries, kept) = self
            .snapshot_every
            .map_or((usual.snapshot_every, usual.keep_entries), |entries| {
                (entries, entries / 5)
            });
        Settings {
            snapshot_every: entries,
            keep_entries: kept,
            feature_level: self
                .feature_level
                .map_or(usual.feature_level, |level| level.min(usual.feature_level)),
            ..usual.clone()
        }
    }
}

/// How a replica with an empty data folder begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// It begins a new clusterset.
    Bootstrap,
    /// It waits until it is added to one.
    Join,
    /// Not at all: nothing was said.
    Unsaid,
}

/// The failure domain that was declared: the default is none, since whoever says nothing knows nothing of it.
pub(crate) fn declared(domain: &causeway_api::ids::FailureDomain) -> String {
    let text = domain.to_string();
    if text == "default" {
        String::new()
    } else {
        text
    }
}

/// How the log behaves; as patient as it was before the last stop.
pub(super) fn settings(disk: &dyn Disk, tuning: Tuning) -> Settings {
    let usual = tuning.of(&Settings::default());
    let Ok(Some(content)) = disk.read(TIMING) else {
        return usual;
    };
    let text = String::from_utf8_lossy(&content).into_owned();
    let numbers: Vec<u64> = text
        .split_whitespace()
        .filter_map(|n| n.parse().ok())
        .collect();
    match numbers.as_slice() {
        [heartbeat_ms, election_min_ms, election_max_ms]
            if heartbeat_ms * 2 <= *election_min_ms && election_min_ms < election_max_ms =>
        {
            usual.with(Timing {
                heartbeat_ms: *heartbeat_ms,
                election_min_ms: *election_min_ms,
                election_max_ms: *election_max_ms,
            })
        }
        _ => usual,
    }
}

/// Keeps how patient the log is for the next start.
pub(super) async fn keep(env: &Env, disk: Arc<dyn Disk>, timing: Timing) {
    let text = format!(
        "{} {} {}\n",
        timing.heartbeat_ms, timing.election_min_ms, timing.election_max_ms
    );
    let written = env
        .blocking(move || disk.replace(TIMING, text.as_bytes()))
        .await;
    if let Some(Err(error)) = written {
        tracing::warn!(%error, "the log's patience cannot be kept for the next start");
    }
}

/// Begins, joins or goes on.
pub(super) async fn begin(
    shared: &Shared,
    links: Option<&PeerLinks>,
    begin: Begin,
) -> anyhow::Result<()> {
    let log = &shared.consensus;
    let fresh = log.is_fresh().await;
    match begin {
        Begin::Unsaid if fresh => bail!(
            "the data folder of replica {} is empty: begin a new clusterset with --bootstrap, on one replica and once, or join one with \
             --join ADDRESS",
            shared.id
        ),
        Begin::Bootstrap if log.read(|state| state.incarnation) == 0 => {
            if fresh && let Some(links) = links {
                alone(shared, links).await?;
            }
            bootstrap(shared, links).await?;
        }
        Begin::Join if fresh => {
            tracing::info!(replica = %shared.id, "waiting to be added: causeway replica add {}", shared.id.0);
            return Ok(());
        }
        _ => {}
    }
    // Decisions that were made before a restart are in force before anything is said or asked.
    if links.is_some() {
        if let Err(error) = log.recovered(RECOVERY_AMONG).await {
            tracing::warn!(%error, "starting with the decisions that are here; those that are missing come from the other replicas");
        }
    } else {
        log.recovered(RECOVERY).await?;
    }
    Ok(())
}

/// Another clusterset that knows this replica is no place for a new one.
async fn alone(shared: &Shared, links: &PeerLinks) -> anyhow::Result<()> {
    let start = shared.env.now();
    while shared.env.now().since(start) < LISTEN {
        let members = links.hellos();
        if let Some(other) = members.iter().find(|hello| hello.highest.incarnation != 0) {
            bail!(
                "replica {} at {} belongs to a clusterset already and looks for replica {} here: a clusterset is begun once and only once. If \
                 this replica lost its data folder, start it under a new --replica-id with --join, and add it with causeway replica add",
                other.replica,
                other.addresses.peers,
                shared.id
            );
        }
        shared.env.sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

async fn bootstrap(shared: &Shared, links: Option<&PeerLinks>) -> anyhow::Result<()> {
    let me = ReplicaNode {
        address: links.map_or_else(String::new, |links| links.me().addresses.peers.clone()),
        domain: declared(&shared.domain),
    };
    match shared.consensus.bootstrap(me).await {
        Ok(generation) => tracing::info!(%generation, "a new clusterset begins"),
        Err(BootstrapError::Exists { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(())
}
