//! `cargo xtask bench`: every figure of the documentation, measured again.
//!
//! A bench is a program of the crate whose work it measures: a `[[bench]]` target with
//! `harness = false`, or an example. The crate declares it in its `Cargo.toml`, under its target's name:
//!
//! ```toml
//! [package.metadata.bench.heap]
//! about = "heap for each endpoint and each fact row"
//! needs-assets = false
//! ```
//!
//! It prints a JSON object a line for each measure, and whatever else it likes to standard error.
//! [`registry`] finds the benches, [`measure`] reads the lines and prints the table.

use std::time::Instant;

use anyhow::{Context as _, Result, bail};

use causeway_measure::Measure;

use crate::shell;
use registry::{Bench, Target};

mod measure;
mod registry;

/// `cargo xtask bench`
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The benches to run; all of them without a name
    names: Vec<String>,
    /// The format of the result
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    output: Output,
    /// List the benches and run none
    #[arg(long)]
    list: bool,
}

/// How results are printed.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    /// For people
    Table,
    /// For programs: one array
    Json,
}

/// Runs the benches that were asked for, one after the other, and prints what they measured.
///
/// # Errors
/// When a name is unknown, or a bench fails or prints no measure. The others still run.
pub(crate) fn run(args: &Args) -> Result<()> {
    let all = registry::read(&shell::metadata(true)?)?;
    if args.list {
        print!("{}", registry::table(&all));
        return Ok(());
    }
    let mut measures = Vec::new();
    let mut failures = Vec::new();
    for bench in registry::select(&all, &args.names)? {
        eprintln!("bench {}: {}", bench.name, bench.about);
        let began = Instant::now();
        match measure_one(bench) {
            Ok(found) => measures.extend(found),
            Err(error) => failures.push(format!("{}: {error:#}", bench.name)),
        }
        // With what it took to build it.
        eprintln!("bench {}: {} s", bench.name, began.elapsed().as_secs());
    }
    match args.output {
        Output::Table => print!("{}", measure::table(&measures)),
        Output::Json => println!("{}", serde_json::to_string_pretty(&measures)?),
    }
    if !failures.is_empty() {
        bail!(
            "{} of the benches failed:\n  {}",
            failures.len(),
            failures.join("\n  ")
        );
    }
    Ok(())
}

/// Builds and runs one bench with the release profile.
fn measure_one(bench: &Bench) -> Result<Vec<Measure>> {
    if bench.needs_assets {
        let me = std::env::current_exe().context("finding xtask's own program")?;
        shell::output(&me.to_string_lossy(), &["assets"])
            .context("preparing the real components")?;
    }
    let mut args = match bench.target {
        // `cargo bench` has a profile of its own, which inherits from release.
        Target::Bench => vec!["bench", "--quiet", "--profile", "release", "--bench"],
        Target::Example => vec!["run", "--quiet", "--release", "--example"],
    };
    args.extend([bench.name.as_str(), "--package", bench.package.as_str()]);
    let text = shell::output(&shell::cargo(), &args)?;
    let measures = measure::read(&text)?;
    if measures.is_empty() {
        bail!("printed no measure");
    }
    Ok(measures)
}
