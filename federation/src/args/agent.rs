//! `causeway agent`.

use std::net::SocketAddr;
use std::path::PathBuf;

use causeway_api::ids::MemberName;
use causeway_discovery::proxies::ProxyUrl;
use clap::Args;

use super::process::{KubeArgs, LogArgs, TlsArgs};

/// What `--help` says at length.
pub(crate) const LONG_ABOUT: &str = "Run the agent of one cluster: it watches the cluster's services and endpoints, reports them to a \
                  controller, and writes the Istio objects that the controller's plan asks for. It dials out; nothing \
                  has to reach it.\n\n\
                  Until the cluster's MemberCluster says `mode: Federate` it writes nothing, and `causeway diff` shows \
                  what it would write. Without a controller it goes on with what it has.";

/// Runs the agent of one cluster.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  \
                  # Once: a certificate that names the cluster\n  \
                  causeway certs agent --dir pki --member ack-hangzhou\n\n  \
                  # In a pod of the cluster, or anywhere with its kubeconfig\n  \
                  causeway agent --member ack-hangzhou --controllers controller.example:7443 \\\n      \
                  --tls-ca pki/ca.pem --tls-cert pki/ack-hangzhou.pem --tls-key pki/ack-hangzhou-key.pem")]
pub struct AgentArgs {
    /// Name of the cluster: that of its MemberCluster, and the one in the certificate
    #[arg(
        long,
        value_name = "NAME",
        env = "CAUSEWAY_MEMBER",
        hide_env_values = true
    )]
    pub member: MemberName,
    /// Controllers, as host:port, the nearest first; separated by commas
    #[arg(long, value_name = "ADDRESS", value_delimiter = ',', required = true, value_parser = host_port, env = "CAUSEWAY_CONTROLLERS", hide_env_values = true)]
    pub controllers: Vec<String>,
    /// Folder for the last known facts and view: a cache, which may be lost
    #[arg(
        long,
        value_name = "DIR",
        default_value = "/var/lib/causeway-agent",
        env = "CAUSEWAY_DATA_DIR",
        hide_env_values = true
    )]
    pub data_dir: PathBuf,
    /// Where /healthz, /readyz and /metrics are served (plain HTTP)
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7446")]
    pub metrics_listen: SocketAddr,
    /// Name of this process in the Lease that decides which agent writes; default: host name and process id
    #[arg(
        long,
        value_name = "NAME",
        env = "CAUSEWAY_IDENTITY",
        hide_env_values = true
    )]
    pub identity: Option<String>,
    /// Admin page of callers' Envoys, as http://HOST:PORT; may be given several times, or separated by commas. Each address
    /// of the host is asked, without credentials, for /clusters?format=json: what all of them eject of a remote network, this
    /// cluster's callers are not sent to for that service while there is enough elsewhere. Without it none is asked
    #[arg(
        long,
        value_name = "URL",
        value_delimiter = ',',
        env = "CAUSEWAY_PROXY_ADMIN",
        hide_env_values = true
    )]
    pub proxy_admin: Vec<ProxyUrl>,
    /// Certificates.
    #[command(flatten)]
    pub tls: TlsArgs,
    /// The member's API server.
    #[command(flatten)]
    pub kube: KubeArgs,
    /// Logs.
    #[command(flatten)]
    pub log: LogArgs,
}

/// `host:port`, `1.2.3.4:port` or `[v6]:port`.
pub(crate) fn host_port(text: &str) -> Result<String, String> {
    let error = || {
        format!(
            "{text:?} is no address: expected host:port, such as controller.example:7443 or [2001:db8::1]:7443"
        )
    };
    let (host, port) = text.rsplit_once(':').ok_or_else(error)?;
    let bare_v6 = host.contains(':') && !(host.starts_with('[') && host.ends_with(']'));
    let port_ok = port.parse::<u16>().is_ok_and(|port| port != 0);
    if host.is_empty()
        || bare_v6
        || !port_ok
        || text.contains(char::is_whitespace)
        || text.contains('/')
    {
        return Err(error());
    }
    Ok(text.to_owned())
}
