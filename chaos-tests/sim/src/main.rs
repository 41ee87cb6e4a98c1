//! `cargo xtask simulate` runs this: one seed with its whole history, or many with their result alone.

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use causeway_sim::plant::Plant;
use causeway_sim::simulate::{Report, Run, World};
use clap::Parser;

/// Simulate clustersets on virtual time: the same seed gives the same bytes of history
#[derive(Parser)]
#[command(
    name = "cargo xtask simulate",
    bin_name = "cargo xtask simulate",
    max_term_width = 100
)]
struct Args {
    /// How many seeds
    #[arg(long, default_value_t = 200)]
    seeds: u64,
    /// The first seed
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// This seed alone: its whole history is printed, and what did not hold
    #[arg(long, conflicts_with_all = ["seeds", "from", "histories"])]
    seed: Option<u64>,
    /// What is simulated
    #[arg(long, value_enum, default_value_t = World::Log)]
    world: World,
    /// A bug to plant, to see that it is caught
    #[arg(long, value_enum)]
    plant: Option<Plant>,
    /// Print the history of every seed, in order
    #[arg(long)]
    histories: bool,
    /// How many seeds run at once, each on a thread; as many as there are cores where it is not given
    #[arg(long)]
    jobs: Option<usize>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let outcome = match args.seed {
        Some(seed) => one(&args, seed),
        None => many(&args),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

impl Args {
    fn run(&self, seed: u64) -> Run {
        Run {
            world: self.world,
            seed,
            plant: self.plant,
        }
    }
}

/// Prints one seed's history; returns whether everything held.
fn one(args: &Args, seed: u64) -> std::io::Result<bool> {
    let report = args.run(seed).run()?;
    std::io::stdout().write_all(report.history.as_bytes())?;
    for violation in &report.violations {
        eprintln!("{violation}");
    }
    Ok(report.violations.is_empty())
}

/// What many seeds gave together.
#[derive(Default)]
struct Sum {
    done: u64,
    failed: u64,
    events: u64,
    lasted: Duration,
    /// Histories that wait for those of earlier seeds.
    histories: std::collections::BTreeMap<u64, String>,
    printed: u64,
}

/// Runs many seeds; returns whether everything held.
fn many(args: &Args) -> std::io::Result<bool> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let jobs = args.jobs.unwrap_or(cores).max(1);
    let begun = Instant::now();
    let next = AtomicU64::new(0);
    let sum = Mutex::new(Sum::default());
    let work = || -> std::io::Result<()> {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= args.seeds {
                return Ok(());
            }
            let run = args.run(args.from.saturating_add(number));
            let report = run.run()?;
            let mut sum = sum.lock().unwrap_or_else(PoisonError::into_inner);
            add(&mut sum, args, run, number, report)?;
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| {
            let ended = worker.join();
            ended.unwrap_or_else(|_| {
                Err(std::io::Error::other(
                    "a simulation panicked outside of its world",
                ))
            })
        })
    })?;
    let sum = sum.into_inner().unwrap_or_else(PoisonError::into_inner);
    let took = begun.elapsed();
    eprintln!(
        "{} seeds, {} failed: {:.0} s of virtual time and {} events in {:.1} s",
        sum.done,
        sum.failed,
        sum.lasted.as_secs_f64(),
        sum.events,
        took.as_secs_f64()
    );
    Ok(sum.failed == 0)
}

fn add(sum: &mut Sum, args: &Args, run: Run, number: u64, report: Report) -> std::io::Result<()> {
    sum.done += 1;
    sum.events += report.events;
    sum.lasted += report.lasted;
    if let Some(violation) = report.violations.first() {
        sum.failed += 1;
        println!("seed {}: {violation}\n  {}", run.seed, run.command());
    }
    if sum.done.is_multiple_of(50) {
        eprintln!(
            "{} of {} seeds, {} failed",
            sum.done, args.seeds, sum.failed
        );
    }
    if args.histories {
        sum.histories.insert(number, report.history);
        while let Some(history) = sum.histories.remove(&sum.printed) {
            std::io::stdout().write_all(history.as_bytes())?;
            sum.printed += 1;
        }
    }
    Ok(())
}
