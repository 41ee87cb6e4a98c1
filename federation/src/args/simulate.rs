//! `causeway simulate`.

use std::path::PathBuf;

use causeway_api::domain::Domain;
use clap::Args;

use super::Output;
use super::operator::Connect;

/// What stands above the list of options.
pub(super) const LONG_ABOUT: &str = "What would be decided: plays a clusterset from a file (its clusters, services, policies and \
    observers, what befalls them in cluster time, and what is expected) through the very code that decides in a \
    controller. Asks nobody, and changes nothing.\n\n\
    With --lose it asks the controller what the loss of a domain would do to the clusterset as it is now: which services move, \
    where to, and what would not be served.\n\n\
    Shown are what happened, the plans before and after, why traffic goes where it goes, and whether it was as expected.";

/// `causeway simulate`.
#[derive(Debug, Clone, Args)]
#[command(
    group = clap::ArgGroup::new("question").required(true),
    after_help = "Exit codes: 0 all as expected, 1 not as expected, or the file is not in order, 2 usage; with --lose: 3 where some \
                  service would be overloaded or orphaned\n\n\
                  Examples:\n  \
                  causeway simulate -f region-lost.yaml\n  \
                  causeway simulate -f region-lost.yaml -o json | jq .after\n  \
                  causeway simulate --lose region/eu\n  \
                  causeway simulate --lose member/ack-hangzhou -o wide"
)]
pub struct SimulateArgs {
    /// The scenario
    #[arg(short, long, value_name = "FILE", group = "question")]
    pub file: Option<PathBuf>,
    /// What is lost, on the live state: region/NAME, zone/REGION/ZONE, member/NAME, gateway/MEMBER/NAME or domain/NAME
    #[arg(long, value_name = "DOMAIN", group = "question")]
    pub lose: Option<Domain>,
    /// How to print
    #[arg(short, long, value_enum, default_value_t = Output::Table, hide_possible_values = false)]
    pub output: Output,
    /// Whom to ask, with --lose.
    #[command(flatten)]
    pub connect: Connect,
}
