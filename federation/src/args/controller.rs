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
    /// Where operators connect (`causeway status` and the like; HTTP, mutual TLS)
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7444")]
    pub admin_listen: SocketAddr,
    /// Where /healthz, /readyz and /metrics are served (plain HTTP)
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7445")]
    pub metrics_listen: SocketAddr,
    /// Number of this replica in the clusterset; never to be used again for another one
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub replica_id: u64,
    /// What this replica would be lost together with: a region, a carrier, a power feed
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
