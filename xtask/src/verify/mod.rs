//! `cargo xtask verify`: everything that must hold, in one command.
//!
//! [`steps`] lists what is done, as data, [`targets`] which tests there are; [`runner`] runs one step and says what it is doing;
//! [`tally`] counts the tests in what Cargo prints, and [`again`] finds those that failed, which are tried once more;
//! [`summary`] says at the end how it went.
//!
//! A step that fails doesn't stop the later ones, unless they need what it makes. Nothing in the checkout
//! is changed.

use std::time::Instant;

use anyhow::Result;

use crate::shard::Shard;
use runner::Runner;
use steps::{Depth, Step};
use summary::{Outcome, Row};

mod again;
mod runner;
mod steps;
mod summary;
mod tally;
mod targets;

pub(crate) use summary::seconds;

/// `cargo xtask verify`
#[derive(clap::Args)]
pub(crate) struct Args {
    /// What one runs between edits: style and the libraries' own tests, no real components
    #[arg(long, conflicts_with = "long")]
    quick: bool,
    /// Go deeper: more cases for every property, and the tests that take minutes each; and repeat nothing that failed
    #[arg(long)]
    long: bool,
    /// Of what `--long` does beyond the rest do the Kth of N parts, such as 1/40; all parts together are the whole
    #[arg(long, value_name = "K/N", requires = "long")]
    shard: Option<Shard>,
    /// Show what every step prints as it prints it; otherwise only what failed is shown.
    /// Always on where the output is no terminal
    #[arg(long)]
    stream: bool,
}

/// Runs all steps of the depth that was asked for; true where all of them passed.
///
/// # Errors
/// When the steps can't be listed.
pub(crate) fn run(args: &Args) -> Result<bool> {
    let depth = match (args.quick, args.long) {
        (true, _) => Depth::Quick,
        (_, true) => Depth::Long,
        _ => Depth::Full,
    };
    let begun = Instant::now();
    let steps = steps::of(depth, args.shard)?;
    let runner = Runner::new(args.stream);
    let mut rows: Vec<Row> = Vec::new();
    for (number, step) in steps.iter().enumerate() {
        runner.announce(&format!("[{}/{}] {}", number + 1, steps.len(), step.about));
        let row = match missing(step, &rows) {
            Some(needed) => Row::left_out(step.about, needed),
            // What can't even be started has failed, and the others go on.
            None => tried(&runner, step, depth).unwrap_or_else(|error| {
                runner.announce(&format!("      {error:#}"));
                Row::failed(step.about)
            }),
        };
        runner.announce(&row.to_string());
        rows.push(row);
    }
    print!("\n{}", summary::text(&rows, begun.elapsed()));
    Ok(rows.iter().all(|row| row.outcome.is_success()))
}

/// Runs a step; where few of its tests failed, those once more.
fn tried(runner: &Runner, step: &Step, depth: Depth) -> Result<Row> {
    let (mut row, failures) = runner.run(step)?;
    if depth == Depth::Long || row.outcome != Outcome::Failed {
        return Ok(row);
    }
    let mut repeated = Vec::new();
    for repeat in failures.repeats(step, row.tally) {
        runner.announce("      few tests failed: once more, alone");
        let (again, _) = runner.run(&repeat)?;
        row.took += again.took;
        repeated.push((again.outcome == Outcome::Passed, again.tally));
    }
    if failures.cleared(&repeated) {
        row.tally.passed += row.tally.failed;
        row.tally.failed = 0;
        row.outcome = Outcome::Unsteady;
        row.unsteady = failures.names;
        row.log = failures.log;
    }
    Ok(row)
}

/// The step that `step` needs and that didn't pass.
fn missing(step: &Step, rows: &[Row]) -> Option<&'static str> {
    let needed = step.needs?;
    let passed = rows
        .iter()
        .any(|row| row.about == needed && row.outcome.is_success());
    (!passed).then_some(needed)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_step_is_left_out_only_where_what_it_needs_failed() {
        let steps = steps::of(Depth::Full, None).unwrap();
        let real = steps.iter().find(|step| step.needs.is_some()).unwrap();
        let row = |outcome| {
            vec![Row {
                about: real.needs.unwrap(),
                outcome,
                took: Duration::ZERO,
                tally: tally::Tally::default(),
                unsteady: Vec::new(),
                log: Vec::new(),
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

    /// A Cargo of which one test of two fails the first `times` times.
    fn failing(folder: &std::path::Path, times: u32) -> Step {
        let script = r#"
            cd "${0%/*}"
            echo x >> runs
            if [ "$(wc -l < runs)" -gt TIMES ]; then
                echo 'test odd ... ok'
                echo 'test result: ok. 1 passed; 0 failed'
                exit 0
            fi
            printf 'failures:\n\n---- odd stdout ----\nError: not so\n\nfailures:\n    odd\n\n'
            echo 'test result: FAILED. 1 passed; 1 failed'
            echo 'error: test failed, to rerun pass `-p a --lib`' >&2
            exit 101
        "#;
        let path = folder.join("cargo.sh");
        std::fs::write(&path, script.replace("TIMES", &times.to_string())).unwrap();
        let words = [path.to_str().unwrap(), "test", "--workspace"];
        Step {
            about: "tests",
            program: "sh".to_owned(),
            args: words.map(str::to_owned).to_vec(),
            environment: Vec::new(),
            needs: None,
        }
    }

    #[test]
    fn what_fails_once_is_unsteady_and_what_fails_twice_has_failed() {
        let runner = Runner::new(true);
        let outcome = |times, depth| {
            let folder = tempfile::tempdir().unwrap();
            tried(&runner, &failing(folder.path(), times), depth).unwrap()
        };
        let row = outcome(0, Depth::Full);
        assert_eq!((row.outcome, row.tally.passed), (Outcome::Passed, 1));
        for depth in [Depth::Quick, Depth::Full] {
            let row = outcome(1, depth);
            assert_eq!(row.outcome, Outcome::Unsteady);
            assert_eq!((row.tally.passed, row.tally.failed), (2, 0));
            assert_eq!(row.unsteady, ["odd"]);
            assert!(row.log.contains(&"Error: not so".to_owned()));
        }
        for (times, depth) in [(2, Depth::Full), (1, Depth::Long)] {
            let row = outcome(times, depth);
            assert_eq!((row.outcome, row.tally.failed), (Outcome::Failed, 1));
            assert!(row.unsteady.is_empty());
        }
    }
}
