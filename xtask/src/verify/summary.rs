//! What `verify` says at the end: a row for each step, and one plain line of counts.

use std::fmt;
use std::time::Duration;

use super::tally::Tally;

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Passed,
    /// Tests failed, and passed when they were repeated.
    Unsteady,
    Failed,
    /// What it needs wasn't there: the name of the step that should have made it.
    LeftOut(&'static str),
}

impl Outcome {
    /// Whether the whole may succeed with it.
    pub(crate) fn is_success(self) -> bool {
        matches!(self, Self::Passed | Self::Unsteady)
    }
}

/// A step's result.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) about: &'static str,
    pub(crate) outcome: Outcome,
    pub(crate) took: Duration,
    pub(crate) tally: Tally,
    /// The tests that failed and passed when they were repeated; they count as passed.
    pub(crate) unsteady: Vec<String>,
    /// What those said when they failed.
    pub(crate) log: Vec<String>,
}

impl Row {
    /// The row of a step that couldn't be run.
    pub(crate) fn left_out(about: &'static str, needed: &'static str) -> Self {
        Self {
            outcome: Outcome::LeftOut(needed),
            ..Self::failed(about)
        }
    }

    /// The row of a step that couldn't be started.
    pub(crate) fn failed(about: &'static str) -> Self {
        Self {
            about,
            outcome: Outcome::Failed,
            took: Duration::ZERO,
            tally: Tally::default(),
            unsteady: Vec::new(),
            log: Vec::new(),
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outcome = match self.outcome {
            Outcome::Passed => "ok",
            Outcome::Unsteady => "unsteady",
            Outcome::Failed => "FAILED",
            Outcome::LeftOut(_) => "LEFT OUT",
        };
        write!(
            f,
            "{:<34} {outcome:<9} {:>7}",
            self.about,
            seconds(self.took)
        )?;
        let Tally {
            passed,
            failed,
            ignored,
        } = self.tally;
        if passed + failed > 0 {
            write!(f, "   {passed} passed, {failed} failed")?;
        }
        if ignored > 0 {
            write!(f, ", {ignored} left for --long")?;
        }
        if !self.unsteady.is_empty() {
            write!(f, "; failed once: {}", self.unsteady.join(", "))?;
        }
        if let Outcome::LeftOut(needed) = self.outcome {
            write!(f, "   needs: {needed}")?;
        }
        Ok(())
    }
}

/// What unsteady tests said, the table, and behind it the line that programs read: tests, and each step that went wrong without
/// naming a test (a warning, a stale file, code that doesn't compile) as one failure.
pub(crate) fn text(rows: &[Row], took: Duration) -> String {
    let tests = rows
        .iter()
        .fold(Tally::default(), |sum, row| sum.plus(row.tally));
    let silent = rows
        .iter()
        .filter(|row| !row.outcome.is_success() && row.tally.failed == 0);
    let failed = tests.failed + silent.map(|_| 1).sum::<u64>();
    let mut text = String::new();
    for row in rows.iter().filter(|row| !row.log.is_empty()) {
        let log = row.log.join("\n");
        text.push_str(&format!(
            "What failed once of \"{}\":\n{log}\n\n",
            row.about
        ));
    }
    text.extend(rows.iter().map(|row| format!("{row}\n")));
    text.push_str(&format!("{:<44} {:>7}\n", "all", seconds(took)));
    let unsteady: usize = rows.iter().map(|row| row.unsteady.len()).sum();
    if unsteady > 0 {
        let tests = if unsteady == 1 { "test" } else { "tests" };
        text.push_str(&format!(
            "{unsteady} {tests} failed once and passed when repeated: a fault of the test or the product; mend it\n"
        ));
    }
    text.push_str(&format!("{} passed, {failed} failed\n", tests.passed));
    text
}

/// `7.3 s`, `2m05s`.
pub(crate) fn seconds(took: Duration) -> String {
    if took < Duration::from_secs(60) {
        return format!("{:.1} s", took.as_secs_f64());
    }
    format!("{}m{:02}s", took.as_secs() / 60, took.as_secs() % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(about: &'static str, outcome: Outcome, passed: u64, failed: u64) -> Row {
        Row {
            about,
            outcome,
            took: Duration::from_millis(7_300),
            tally: Tally {
                passed,
                failed,
                ignored: 0,
            },
            unsteady: Vec::new(),
            log: Vec::new(),
        }
    }

    #[test]
    fn what_failed_once_is_named_shown_and_counted_and_no_failure() {
        let rows = [
            row("style", Outcome::Passed, 0, 0),
            Row {
                unsteady: vec!["a::odd".to_owned(), "b".to_owned()],
                log: vec!["Error: not so".to_owned()],
                ..row("tests", Outcome::Unsteady, 12, 0)
            },
        ];
        let text = text(&rows, Duration::from_secs(1));
        for part in [
            "What failed once of \"tests\":\nError: not so\n",
            "unsteady",
            "12 passed, 0 failed; failed once: a::odd, b\n",
            "\n2 tests failed once and passed when repeated: a fault of the test or the product; mend it\n",
        ] {
            assert!(text.contains(part), "{text}");
        }
        assert_eq!(text.lines().last(), Some("12 passed, 0 failed"));
        assert!(Outcome::Unsteady.is_success() && !Outcome::Failed.is_success());
    }

    #[test]
    fn the_last_line_counts_tests_and_the_steps_that_failed_without_one() {
        let rows = [
            row("style", Outcome::Passed, 0, 0),
            row("warnings", Outcome::Failed, 0, 0),
            row("tests", Outcome::Failed, 10, 2),
            Row::left_out("real tests", "assets"),
        ];
        let text = text(&rows, Duration::from_secs(125));
        assert_eq!(text.lines().last(), Some("10 passed, 4 failed"));
        assert!(
            text.contains("2m05s") && text.contains("needs: assets"),
            "{text}"
        );
    }

    #[test]
    fn all_well_is_no_failure() {
        let text = text(
            &[row("tests", Outcome::Passed, 10, 0)],
            Duration::from_secs(1),
        );
        assert_eq!(text.lines().last(), Some("10 passed, 0 failed"));
    }
}
