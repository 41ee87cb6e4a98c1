//! What `verify` does, as data.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};

use super::targets::Targets;
use crate::shard::{self, Shard};
use crate::shell;

/// How much is verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// Between edits.
    Quick,
    /// Before a commit is shared, and in CI.
    Full,
    /// Now and then.
    Long,
}

/// One step: a program that succeeds or fails.
#[derive(Debug)]
pub(crate) struct Step {
    /// What it checks, in a few words; its name in the summary.
    pub(crate) about: &'static str,
    pub(crate) program: String,
    pub(crate) args: Vec<String>,
    pub(crate) environment: Vec<(&'static str, String)>,
    /// The step whose result it can't do without.
    pub(crate) needs: Option<&'static str>,
}

/// The name of the step that gets the components.
const ASSETS: &str = "real components are there";
/// The name of the step that tests all that needs none.
const UNITS: &str = "unit, property and golden tests";
/// The tests that speak with the API of Kubernetes: `--long` runs them on the oldest release, too.
const OLDEST: [&str; 6] = [
    "conformance_e2e",
    "crds",
    "discovery",
    "mesh",
    "rbac",
    "registry_e2e",
];
/// How many cases each property is tried with at [`Depth::Long`].
const LONG_CASES: u32 = 8_192;
/// The default.
const USUAL_CASES: u32 = 256;
/// Properties draw the same cases each time, so that a run says something of the change and not of the day; [`Depth::Long`]
/// draws anew.
const SEED: &str = "20261123";

/// The steps of `depth`, in order: the quickest to fail come first. With a shard, of what is long that part.
///
/// # Errors
/// When xtask can't find its own program.
pub(crate) fn of(depth: Depth, shard: Option<Shard>) -> Result<Vec<Step>> {
    let me = std::env::current_exe()
        .context("finding xtask's own program")?
        .to_string_lossy()
        .into_owned();
    let cargo = |about, args: &[&str]| Step::new(about, shell::cargo(), args);
    let xtask = |about, args: &[&str]| Step::new(about, me.clone(), args);

    let mut steps = vec![
        cargo("formatted", &["fmt", "--all", "--check"]),
        xtask("tidy", &["tidy"]),
        cargo(
            "no warnings",
            &[
                "clippy",
                "--locked",
                "--keep-going",
                "--workspace",
                "--all-targets",
                "--",
                "-D",
                "warnings",
            ],
        ),
    ];
    const TEST: [&str; 4] = ["test", "--locked", "--no-fail-fast", "--workspace"];
    let mut tests = [&TEST[..], &["--lib", "--bins"]].concat();
    if depth == Depth::Quick {
        steps.push(cargo("tests of the libraries", &tests).with("PROPTEST_RNG_SEED", SEED));
        return Ok(steps);
    }
    let targets = Targets::of_workspace()?;
    tests.extend(named(&targets.plain));
    let mut real = TEST.to_vec();
    real.extend(named(&targets.real));
    if depth == Depth::Long {
        tests.extend(["--", "--include-ignored"]);
        real.extend(["--", "--include-ignored"]);
    }
    steps.extend([
        xtask("generated files are current", &["generate", "--check"]),
        cargo(
            "documentation builds",
            &[
                "doc",
                "--locked",
                "--keep-going",
                "--workspace",
                "--no-deps",
                "--document-private-items",
            ],
        )
        .with(
            "RUSTDOCFLAGS",
            "-D warnings -A rustdoc::private-intra-doc-links",
        ),
        match depth {
            Depth::Long => cargo(UNITS, &tests),
            _ => cargo(UNITS, &tests).with("PROPTEST_RNG_SEED", SEED),
        },
        // Apart, because `--include-ignored` would also run the examples that are marked as no code.
        cargo(
            "examples in the documentation",
            &[&TEST[..], &["--doc"]].concat(),
        ),
        match depth {
            Depth::Long => xtask(ASSETS, &["assets", "--long"]),
            _ => xtask(ASSETS, &["assets"]),
        },
        cargo("tests against real components", &real).needing(ASSETS),
    ]);
    if depth == Depth::Long {
        let mut oldest = TEST.to_vec();
        oldest.extend(OLDEST.iter().flat_map(|test| ["--test", test]));
        // The in-memory member is the newest release: 1.30 merges metadata that comes with a status, which later ones
        // leave alone.
        oldest.extend(["--", "--skip", "random_writes_go_alike_in_memory"]);
        steps.push(
            cargo("tests against the oldest Kubernetes", &oldest)
                .with("CAUSEWAY_KUBE_APISERVER", "kube-apiserver-oldest")
                .needing(ASSETS),
        );
        let cases = shard.map_or(LONG_CASES, |shard| shard.share(LONG_CASES, USUAL_CASES));
        steps = steps
            .into_iter()
            .map(|step| step.with("PROPTEST_CASES", &cases.to_string()))
            .map(|step| match shard {
                Some(shard) => step.with(shard::VARIABLE, &shard.to_string()),
                None => step,
            })
            .collect();
        // With few cases for each fault, and of its own accord.
        let part = shard.map(|shard| shard.to_string());
        let args = ["mutants"].into_iter();
        let args = args.chain(part.iter().flat_map(|part| ["--shard", part.as_str()]));
        let args: Vec<&str> = args.collect();
        steps.push(xtask("faults in the decision code are noticed", &args));
    }
    Ok(steps)
}

/// The arguments that select these tests.
fn named(tests: &BTreeSet<String>) -> impl Iterator<Item = &str> {
    tests.iter().flat_map(|name| ["--test", name])
}

impl Step {
    fn new(about: &'static str, program: String, args: &[&str]) -> Self {
        let args = args.iter().map(|arg| (*arg).to_owned()).collect();
        Self {
            about,
            program,
            args,
            environment: Vec::new(),
            needs: None,
        }
    }

    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.environment.push((name, value.to_owned()));
        self
    }

    fn needing(mut self, step: &'static str) -> Self {
        self.needs = Some(step);
        self
    }

    /// As one would type it, without the path to the program.
    pub(crate) fn line(&self) -> String {
        let name = self.program.rsplit('/').next().unwrap_or_default();
        let name = if name == "xtask" { "cargo xtask" } else { name };
        format!("{name} {}", self.args.join(" "))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn names(depth: Depth) -> Vec<&'static str> {
        let steps = of(depth, None).unwrap();
        steps.iter().map(|step| step.about).collect()
    }

    #[test]
    fn quick_needs_no_real_component_and_long_does_all_that_full_does() {
        assert!(!names(Depth::Quick).contains(&ASSETS));
        assert!(names(Depth::Long).starts_with(&names(Depth::Full)));
        assert!(
            of(Depth::Quick, None)
                .unwrap()
                .iter()
                .all(|step| step.needs.is_none())
        );
    }

    #[test]
    fn what_a_step_needs_comes_before_it() {
        let steps = of(Depth::Full, None).unwrap();
        for (at, step) in steps.iter().enumerate() {
            if let Some(needed) = step.needs {
                assert!(
                    steps.iter().take(at).any(|earlier| earlier.about == needed),
                    "{}",
                    step.about
                );
            }
        }
    }
    #[test]
    fn a_part_of_what_is_long_takes_all_steps_and_fewer_cases() {
        let steps = of(Depth::Long, "3/40".parse().ok()).unwrap();
        let abouts: Vec<&str> = steps.iter().map(|step| step.about).collect();
        assert_eq!(abouts, names(Depth::Long));
        let units = steps.iter().find(|step| step.about == UNITS).unwrap();
        for said in [("PROPTEST_CASES", "256"), (shard::VARIABLE, "3/40")] {
            let said = (said.0, said.1.to_owned());
            assert!(units.environment.contains(&said), "{said:?}");
        }
        let last = steps.last().unwrap();
        assert_eq!(last.args, ["mutants", "--shard", "3/40"]);
    }
}
