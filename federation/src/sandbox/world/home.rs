//! One replica, at home in one region: its ports stay its own while its process comes and goes.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use causeway_api::facts::GatewayAddress;
use causeway_api::ids::{Name, Region, ReplicaId};
use causeway_api::peer::{FromPeer, PeerAddresses, ToPeer};
use causeway_api::spec::defaults::ROOT_NAMESPACE;
use causeway_memory::MemoryMember;
use causeway_seam::Env;
use causeway_seam::real::{Folder, net};
use causeway_seam::transport::Dial;
use tokio::sync::watch;

use super::PROBE;
use super::dark::{Dark, DarkDialer, DarkProbe};
use crate::admin::AdminBackend;
use crate::admin::server::{Serving, serve_admin};
use crate::certs::tls::{self, Pems};
use crate::peers::{Me, PeerLinks};
use crate::replica::among::{Among, Begin, Tuning};
use crate::replica::{Replica, ReplicaConfig};
use crate::session::{PeerDialer, PeerListener, TonicListener};
use crate::telemetry::Metrics;

/// How long a process that was killed may take to let go of its files and ports.
const LETS_GO: Duration = Duration::from_secs(20);

/// Where a replica is, and what it needs to start.
pub(super) struct Home {
    pub(super) id: ReplicaId,
    pub(super) region: Region,
    pub(super) addresses: PeerAddresses,
    /// Dark with its region.
    pub(super) dark: watch::Sender<bool>,
    folder: PathBuf,
    pems: Pems,
    running: Option<Running>,
}

/// Its process.
struct Running {
    replica: Replica,
    admin: Arc<dyn AdminBackend>,
    serving: Serving,
}

/// What all replicas see of each other and of the fleet.
pub(super) struct Around<'a> {
    pub(super) env: &'a Env,
    pub(super) host: &'a MemoryMember,
    /// By the address for replicas: whether it is dark there.
    pub(super) peers: BTreeMap<String, Dark>,
    pub(super) gateways: BTreeMap<GatewayAddress, Dark>,
}

impl Home {
    /// Takes ports; nothing runs yet.
    pub(super) async fn prepare(
        id: ReplicaId,
        region: Region,
        folder: PathBuf,
        pems: Pems,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            id,
            region,
            addresses: PeerAddresses {
                peers: free().await?,
                sessions: free().await?,
                admin: free().await?,
            },
            dark: watch::Sender::new(false),
            folder,
            pems,
            running: None,
        })
    }

    /// Starts its process, or starts it again with its data.
    pub(super) async fn start(&mut self, around: &Around<'_>, begin: Begin) -> anyhow::Result<()> {
        let env = around.env;
        let begun = env.now();
        loop {
            match self.try_start(around, begin).await {
                Ok(running) => {
                    self.running = Some(running);
                    return Ok(());
                }
                Err(error) if env.now().since(begun) > LETS_GO => {
                    return Err(error.context(format!("replica {} in {}", self.id, self.region)));
                }
                Err(error) => {
                    tracing::info!(replica = %self.id, %error, "it cannot start yet");
                    env.sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    async fn try_start(&self, around: &Around<'_>, begin: Begin) -> anyhow::Result<Running> {
        let env = around.env;
        let here = self.dark.subscribe();
        let dialler: Arc<dyn Dial<ToPeer, FromPeer>> = Arc::new(DarkDialer {
            env: env.clone(),
            inner: Arc::new(PeerDialer::new(env, &self.pems)?),
            here: here.clone(),
            there: around.peers.clone(),
        });
        let me = Me {
            replica: self.id,
            domain: self.region.to_string(),
            addresses: self.addresses.clone(),
            join: Vec::new(),
        };
        let acceptor = PeerListener::bind(env, &self.addresses.peers, &self.pems).await?;
        let sessions = TonicListener::bind(env, &self.addresses.sessions, &self.pems).await?;
        let listener = net::listen(&self.addresses.admin).await?;
        let among = Among {
            links: PeerLinks::new(env, me, Some(dialler)),
            acceptor: Box::new(acceptor),
            begin,
            tuning: Tuning::default(),
        };
        let replica = Replica::start_among(
            env.clone(),
            Arc::new(Folder::open(&self.folder)?),
            Some(around.host.client()),
            Box::new(sessions),
            Arc::new(DarkProbe {
                env: env.clone(),
                here,
                gateways: around.gateways.clone(),
            }),
            Metrics::new("controller"),
            ReplicaConfig {
                id: self.id,
                domain: self.region.as_str().parse()?,
                root_namespace: Name::new(ROOT_NAMESPACE)?,
                probe: PROBE,
            },
            Some(among),
        )
        .await?;
        let admin = replica.admin();
        let serving = serve_admin(env, listener, tls::server(&self.pems)?, admin.clone())?;
        Ok(Running {
            replica,
            admin,
            serving,
        })
    }

    /// The replica, while its process runs and it is not dark there.
    pub(super) fn lit(&self) -> Option<&Replica> {
        self.running
            .as_ref()
            .filter(|_| !*self.dark.borrow())
            .map(|running| &running.replica)
    }

    /// What answers operators here.
    pub(super) fn admin(&self) -> Option<&dyn AdminBackend> {
        self.lit()?;
        self.running.as_ref().map(|running| running.admin.as_ref())
    }

    /// Kills its process: nobody is told anything.
    pub(super) async fn kill(&mut self) {
        if let Some(running) = self.running.take() {
            drop(running.serving);
            drop(running.admin);
            running.replica.kill().await;
        }
    }

    /// Whether its process runs.
    pub(super) fn runs(&self) -> bool {
        self.running.is_some()
    }

    /// Ends it.
    pub(super) async fn stop(self) {
        if let Some(running) = self.running {
            drop(running.serving);
            running.replica.stop().await;
        }
    }
}

/// An address that nobody listens on.
async fn free() -> anyhow::Result<String> {
    let listener = net::listen("127.0.0.1:0").await?;
    let address = listener.local_addr().context("a free port")?;
    Ok(address.to_string())
}
