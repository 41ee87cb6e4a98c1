//! `causeway observe`.

use std::path::PathBuf;

use causeway_api::ids::{Name, Region};
use causeway_api::verdict::Subject;
use clap::Args;

use super::operator::Output;

/// What `--help` says at length.
pub(crate) const LONG_ABOUT: &str = "Look at your own clusters through your own kubeconfig: which services exist in several of them, where \
                  their endpoints are, what would fail over where if they were exported, and what is in the way.\n\n\
                  It lists services, endpoint slices, nodes, namespaces, exports and Istio's rules, once. Nothing is \
                  installed, nothing is written. Where it may not read something it says so and goes on; a cluster that \
                  it cannot reach is named, and the others are shown.";

/// Looks at clusters, read-only.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  \
                  causeway observe --contexts prod-eu,prod-us,prod-ap\n  \
                  causeway observe --contexts prod-eu,prod-us -n shop\n  \
                  causeway observe --contexts prod-eu,prod-us --lose region/eu-west-1\n  \
                  causeway observe --contexts prod-eu,prod-us -o json > fleet.json")]
pub struct ObserveArgs {
    /// Contexts of the kubeconfig, separated by commas: one for each cluster
    #[arg(long, value_name = "NAMES", value_delimiter = ',', required = true, value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub contexts: Vec<String>,
    /// Kubeconfig; default: $KUBECONFIG, else ~/.kube/config
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Show only this namespace
    #[arg(short, long, value_name = "NAME")]
    pub namespace: Option<Name>,
    /// Show what would happen if this were lost: region/NAME, zone/REGION/ZONE, member/CONTEXT, or a region's name
    #[arg(long, value_name = "DOMAIN", value_parser = lost_domain)]
    pub lose: Option<Subject>,
    /// How long to wait for each cluster, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub timeout: u64,
    /// How to print
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}

/// `region/NAME`, `zone/REGION/ZONE`, `member/NAME`; a bare word is a region.
///
/// # Errors
/// A sentence with the accepted forms.
pub fn lost_domain(text: &str) -> Result<Subject, String> {
    let error = || {
        format!(
            "{text:?} is nothing that can be lost: expected region/NAME, zone/REGION/ZONE or member/NAME"
        )
    };
    if !text.contains('/') {
        let region = Region::new(text).map_err(|_| error())?;
        return Ok(Subject::Region { region });
    }
    match text.parse::<Subject>() {
        Ok(subject @ (Subject::Region { .. } | Subject::Zone { .. } | Subject::Member { .. })) => {
            Ok(subject)
        }
        _ => Err(error()),
    }
}
