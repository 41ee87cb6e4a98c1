//! `cargo xtask simulate` runs this.

use std::process::ExitCode;
use std::time::Instant;

use causeway_sim::plant::Plant;
use causeway_sim::simulate::{Run, World};
use clap::Parser;

/// Simulate clustersets on virtual time
#[derive(Parser)]
#[command(name = "cargo xtask simulate", max_term_width = 100)]
struct Args {
    /// How many seeds
    #[arg(long, default_value_t = 100)]
    seeds: u64,
    /// The first seed
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// This seed alone, with its whole history
    #[arg(long, conflicts_with_all = ["seeds", "from"])]
    seed: Option<u64>,
    /// The world
    #[arg(long, value_enum, default_value_t = World::Log)]
    world: World,
    /// Plant a bug
    #[arg(long, value_enum)]
    plant: Option<Plant>,
}

fn main() -> ExitCode {
    match simulate(&Args::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Returns whether everything held.
fn simulate(args: &Args) -> std::io::Result<bool> {
    let run = |seed| Run {
        world: args.world,
        seed,
        plant: args.plant,
    };
    if let Some(seed) = args.seed {
        let report = run(seed).run()?;
        print!("{}", report.history);
        for violation in &report.violations {
            eprintln!("{violation}");
        }
        return Ok(report.violations.is_empty());
    }
    let begun = Instant::now();
    let (mut events, mut lasted, mut failed) = (0, std::time::Duration::ZERO, 0);
    for seed in args.from..args.from.saturating_add(args.seeds) {
        let report = run(seed).run()?;
        events += report.events;
        lasted += report.lasted;
        if let Some(violation) = report.violations.first() {
            failed += 1;
            println!("seed {seed}: {violation}\n  {}", run(seed).command());
        }
    }
    println!(
        "{} seeds, {failed} failed: {:.0} s of {events} events in {:.1} s",
        args.seeds,
        lasted.as_secs_f64(),
        begun.elapsed().as_secs_f64()
    );
    Ok(failed == 0)
}
