//! `causeway sandbox`.

use std::path::PathBuf;

use clap::Args;

use super::operator::Output;
use super::process::LogArgs;
use crate::sandbox::lost::Lost;

/// What `--help` says at length.
pub(crate) const LONG_ABOUT: &str = "Run a whole fleet in this process: several clusters in three regions (in memory), the real controller \
                  with a replica in each region, the real agents, real connections and storage. Services are spread over them, a region is lost, \
                  traffic moves, the region comes back, traffic returns.\n\n\
                  What happens is shown as a timeline, with times since the loss. Requests are modelled by the load \
                  balancing that Envoy documents: no request is really sent. Afterwards the sandbox goes on, so that \
                  `causeway status`, `explain` and the others can be tried on it from another terminal.";

/// Runs a whole clusterset in one process.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  \
                  causeway sandbox                           the story, then wait for Ctrl-C\n  \
                  causeway sandbox --once                    end after the report\n  \
                  causeway sandbox --once -o json            the report for a program\n  \
                  causeway sandbox --lose leader             kill the replica that leads\n  \
                  causeway sandbox --members 12 --services 200 --lose region/eu-west")]
pub struct SandboxArgs {
    /// How many clusters
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(3..=64))]
    pub members: u32,
    /// How many services
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..=5000))]
    pub services: u32,
    /// What is lost: region/NAME, member/NAME, the name of a region, or leader; default: the region with the most clusters
    #[arg(long, value_name = "DOMAIN", value_parser = lost)]
    pub lose: Option<Lost>,
    /// Draws the fleet: one seed, one fleet
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub seed: u64,
    /// End after the report
    #[arg(long)]
    pub once: bool,
    /// How to print the report
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
    /// Folder for storage and certificates; default: a temporary one that is removed at the end
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Logs.
    #[command(flatten)]
    pub log: LogArgs,
}

/// What can be lost; a bare word is a region.
fn lost(text: &str) -> Result<Lost, String> {
    text.parse()
        .or_else(|_| super::observe::lost_domain(text).map(Lost::Place))
}
