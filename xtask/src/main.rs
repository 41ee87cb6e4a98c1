//! `cargo xtask`: what developing Causeway needs and Cargo doesn't do by itself.
//!
//! - [`verify`]: everything that must hold, in one command
//! - [`tidy`]: the checks of style and structure that the compiler doesn't make
//! - [`generate`]: committed files that are made from code
//! - [`xtask::assets`]: the real components that tests run against
//! - [`simulate`]: whole clustersets on virtual time, from seeds
//! - [`mutants`]: the decision code with one fault at a time, each of which some test must notice
//! - [`bench`]: every figure of the documentation, measured again
//!
//! Nothing here is shipped, so this crate may read clocks and files directly.

use std::process::ExitCode;

use clap::Parser;
use xtask::assets;

mod bench;
mod generate;
mod mutants;
mod shard;
mod shell;
mod simulate;
mod tidy;
mod verify;

/// Development tasks of this repository.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", max_term_width = 100)]
enum Task {
    /// Check everything that must hold: style, generated files, tests, real components
    Verify(verify::Args),
    /// Check style and structure: modules, sizes, links, the seam, dependencies, licences
    Tidy(tidy::Args),
    /// Write the committed files that are made from code, or check that they are current
    Generate(generate::Args),
    /// Build or fetch the real components that end-to-end tests and benchmarks run against
    Assets(assets::AssetsArguments),
    /// Simulate whole clustersets on virtual time: `--seeds N`, or `--seed S` with its whole history
    Simulate(simulate::Args),
    /// Put one fault after the other into the decision code: some test must notice each
    Mutants(mutants::Args),
    /// Measure: a table of measure, ours, peer or floor, ratio and aim
    Bench(bench::Args),
}

fn main() -> ExitCode {
    let outcome = match Task::parse() {
        Task::Verify(args) => match verify::run(&args) {
            // The counts are the last line that it prints.
            Ok(false) => return ExitCode::FAILURE,
            other => other.map(drop),
        },
        Task::Tidy(args) => tidy::run(&args),
        Task::Generate(args) => generate::run(&args),
        Task::Assets(args) => assets::run(&args),
        Task::Simulate(args) => match simulate::run(&args) {
            // It has said what did not hold.
            Ok(false) => return ExitCode::FAILURE,
            other => other.map(drop),
        },
        Task::Mutants(args) => match mutants::run(&args) {
            // It has said which survived.
            Ok(false) => return ExitCode::FAILURE,
            other => other.map(drop),
        },
        Task::Bench(args) => bench::run(&args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
