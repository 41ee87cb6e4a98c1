//! What failed is tried once more: which tests of a step failed, in which programs, and what follows from it.
//!
//! A test that fails once in a thousand runs says nothing about the change that is looked at, and stops it all the same. So
//! a step of which few tests failed has those repeated, each program's alone and one after the other. What passes then is
//! unsteady: it is named, its log is shown and it is counted, and the run goes on. What fails again fails.

use std::collections::BTreeSet;

use super::steps::Step;
use super::tally::Tally;

/// So many failed tests of a step are repeated at most: where more fail, something is broken.
const MOST: usize = 3;

/// The failures in what `cargo test` prints.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    /// The tests, by their paths.
    pub(crate) names: Vec<String>,
    /// What the tests said, as the test programs show it at their end.
    pub(crate) log: Vec<String>,
    /// How Cargo is told to run the programs in which they are, such as `--lib` or `--test whole`. The package is left out, so
    /// that nothing is built anew with other features: see [`super::targets`].
    targets: BTreeSet<String>,
    /// Between the first `failures:` and the result.
    telling: bool,
    /// Below a `failures:`, where the names stand.
    listing: bool,
}

impl Failures {
    /// Takes in a line of either stream. Those of the other may come in between.
    pub(crate) fn read(&mut self, line: &str) {
        if let Some(target) = target(line) {
            self.targets.insert(target.to_owned());
            return;
        }
        if line == "failures:" {
            (self.telling, self.listing) = (true, true);
        } else if line.starts_with("test result: ") {
            (self.telling, self.listing) = (false, false);
        } else if line.is_empty() {
            self.listing = false;
        } else if self.listing
            && let Some(name) = name(line)
        {
            self.names.push(name.to_owned());
        }
        if self.telling {
            self.log.push(line.to_owned());
        }
    }

    /// The steps that repeat what failed in `step`, one for each program; none where that is too much, or not known exactly.
    pub(crate) fn repeats(&self, step: &Step, tally: Tally) -> Vec<Step> {
        let all_named = usize::try_from(tally.failed) == Ok(self.names.len());
        let test = step.args.iter().position(|word| word == "test");
        let Some(test) = test.filter(|_| all_named && (1..=MOST).contains(&self.names.len()))
        else {
            return Vec::new();
        };
        let program = |target: &String| {
            let head = step.args.iter().take(test + 1).cloned();
            let target = target.split(' ').map(str::to_owned);
            let tail = ["--", "--exact", "--test-threads", "1"].map(str::to_owned);
            Step {
                about: step.about,
                program: step.program.clone(),
                args: head
                    .chain(["--locked", "--workspace"].map(str::to_owned))
                    .chain(target)
                    .chain(tail)
                    .chain(self.names.iter().cloned())
                    .collect(),
                environment: step.environment.clone(),
                needs: None,
            }
        };
        self.targets.iter().map(program).collect()
    }

    /// Whether these runs of the repeated programs clear all: each ran something, nothing failed, and no test is missing.
    pub(crate) fn cleared(&self, repeated: &[(bool, Tally)]) -> bool {
        let fine = |(succeeded, tally): &(bool, Tally)| {
            *succeeded && tally.failed == 0 && tally.passed > 0
        };
        let passed = repeated.iter().map(|(_, tally)| tally.passed).sum::<u64>();
        let wanted = u64::try_from(self.names.len());
        !repeated.is_empty() && repeated.iter().all(fine) && wanted.is_ok_and(|all| passed >= all)
    }
}

/// How a failed program is named: alone in a line below "2 targets failed:", or at the end of "to rerun pass".
fn target(line: &str) -> Option<&str> {
    let rest = line
        .strip_prefix("error: test failed, to rerun pass ")
        .or_else(|| line.strip_prefix("    "))?;
    let target = rest.strip_prefix('`')?.strip_suffix('`')?;
    let (_package, target) = target.strip_prefix("-p ")?.split_once(' ')?;
    Some(target)
}

/// A test in the list at the end.
fn name(line: &str) -> Option<&str> {
    let name = line.strip_prefix("    ")?;
    let plain = !name.is_empty() && !name.contains([' ', '`']);
    plain.then_some(name)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// As Cargo and two test programs print it, with a line of the other stream in the list.
    const PRINTED: &str = "\
     Running unittests src/lib.rs (target/debug/deps/a-1)

running 2 tests
test tests::fine ... ok
test tests::odd ... FAILED

failures:

---- tests::odd stdout ----

thread 'tests::odd' panicked at src/lib.rs:7:9:
    indented, and no name

failures:
    tests::odd

test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s

error: test failed, to rerun pass `-p a --lib`
     Running tests/whole.rs (target/debug/deps/whole-1)

running 1 test
test it_is_whole ... FAILED

failures:

---- it_is_whole stdout ----
Error: not so

failures:
   Doc-tests b
    it_is_whole

test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s

error: test failed, to rerun pass `-p b --test whole`
error: 2 targets failed:
    `-p a --lib`
    `-p b --test whole`
";

    fn read(printed: &str) -> (Failures, Tally) {
        let (mut failures, mut tally) = (Failures::default(), Tally::default());
        for line in printed.lines() {
            failures.read(line);
            tally.read(line);
        }
        (failures, tally)
    }

    fn step(args: &[&str]) -> Step {
        Step {
            about: "tests",
            program: "cargo".to_owned(),
            args: args.iter().map(|word| (*word).to_owned()).collect(),
            environment: vec![("SEED", "1".to_owned())],
            needs: None,
        }
    }

    #[test]
    fn tests_their_programs_and_their_words_are_found() {
        let (failures, tally) = read(PRINTED);
        assert_eq!(failures.names, ["tests::odd", "it_is_whole"]);
        let log = failures.log.join("\n");
        assert!(
            log.contains("panicked at src/lib.rs:7:9") && log.contains("Error: not so"),
            "{log}"
        );
        assert!(!log.contains("running"), "{log}");
        let whole = step(&["test", "--locked", "--workspace", "--tests"]);
        let lines: Vec<String> = failures
            .repeats(&whole, tally)
            .iter()
            .map(Step::line)
            .collect();
        assert_eq!(
            lines,
            [
                "cargo test --locked --workspace --lib -- --exact --test-threads 1 tests::odd it_is_whole",
                "cargo test --locked --workspace --test whole -- --exact --test-threads 1 tests::odd it_is_whole",
            ]
        );
        assert_eq!(
            failures.repeats(&whole, tally)[0].environment,
            whole.environment
        );
    }

    #[test]
    fn what_is_too_much_or_not_known_exactly_is_not_repeated() {
        let (failures, tally) = read(PRINTED);
        assert!(failures.repeats(&step(&["clippy"]), tally).is_empty());
        let tests = step(&["test"]);
        // A program that died amid its tests lists none of them.
        let more = Tally { failed: 3, ..tally };
        assert!(failures.repeats(&tests, more).is_empty());
        let none = Tally::default();
        assert!(Failures::default().repeats(&tests, none).is_empty());
        let many = PRINTED.repeat(2);
        let (failures, tally) = read(&many);
        assert_eq!((failures.names.len(), tally.failed), (4, 4));
        assert!(failures.repeats(&tests, tally).is_empty());
    }

    #[test]
    fn examples_in_the_documentation_are_not_repeated() {
        let (failures, tally) = read(
            "failures:\n    src/lib.rs - f (line 3)\n\ntest result: FAILED. 0 passed; 1 failed\n",
        );
        assert!(
            failures
                .repeats(&step(&["test", "--doc"]), tally)
                .is_empty()
        );
    }

    #[test]
    fn all_of_it_has_to_pass() {
        let (failures, _) = read(PRINTED);
        let passed = |passed, failed| Tally {
            passed,
            failed,
            ignored: 0,
        };
        assert!(failures.cleared(&[(true, passed(1, 0)), (true, passed(1, 0))]));
        assert!(!failures.cleared(&[(true, passed(1, 0)), (false, passed(0, 1))]));
        // What failed in the second program was none of its tests: it died.
        assert!(!failures.cleared(&[(true, passed(2, 0)), (true, passed(0, 0))]));
        assert!(!failures.cleared(&[(true, passed(1, 0))]));
        assert!(!failures.cleared(&[]));
    }
}
