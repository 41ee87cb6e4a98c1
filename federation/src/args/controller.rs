//! `causeway controller`.

use std::net::SocketAddr;
use std::path::PathBuf;

use causeway_api::ids::{FailureDomain, Name};
use clap::Args;

use super::process::{KubeArgs, LogArgs, TlsArgs};

/// What `--help` says at length.
pub(crate) const LONG_ABOUT: &str = "Run a controller: it reads MemberClusters and FailoverPolicies from its host cluster, hears what the \
                  agents report, decides what is lost and where traffic goes, and serves agents and operators over \
                  mutual TLS.\n\n\
                  Decisions are stored durably in the data folder; when the controller restarts it goes on from there. \
                  While it is away every mesh keeps its configuration.\n\n\
                  It listens on loopback unless told otherwise.";

/// Runs a controller replica.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  \
                  # Once: certificates for evaluation\n  \
                  causeway certs init --dir pki\n  \
                  causeway certs replica --dir pki --name r1 --host controller.example --host 127.0.0.1\n\n  \
                  # The host cluster is the current context\n  \
                  causeway controller --data-dir data --failure-domain eu-1 --listen 0.0.0.0:7443 \\\n      \
                  --tls-ca pki/ca.pem --tls-cert pki/r1.pem --tls-key pki/r1-key.pem\n\n  \
                  # The first of three replicas begins the clusterset, once\n  \
                  causeway controller --replica-id 1 --bootstrap --failure-domain eu --peer-listen 0.0.0.0:7446 \\\n      \
                  --peer-address r1.eu.example:7446 ...\n\n  \
                  # The others join it, and are added\n  \
                  causeway controller --replica-id 2 --join r1.eu.example:7446 --failure-domain us \\\n      \
                  --peer-listen 0.0.0.0:7446 --peer-address r2.us.example:7446 ...\n  \
                  causeway replica add 2\n\n  \
                  # Is it well?\n  \
                  curl -s http://127.0.0.1:7445/readyz; curl -s http://127.0.0.1:7445/metrics")]
pub struct ControllerArgs {
    /// Folder of the decision log; must survive a restart
    #[arg(
        long,
        value_name = "DIR",
        default_value = "/var/lib/causeway",
        env = "CAUSEWAY_DATA_DIR",
        hide_env_values = true
    )]
    pub data_dir: PathBuf,
    /// Where agents connect (gRPC, mutual TLS)
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7443")]
    pub listen: SocketAddr,
    /// Where other replicas connect (gRPC, mutual TLS); without it this replica is the only one
    #[arg(long, value_name = "ADDRESS", help_heading = "Other replicas")]
    pub peer_listen: Option<SocketAddr>,
    /// Where other replicas reach this one; default: what --peer-listen says
    #[arg(
        long,
        value_name = "HOST:PORT",
        requires = "peer_listen",
        help_heading = "Other replicas"
    )]
    pub peer_address: Option<String>,
    /// Where agents reach this replica, told to those that come to another one; default: what --listen says
    #[arg(long, value_name = "HOST:PORT", help_heading = "Other replicas")]
    pub session_address: Option<String>,
    /// Where operators reach this replica, told to the other replicas; default: what --admin-listen says
    #[arg(long, value_name = "HOST:PORT", help_heading = "Other replicas")]
    pub admin_address: Option<String>,
    /// Begin a new clusterset where the data folder is empty: on one replica and once; the others --join it
    #[arg(
        long,
        requires = "peer_listen",
        conflicts_with = "join",
        help_heading = "Other replicas"
    )]
    pub bootstrap: bool,
    /// Join a clusterset where the data folder is empty: the --peer-address of one or more of its replicas. The replica waits until it
    /// is added (causeway replica add)
    #[arg(
        long,
        value_name = "HOST:PORT",
        value_delimiter = ',',
        requires = "peer_listen",
        help_heading = "Other replicas"
    )]
    pub join: Vec<String>,
    /// Where operators connect (`causeway status` and the like; HTTP, mutual TLS)
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7444")]
    pub admin_listen: SocketAddr,
    /// Where /healthz, /readyz and /metrics are served (plain HTTP)
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7445")]
    pub metrics_listen: SocketAddr,
    /// Number of this replica in the clusterset; never to be used again for another one
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub replica_id: u64,
    /// What this replica would be lost together with: a region (as its clusters name it), a carrier, a power feed
    #[arg(
        long,
        value_name = "NAME",
        env = "CAUSEWAY_FAILURE_DOMAIN",
        hide_env_values = true,
        default_value = "default"
    )]
    pub failure_domain: FailureDomain,
    /// Namespace of the host cluster in which FailoverPolicies are defaults and limits for all
    #[arg(long, value_name = "NAME", default_value = causeway_api::spec::defaults::ROOT_NAMESPACE)]
    pub root_namespace: Name,
    /// Write a snapshot of the decisions after so many entries of the log, and keep a fifth as many entries behind it
    #[arg(long, value_name = "ENTRIES", hide = true, requires = "peer_listen", value_parser = clap::value_parser!(u64).range(10..))]
    pub snapshot_every: Option<u64>,
    /// Take no part in feature levels above this one: for as long as an upgrade may have to be undone
    #[arg(long, value_name = "LEVEL", hide = true, requires = "peer_listen", value_parser = clap::value_parser!(u32).range(1..))]
    pub feature_level: Option<u32>,
    /// Certificates.
    #[command(flatten)]
    pub tls: TlsArgs,
    /// The host cluster.
    #[command(flatten)]
    pub kube: KubeArgs,
    /// Logs.
    #[command(flatten)]
    pub log: LogArgs,
}
