//! `cargo xtask simulate`: whole clustersets on virtual time, from seeds.
//!
//! The simulator is a program of its own (crate `causeway-sim`), built with the release profile: a seed takes a fraction
//! of what it does in a debug build. Its arguments are passed on; `--help` shows them.

use anyhow::{Context as _, Result};

use crate::shell;

/// `cargo xtask simulate`
#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Args {
    /// `--seeds N`: so many seeds; `--seed S`: one, with its whole history; `--help`: all there is
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// Builds the simulator and runs it; true where everything held.
///
/// # Errors
/// When it can't be built or started.
pub(crate) fn run(args: &Args) -> Result<bool> {
    let mut line = vec![
        "run",
        "--quiet",
        "--release",
        "--package",
        "causeway-sim",
        "--bin",
        "causeway-simulate",
        "--",
    ];
    line.extend(args.arguments.iter().map(String::as_str));
    let status = shell::command(&shell::cargo(), &line)
        .status()
        .context("starting the simulator")?;
    Ok(status.success())
}
