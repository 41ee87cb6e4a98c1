//! `causeway completion` and `causeway version`.

use std::process::ExitCode;

use clap::CommandFactory;

use super::ask::print;
use crate::args::{Cli, CompletionArgs, Output, VersionArgs};

pub(super) fn run(args: &CompletionArgs) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "causeway", &mut script);
    print(&String::from_utf8_lossy(&script))?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn version(args: &VersionArgs) -> anyhow::Result<ExitCode> {
    let version = env!("CARGO_PKG_VERSION");
    let (oldest, newest) = (
        causeway_api::session::PROTOCOL_OLDEST,
        causeway_api::session::PROTOCOL,
    );
    let text = match args.output {
        Output::Json => {
            let value = serde_json::json!({"version": version, "protocol": newest, "protocol_oldest": oldest});
            format!("{}\n", serde_json::to_string_pretty(&value)?)
        }
        _ if oldest == newest => format!("causeway {version} (session protocol {newest})\n"),
        _ => format!("causeway {version} (session protocols {oldest} to {newest})\n"),
    };
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}
