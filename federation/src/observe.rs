//! `causeway observe`: looks at clusters through one's own kubeconfig; installs nothing, writes nothing.
//!
//! The stages, in order:
//!
//! * `read`: everything once through each context, and `rules` of others (both hold a client);
//! * `reading`: what was read of one cluster; `fleet`: the clusters together, as if all shared services were exported,
//!   through the code that a controller plans with;
//! * `loss`: what would be left; `obstacles`: what is in the way; `build`: the [`report`];
//! * `screen`: the report for people.

mod build;
mod fleet;
mod loss;
mod obstacles;
mod read;
mod reading;
pub mod report;
mod rules;
mod screen;

use std::process::ExitCode;
use std::time::Duration;

use crate::args::{ObserveArgs, Output};
use crate::cli::{paint, print};

pub(crate) use reading::is_own;

/// Runs it. The exit code is a failure where no cluster could be read at all.
///
/// # Errors
/// Where the contexts or the kubeconfig are no use, or nothing lies in what is to be lost.
pub async fn run(args: ObserveArgs) -> anyhow::Result<ExitCode> {
    let env = causeway_seam::real::env();
    let limit = Duration::from_secs(args.timeout);
    let seen = read::all(&env, &args.contexts, args.kubeconfig.as_ref(), limit).await?;
    let any = seen.iter().any(|seen| seen.result.is_ok());
    let wanted = build::Wanted {
        namespace: args.namespace,
        lose: args.lose.filter(|_| any),
    };
    let report =
        build::report(seen, &wanted).map_err(|error| anyhow::anyhow!("--lose: {error}"))?;
    match args.output {
        Output::Json => print(&format!("{}\n", serde_json::to_string_pretty(&report)?))?,
        output => print(&screen::screen(&report, paint(), output == Output::Wide))?,
    }
    Ok(if any {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
