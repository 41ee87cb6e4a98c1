//! `causeway simulate`.

use std::path::PathBuf;

use clap::Args;

use super::Output;

/// What stands above the list of options.
pub(super) const LONG_ABOUT: &str = "What would be decided: plays a clusterset from a file (its clusters, services, policies and \
    observers, what befalls them in cluster time, and what is expected) through the very code that decides in a \
    controller. Asks nobody, and changes nothing.\n\n\
    Shown are what happened, the plans before and after, why traffic goes where it goes, and whether it was as expected.";

/// `causeway simulate`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Exit codes: 0 all as expected, 1 not as expected, or the file is not in order, 2 usage\n\n\
                  Examples:\n  \
                  causeway simulate -f region-lost.yaml\n  \
                  causeway simulate -f region-lost.yaml -o json | jq .after"
)]
pub struct SimulateArgs {
    /// The scenario
    #[arg(short, long, value_name = "FILE")]
    pub file: PathBuf,
    /// How to print
    #[arg(short, long, value_enum, default_value_t = Output::Table, hide_possible_values = false)]
    pub output: Output,
}
