//! `cargo xtask verify`: everything that must hold, in one command.
//!
//! [`steps`] lists what is done, as data; [`runner`] runs one step and says what it is doing;
//! [`tally`] counts the tests in what Cargo prints; [`summary`] says at the end how it went.
//!
//! A step that fails doesn't stop the later ones, unless they need what it makes. Nothing in the checkout
//! is changed.

use std::time::Instant;

use anyhow::Result;

use runner::Runner;
use steps::{Depth, Step};
use summary::{Outcome, Row};

mod runner;
mod steps;
mod summary;
mod tally;

/// `cargo xtask verify`
#[derive(clap::Args)]
pub(crate) struct Args {
    /// What one runs between edits: style and the libraries' own tests, no real components
    #[arg(long, conflicts_with = "long")]
    quick: bool,
    /// Go deeper: more cases for every property, and the tests that take minutes each
    #[arg(long)]
    long: bool,
    /// Show what every step prints as it prints it; otherwise only what failed is shown.
    /// Always on where the output is no terminal
    #[arg(long)]
    stream: bool,
}

/// Runs all steps of the depth that was asked for; true where all of them passed.
///
/// # Errors
/// When a step's program can't be started.
pub(crate) fn run(args: &Args) -> Result<bool> {
    let depth = match (args.quick, args.long) {
        (true, _) => Depth::Quick,
        (_, true) => Depth::Long,
        _ => Depth::Full,
    };
    let begun = Instant::now();
    let steps = steps::of(depth)?;
    let runner = Runner::new(args.stream);
    let mut rows: Vec<Row> = Vec::new();
    for (number, step) in steps.iter().enumerate() {
        runner.announce(&format!("[{}/{}] {}", number + 1, steps.len(), step.about));
        let row = match missing(step, &rows) {
            Some(needed) => Row::left_out(step.about, needed),
            None => runner.run(step)?,
        };
        runner.announce(&row.to_string());
        rows.push(row);
    }
    print!("\n{}", summary::text(&rows, begun.elapsed()));
    Ok(rows.iter().all(|row| row.outcome == Outcome::Passed))
}

/// The step that `step` needs and that didn't pass.
fn missing(step: &Step, rows: &[Row]) -> Option<&'static str> {
    let needed = step.needs?;
    let passed = rows
        .iter()
        .any(|row| row.about == needed && row.outcome == Outcome::Passed);
    (!passed).then_some(needed)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_step_is_left_out_only_where_what_it_needs_failed() {
        let steps = steps::of(Depth::Full).unwrap();
        let real = steps.iter().find(|step| step.needs.is_some()).unwrap();
        let row = |outcome| {
            vec![Row {
                about: real.needs.unwrap(),
                outcome,
                took: Duration::ZERO,
                tally: tally::Tally::default(),
            }]
        };
        assert_eq!(missing(real, &row(Outcome::Passed)), None);
        assert_eq!(missing(real, &row(Outcome::Failed)), real.needs);
        assert!(
            steps
                .iter()
                .filter(|step| step.needs.is_none())
                .all(|step| missing(step, &[]).is_none())
        );
    }
}
