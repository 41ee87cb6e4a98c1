//! `causeway certs`.

use std::path::PathBuf;

use causeway_api::ids::MemberName;
use clap::{Args, Subcommand};

/// What `--help` says at length.
pub(crate) const LONG_ABOUT: &str = "Make certificates for evaluation: an authority in a folder, and certificates that it signs for \
                  replicas, agents and operators. The authority's key lies unencrypted in the folder: for anything that \
                  matters take them from your own PKI, with the same URI names:\n\n  \
                  spiffe://causeway/replica/NAME    a controller\n  \
                  spiffe://causeway/member/NAME     the agent of one cluster; may speak for that cluster alone\n  \
                  spiffe://causeway/operator/NAME   a person or program that asks the admin API";

/// Makes certificates for evaluation.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  \
                  causeway certs init --dir pki\n  \
                  causeway certs replica --dir pki --name r1 --host controller.example --host 127.0.0.1\n  \
                  causeway certs agent --dir pki --member ack-hangzhou\n  \
                  causeway certs operator --dir pki --name ada --server controller.example:7444")]
pub struct CertsArgs {
    /// What to make.
    #[command(subcommand)]
    pub command: CertsCommand,
}

/// What every certificate needs.
#[derive(Debug, Clone, Args)]
pub struct CertsFolder {
    /// Folder of the authority and of what it signs
    #[arg(long, value_name = "DIR")]
    pub dir: PathBuf,
    /// For how many days it is valid
    #[arg(long, value_name = "DAYS", default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub days: u32,
    /// Replace what is there
    #[arg(long)]
    pub force: bool,
}

/// What to make.
#[derive(Debug, Clone, Subcommand)]
pub enum CertsCommand {
    /// The authority: ca.pem and ca-key.pem
    #[command(after_help = "Example:\n  causeway certs init --dir pki")]
    Init {
        /// Where, how long.
        #[command(flatten)]
        folder: CertsFolder,
    },
    /// A controller's: NAME.pem and NAME-key.pem
    #[command(
        after_help = "Example:\n  causeway certs replica --dir pki --name r1 --host controller.example --host 127.0.0.1"
    )]
    Replica {
        /// Where, how long.
        #[command(flatten)]
        folder: CertsFolder,
        /// Name of the replica
        #[arg(long, value_name = "NAME")]
        name: MemberName,
        /// Host name or address by which agents and operators reach it; once for each
        #[arg(
            long = "host",
            value_name = "HOST",
            required = true,
            value_delimiter = ','
        )]
        hosts: Vec<String>,
    },
    /// An agent's: MEMBER.pem and MEMBER-key.pem
    #[command(after_help = "Example:\n  causeway certs agent --dir pki --member ack-hangzhou")]
    Agent {
        /// Where, how long.
        #[command(flatten)]
        folder: CertsFolder,
        /// Name of the cluster, as in its MemberCluster
        #[arg(long, value_name = "NAME")]
        member: MemberName,
    },
    /// An operator's: NAME.pem and NAME-key.pem, and NAME-context.yaml where --server is given
    #[command(
        after_help = "Example:\n  causeway certs operator --dir pki --name ada --server controller.example:7444\n  \
                            CAUSEWAY_CONTEXT=pki/ada-context.yaml causeway status"
    )]
    Operator {
        /// Where, how long.
        #[command(flatten)]
        folder: CertsFolder,
        /// Name of the person or program
        #[arg(long, value_name = "NAME")]
        name: MemberName,
        /// Admin address of a controller, as host:port: then a context file is written beside the certificate
        #[arg(long, value_name = "ADDRESS", value_parser = super::agent::host_port)]
        server: Option<String>,
    },
}
