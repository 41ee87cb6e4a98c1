//! What the long-running processes share: certificates, the cluster that they speak to, logs.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Certificate, key and authority of a process (mutual TLS).
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Certificates")]
pub struct TlsArgs {
    /// Authority that signed the other side's certificate (PEM); see `causeway certs init`
    #[arg(
        long,
        value_name = "FILE",
        env = "CAUSEWAY_TLS_CA",
        hide_env_values = true
    )]
    pub tls_ca: PathBuf,
    /// Own certificate (PEM, with intermediates); its URI name says who this process is
    #[arg(
        long,
        value_name = "FILE",
        env = "CAUSEWAY_TLS_CERT",
        hide_env_values = true
    )]
    pub tls_cert: PathBuf,
    /// Private key of the certificate (PEM, PKCS#8)
    #[arg(
        long,
        value_name = "FILE",
        env = "CAUSEWAY_TLS_KEY",
        hide_env_values = true
    )]
    pub tls_key: PathBuf,
}

/// Which Kubernetes cluster a process speaks to. Without both: `$KUBECONFIG` or `~/.kube/config` where there is one,
/// else the service account of the pod that it runs in.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Kubernetes")]
pub struct KubeArgs {
    /// Kubeconfig; default: $KUBECONFIG, ~/.kube/config, or the pod's service account
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Context in the kubeconfig; default: its current one
    #[arg(long, value_name = "NAME")]
    pub context: Option<String>,
}

/// Logs, on standard error.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Logs")]
pub struct LogArgs {
    /// How much to log: error, warn, info, debug, trace, or by module such as `info,causeway=debug`
    #[arg(
        long,
        value_name = "FILTER",
        env = "CAUSEWAY_LOG",
        hide_env_values = true
    )]
    pub log_level: Option<String>,
    /// Lines for people or for machines; default: human on a terminal, else json
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
}

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
}
