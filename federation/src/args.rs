//! What can be typed: one struct for each subcommand.
//!
//! Flags wire a process (addresses, files, identity). Whatever changes a decision is a MemberCluster, a FailoverPolicy
//! or a command in the log, never a flag, so that replicas always agree.
//!
//! * [`process`]: what the long-running processes share; [`controller`], [`agent`], [`sandbox`];
//! * [`operator`]: the verbs that ask a running replica; [`observe`], [`simulate`]: those that need none;
//! * [`backup`], [`replica`]: decisions in a file, and data folders of replicas that are stopped;
//! * [`registry`]: who owns which declaration;
//! * [`people`]: the verbs by which people override automation, and what they ask first;
//! * [`certs`]: certificates for evaluation.

pub mod agent;
pub mod backup;
pub mod certs;
pub mod controller;
pub mod observe;
pub mod operator;
pub mod people;
pub mod process;
pub mod registry;
pub mod replica;
pub mod sandbox;
pub mod simulate;

use clap::{Parser, Subcommand};

pub use agent::AgentArgs;
pub use backup::BackupArgs;
pub use certs::{CertsArgs, CertsCommand};
pub use controller::ControllerArgs;
pub use observe::ObserveArgs;
pub use operator::{ClustersArgs, DiffArgs, ExplainArgs, ExplainTarget, ServicesArgs, StatusArgs};
pub use operator::{Connect, Output, Render};
pub use people::{ApproveArgs, EvacuateArgs, FreezeArgs, ReadinessArgs, ReplayArgs, RestoreArgs};
pub use process::{KubeArgs, LogArgs, LogFormat, TlsArgs};
pub use registry::RegistryArgs;
pub use replica::ReplicaArgs;
pub use sandbox::SandboxArgs;
pub use simulate::SimulateArgs;

/// Everything that can be typed.
#[derive(Debug, Parser)]
#[command(
    name = "causeway",
    version,
    about = "One service mesh out of many Kubernetes clusters, that stays reachable when a zone, cluster or region is lost",
    long_about = "One service mesh out of many Kubernetes clusters, that stays reachable when a zone, a cluster or a whole \
                  region is lost.\n\n\
                  A controller holds the decisions: which clusters there are, what is lost, where traffic goes. An agent \
                  beside each cluster reports what runs there and writes the cluster's own Istio objects. Without the \
                  controller every mesh keeps what it has.",
    after_help = "Start here:\n  \
                  causeway sandbox                     a fleet in this process loses a region, and traffic moves\n  \
                  causeway observe --contexts a,b,c    what is in your own clusters; reads only, installs nothing\n\n\
                  Every command has its own help: causeway sandbox --help",
    arg_required_else_help = true,
    subcommand_required = true,
    max_term_width = 110,
    disable_help_subcommand = true
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Try it: a fleet of clusters in this process, a region is lost, and comes back
    #[command(long_about = sandbox::LONG_ABOUT)]
    Sandbox(SandboxArgs),
    /// Look at your own clusters: which services they share, what would fail over where, what is in the way
    #[command(long_about = observe::LONG_ABOUT)]
    Observe(ObserveArgs),
    /// Run a controller: holds the decisions and serves agents and operators
    #[command(long_about = controller::LONG_ABOUT)]
    Controller(ControllerArgs),
    /// Run the agent of one cluster: reports what is there and writes its mesh
    #[command(long_about = agent::LONG_ABOUT)]
    Agent(AgentArgs),
    /// Is everything well? Exit code 0 fine, 3 attention, 4 incident, 5 no quorum
    Status(StatusArgs),
    /// The clusters: verdict, agent, mesh, how far behind they are
    Clusters(ClustersArgs),
    /// The services: who exports them, who imports them, how many endpoints are ready
    Services(ServicesArgs),
    /// Why traffic goes where it goes, or why something counts as lost
    Explain(ExplainArgs),
    /// What exactly would be written into a cluster, or is being held back
    Diff(DiffArgs),
    /// What would be decided: a clusterset in a file, what befalls it, where traffic goes
    #[command(long_about = simulate::LONG_ABOUT)]
    Simulate(SimulateArgs),
    /// How well would the rest carry the loss of each region, cluster, zone or gateway
    #[command(long_about = people::READINESS)]
    Readiness(ReadinessArgs),
    /// Take traffic away from a region, cluster, zone or gateway, for a time
    #[command(long_about = people::EVACUATE)]
    Evacuate(EvacuateArgs),
    /// Let traffic return, or end an override; without a name: the overrides in force
    #[command(long_about = people::RESTORE)]
    Restore(RestoreArgs),
    /// Stop automation, for a time
    #[command(long_about = people::FREEZE)]
    Freeze(FreezeArgs),
    /// Say yes to what waits for a person; without a name: what waits
    #[command(long_about = people::APPROVE)]
    Approve(ApproveArgs),
    /// Compute a decision again from its stored inputs, and compare byte for byte
    #[command(long_about = people::REPLAY)]
    Replay(ReplayArgs),
    /// Keep the decisions in a file, and begin anew from it
    #[command(long_about = backup::LONG_ABOUT)]
    Backup(BackupArgs),
    /// The controller's replicas: who leads, join, leave, replace; go on alone when the others are lost
    #[command(long_about = replica::LONG_ABOUT)]
    Replica(ReplicaArgs),
    /// Which host cluster owns which declaration
    #[command(long_about = registry::LONG_ABOUT)]
    Registry(RegistryArgs),
    /// Make certificates for evaluation: an authority, and one for each replica, agent and operator
    #[command(long_about = certs::LONG_ABOUT)]
    Certs(CertsArgs),
    /// Print the completion script of a shell
    Completion(CompletionArgs),
    /// Print the version
    Version(VersionArgs),
    /// Print this reference as Markdown
    #[command(hide = true)]
    HelpMarkdown,
}

/// `causeway completion`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
                        source <(causeway completion bash)\n  \
                        causeway completion zsh > \"${fpath[1]}/_causeway\"\n  \
                        causeway completion fish > ~/.config/fish/completions/causeway.fish")]
pub struct CompletionArgs {
    /// For which shell
    pub shell: clap_complete::Shell,
}

/// `causeway version`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  causeway version\n  causeway version -o json")]
pub struct VersionArgs {
    /// How to print
    #[arg(short, long, value_enum, default_value_t = operator::Output::Table, hide_possible_values = false)]
    pub output: operator::Output,
}

#[cfg(test)]
mod tests;
