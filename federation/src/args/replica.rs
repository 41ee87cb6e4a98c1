//! `causeway replica`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::operator::Output;

/// What `--help` says at length.
pub(crate) const LONG_ABOUT: &str = "The replicas of the controller: what is in the data folder of one that is stopped, and how one goes on alone when the \
                  others are lost for good.";

/// What is to be known of replicas, or done with them.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  \
                  # On each machine that is left, with the controller stopped: who has the longest log?\n  \
                  causeway replica inspect --data-dir /var/lib/causeway\n\n  \
                  # On that one\n  \
                  causeway replica recover --data-dir /var/lib/causeway --acknowledge-lost-decisions")]
pub struct ReplicaArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: ReplicaCommand,
}

/// What to do with replicas.
#[derive(Debug, Clone, Subcommand)]
pub enum ReplicaCommand {
    /// What is in the data folder of a replica that is stopped: whose it is, how long its log is
    #[command(
        after_help = "Examples:\n  causeway replica inspect --data-dir /var/lib/causeway\n  \
                      causeway replica inspect --data-dir /var/lib/causeway -o json | jq .last"
    )]
    Inspect(ReplicaInspectArgs),
    /// Quorum is lost for good: make the replica of this data folder the only one, in a new incarnation
    #[command(long_about = RECOVER, after_help = "Examples:\n  \
                      # What would happen? Changes nothing\n  \
                      causeway replica recover --data-dir /var/lib/causeway\n\n  \
                      causeway replica recover --data-dir /var/lib/causeway --acknowledge-lost-decisions")]
    Recover(ReplicaRecoverArgs),
}

const RECOVER: &str = "Quorum is lost for good: make the replica of this data folder the only one. Run it on the survivor with the longest log \
                  (causeway replica inspect), while its controller is stopped.\n\n\
                  All entries of its log are in force from then on. Decisions that only the lost replicas had are gone. The \
                  incarnation rises, so that agents follow this replica, and others that come back with the old incarnation stop \
                  when they hear of it: empty their data folders and add them under new ids.\n\n\
                  Without --acknowledge-lost-decisions it says what it would do, and changes nothing.";

/// `causeway replica inspect`.
#[derive(Debug, Clone, Args)]
pub struct ReplicaInspectArgs {
    /// The data folder
    #[arg(
        long,
        value_name = "DIR",
        env = "CAUSEWAY_DATA_DIR",
        hide_env_values = true
    )]
    pub data_dir: PathBuf,
    /// How to print
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}

/// `causeway replica recover`.
#[derive(Debug, Clone, Args)]
pub struct ReplicaRecoverArgs {
    /// The data folder
    #[arg(
        long,
        value_name = "DIR",
        env = "CAUSEWAY_DATA_DIR",
        hide_env_values = true
    )]
    pub data_dir: PathBuf,
    /// The lowest incarnation that will do; by default one more than its own
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = 0,
        hide_default_value = true
    )]
    pub incarnation_at_least: u64,
    /// Yes: what only the lost replicas knew is lost
    #[arg(long)]
    pub acknowledge_lost_decisions: bool,
}
