//! The `causeway` binary: parses what was typed, starts the runtime, and hands over.

use std::process::ExitCode;

use causeway::args::{Cli, Command};
use clap::Parser;

fn main() -> ExitCode {
    let cli = Cli::parse();
    // An agent waits most of the time, for small things: handing them from thread to thread would cost it more than
    // what they are about.
    let mut builder = match cli.command {
        Command::Agent(_) => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    let runtime = match builder.enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("causeway: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(causeway::cli::run(cli));
    // Tasks that block on the operating system must not keep the process.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    code
}
