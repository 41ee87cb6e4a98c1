//! The `causeway` binary: parses what was typed, starts the runtime, and hands over.

use std::process::ExitCode;

use causeway::args::Cli;
use clap::Parser;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
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
