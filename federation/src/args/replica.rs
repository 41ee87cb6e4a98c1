//! `causeway replica`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use causeway_api::ids::FailureDomain;

use super::operator::{Connect, Output, Render};

/// What `--help` says at length.
pub(crate) const LONG_ABOUT: &str = "The replicas of the controller: which there are, how they join and leave, who leads; what is in the data folder of one that is \
                  stopped, and how one goes on alone when the others are lost for good.";

/// What is to be known of replicas, or done with them.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  \
                  causeway replica list\n  \
                  causeway replica add 4 --replace 3\n\n  \
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
    /// The replicas: who leads, who votes, how far each is, where it stands
    #[command(
        after_help = "Examples:\n  causeway replica list\n  causeway replica list -o wide --watch\n  \
                            causeway replica list -o json | jq '.replicas[] | select(.reachable | not)'"
    )]
    List(ReplicaListArgs),
    /// A replica joins: it follows, and votes once it has caught up
    #[command(long_about = ADD, after_help = "Examples:\n  \
                            # Its controller waits already: --replica-id 2 --join r1.eu.example:7446\n  \
                            causeway replica add 2\n\n  \
                            # In the place of one that is dead\n  \
                            causeway replica add 4 --replace 3")]
    Add(ReplicaAddArgs),
    /// A replica leaves; one that leads passes the lead on first. Its id is used up
    #[command(after_help = "Examples:\n  causeway replica remove 3")]
    Remove(ReplicaRemoveArgs),
    /// The lead passes to another replica, before maintenance
    #[command(
        after_help = "Examples:\n  causeway replica transfer\n  causeway replica transfer --to 2"
    )]
    Transfer(ReplicaTransferArgs),
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

/// A replica's number, as `2` or `r2`.
fn number(text: &str) -> Result<u64, String> {
    let digits = text.strip_prefix('r').unwrap_or(text);
    match digits.parse::<u64>() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err("expected the number of a replica, such as 2 or r2".to_owned()),
    }
}

const ADD: &str = "A replica joins: it follows, gets all that was decided, and votes once it has caught up. Its controller runs already, with an \
                   empty data folder, a --replica-id that no other ever had, and --join.\n\n\
                   Refused where the loss of one failure domain would then lose the quorum: place it elsewhere, or say \
                   --accept-domain-risk.";

/// `causeway replica list`.
#[derive(Debug, Clone, Args)]
pub struct ReplicaListArgs {
    /// How to print.
    #[command(flatten)]
    pub render: Render,
    /// Whom to ask.
    #[command(flatten)]
    pub connect: Connect,
}

/// `causeway replica add`.
#[derive(Debug, Clone, Args)]
pub struct ReplicaAddArgs {
    /// Its --replica-id
    #[arg(value_name = "ID", value_parser = number)]
    pub id: u64,
    /// Where other replicas reach it; default: what it said when it introduced itself to the replica that is asked
    #[arg(long, value_name = "HOST:PORT")]
    pub address: Option<String>,
    /// What it would be lost together with; default: what it said
    #[arg(long, value_name = "NAME")]
    pub domain: Option<FailureDomain>,
    /// The replica whose place it takes: that one leaves in the same step
    #[arg(long, value_name = "ID", value_parser = number)]
    pub replace: Option<u64>,
    /// Also where the loss of one failure domain may lose the quorum then
    #[arg(long)]
    pub accept_domain_risk: bool,
    /// How long to wait until it has caught up, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    pub wait: u64,
    /// Whom to ask.
    #[command(flatten)]
    pub connect: Connect,
}

/// `causeway replica remove`.
#[derive(Debug, Clone, Args)]
pub struct ReplicaRemoveArgs {
    /// Its --replica-id
    #[arg(value_name = "ID", value_parser = number)]
    pub id: u64,
    /// Also where the loss of one failure domain may lose the quorum then
    #[arg(long)]
    pub accept_domain_risk: bool,
    /// Whom to ask.
    #[command(flatten)]
    pub connect: Connect,
}

/// `causeway replica transfer`.
#[derive(Debug, Clone, Args)]
pub struct ReplicaTransferArgs {
    /// To whom; default: to whoever is best placed
    #[arg(long, value_name = "ID", value_parser = number)]
    pub to: Option<u64>,
    /// Whom to ask.
    #[command(flatten)]
    pub connect: Connect,
}

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
