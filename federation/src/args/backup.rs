//! `causeway backup`.

use std::path::PathBuf;

use causeway_api::ids::FailureDomain;
use clap::{Args, Subcommand};

use super::operator::{Connect, Output};

/// What `--help` says at length.
pub(crate) const LONG_ABOUT: &str = "Keep the decisions of a clusterset in a file, and begin anew from it when every replica is lost.\n\n\
                  A backup holds what was decided: members, policies, votes, verdicts, plans. It holds no facts, which the \
                  agents tell anew, and no keys. Any replica writes one while it runs, with or without a quorum.\n\n\
                  As long as one replica's data folder is left, causeway replica recover loses less than a backup does.";

/// Backs decisions up, and restores them.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  \
                  causeway backup create --out causeway.cwbackup\n  \
                  causeway backup show causeway.cwbackup\n  \
                  causeway backup restore causeway.cwbackup --data-dir data --replica-id 4")]
pub struct BackupArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: BackupCommand,
}

/// What to do with a backup.
#[derive(Debug, Clone, Subcommand)]
pub enum BackupCommand {
    /// Write a backup of what the replica has that is asked
    #[command(
        after_help = "Examples:\n  causeway backup create --out causeway.cwbackup\n  \
                      causeway backup create --out \"causeway-$(date +%F).cwbackup\" -o json | jq .confirmed"
    )]
    Create(BackupCreateArgs),
    /// Check a backup, and say what is in it
    #[command(after_help = "Example:\n  causeway backup show causeway.cwbackup -o json")]
    Show(BackupShowArgs),
    /// Make the data folder of a new replica out of a backup: it is the only one, in a new incarnation
    #[command(long_about = RESTORE, after_help = "Examples:\n  \
                      # What would happen? Changes nothing\n  \
                      causeway backup restore causeway.cwbackup --data-dir data --replica-id 4\n\n  \
                      # Then\n  \
                      causeway backup restore causeway.cwbackup --data-dir data --replica-id 4 \\\n      \
                      --failure-domain eu-1 --peer-address r4.example:7446 --acknowledge-lost-decisions\n  \
                      causeway controller --data-dir data --replica-id 4 …")]
    Restore(BackupRestoreArgs),
}

const RESTORE: &str = "Make the data folder of a new replica out of a backup. It is the only replica of the clusterset; others are \
                  added to it one by one, with empty data folders and new ids.\n\n\
                  Whatever was decided after the backup is lost. The incarnation rises by one, so that agents follow the new \
                  replica, and replicas of the old incarnation that come back stop when they hear of it. If another recovery or \
                  restore took place after the backup, say with --incarnation-at-least which incarnation is the next: one more \
                  than the highest that causeway status or an agent's log shows.\n\n\
                  Without --acknowledge-lost-decisions it says what it would do, and changes nothing.";

/// `causeway backup create`.
#[derive(Debug, Clone, Args)]
pub struct BackupCreateArgs {
    /// The file to write; one that exists is left alone
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Replace a file that exists
    #[arg(long)]
    pub force: bool,
    /// How to print what is in it
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
    /// Whom to ask.
    #[command(flatten)]
    pub connect: Connect,
}

/// `causeway backup show`.
#[derive(Debug, Clone, Args)]
pub struct BackupShowArgs {
    /// The backup
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// How to print
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}

/// `causeway backup restore`.
#[derive(Debug, Clone, Args)]
pub struct BackupRestoreArgs {
    /// The backup
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The new data folder; must be empty or absent
    #[arg(long, value_name = "DIR")]
    pub data_dir: PathBuf,
    /// Number of the new replica: one that no replica ever had
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    pub replica_id: u64,
    /// Where other replicas will reach it, as HOST:PORT
    #[arg(long, value_name = "ADDRESS", default_value = "")]
    pub peer_address: String,
    /// What it would be lost together with
    #[arg(long, value_name = "NAME", default_value = "default")]
    pub failure_domain: FailureDomain,
    /// The lowest incarnation that will do; by default one more than the backup's
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = 0,
        hide_default_value = true
    )]
    pub incarnation_at_least: u64,
    /// Yes: what was decided after the backup is lost
    #[arg(long)]
    pub acknowledge_lost_decisions: bool,
}
