//! Running one step: what it prints is shown at once, or kept and shown if it fails.

use std::io::{BufRead as _, BufReader, IsTerminal as _, Read};
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use indicatif::{ProgressBar, ProgressStyle};

use super::again::Failures;
use super::steps::Step;
use super::summary::{Outcome, Row, seconds};
use super::tally::Tally;
use crate::shell;

/// How long a step may be silent before we say that it is still at work.
const SILENCE: Duration = Duration::from_secs(60);

/// How steps are shown.
pub(crate) struct Runner {
    /// Whether every line is shown as it comes.
    streams: bool,
}

impl Runner {
    /// Streams where asked to, and where nobody watches a terminal: a log should hold everything.
    pub(crate) fn new(stream: bool) -> Self {
        Self {
            streams: stream || !std::io::stdout().is_terminal(),
        }
    }

    /// Says what comes or how it went.
    pub(crate) fn announce(&self, text: &str) {
        println!("{text}");
    }

    /// Runs `step` to its end. Tells, too, which tests failed.
    ///
    /// # Errors
    /// When its program can't be started.
    pub(crate) fn run(&self, step: &Step) -> Result<(Row, Failures)> {
        println!("      {}", step.line());
        let begun = Instant::now();
        let mut child = Command::new(&step.program)
            .args(&step.args)
            .envs(step.environment.iter().map(|(name, value)| (*name, value)))
            .current_dir(shell::root())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting `{}`", step.line()))?;
        let (sender, lines) = channel();
        let readers = [
            child
                .stdout
                .take()
                .map(|output| read(output, sender.clone())),
            child.stderr.take().map(|output| read(output, sender)),
        ];

        let (mut tally, mut failures) = (Tally::default(), Failures::default());
        let mut kept = Vec::new();
        let spinner = self.spinner();
        loop {
            match lines.recv_timeout(SILENCE) {
                Ok(line) => {
                    tally.read(&line);
                    failures.read(&line);
                    if self.streams {
                        println!("{line}");
                    } else {
                        spinner.set_message(line.chars().take(100).collect::<String>());
                        kept.push(line);
                    }
                }
                Err(RecvTimeoutError::Timeout) if self.streams => {
                    println!("      … still at it after {}", seconds(begun.elapsed()));
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        for reader in readers.into_iter().flatten() {
            // A reader only fails with its pipe, which ends it as well.
            let _ = reader.join();
        }
        spinner.finish_and_clear();
        let status = child
            .wait()
            .with_context(|| format!("waiting for `{}`", step.line()))?;
        if !status.success() {
            for line in &kept {
                println!("{line}");
            }
        }
        let outcome = if status.success() && tally.failed == 0 {
            Outcome::Passed
        } else {
            Outcome::Failed
        };
        let row = Row {
            about: step.about,
            outcome,
            took: begun.elapsed(),
            tally,
            unsteady: Vec::new(),
            log: Vec::new(),
        };
        Ok((row, failures))
    }

    /// Shows the last line and the time gone by; hidden where lines are streamed.
    fn spinner(&self) -> ProgressBar {
        if self.streams {
            return ProgressBar::hidden();
        }
        let spinner = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("      {elapsed:>4} {spinner} {wide_msg}") {
            spinner.set_style(style);
        }
        spinner.enable_steady_tick(Duration::from_millis(200));
        spinner
    }
}

/// Sends every line of `output`, from a thread of its own, until it ends.
fn read(output: impl Read + Send + 'static, lines: Sender<String>) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        let mut reader = BufReader::new(output);
        let mut line = Vec::new();
        // Tests may print anything: what isn't UTF-8 is shown as far as it can be.
        while reader
            .read_until(b'\n', &mut line)
            .is_ok_and(|length| length > 0)
        {
            let text = String::from_utf8_lossy(&line)
                .trim_end_matches(['\n', '\r'])
                .to_owned();
            line.clear();
            if lines.send(text).is_err() {
                break;
            }
        }
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn step(script: &str) -> Step {
        Step {
            about: "a script",
            program: "sh".to_owned(),
            args: vec!["-c".to_owned(), script.to_owned()],
            environment: Vec::new(),
            needs: None,
        }
    }

    #[test]
    fn counts_come_from_both_streams_and_the_status_decides() {
        let runner = Runner::new(true);
        let row = runner
            .run(&step(
                "echo 'test result: ok. 3 passed; 0 failed'; echo 'test result: ok. 1 passed' >&2",
            ))
            .unwrap()
            .0;
        assert_eq!((row.outcome, row.tally.passed), (Outcome::Passed, 4));
        let row = runner
            .run(&step("printf 'no newline \\377'; exit 3"))
            .unwrap()
            .0;
        assert_eq!(row.outcome, Outcome::Failed);
    }

    #[test]
    fn failed_tests_count_even_where_the_status_says_otherwise() {
        let row = Runner::new(true)
            .run(&step("echo 'test result: FAILED. 0 passed; 1 failed'"))
            .unwrap()
            .0;
        assert_eq!(row.outcome, Outcome::Failed);
    }

    #[test]
    fn a_program_that_isnt_there_is_an_error() {
        let missing = Step {
            program: "no-such-program-here".to_owned(),
            ..step("")
        };
        assert!(Runner::new(true).run(&missing).is_err());
    }
}
