//! cargo-mutants: installing it, and telling it what to try.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail};

use super::areas::Area;
use super::target;
use crate::shell;

/// The version that makes the mutants: another makes others.
pub(super) const VERSION: &str = "27.1.0";
/// How many cases each property is tried with for one mutant.
const CASES: &str = "256";
/// A mutant that keeps the tests busy for so long is noticed.
const TIMEOUT_S: &str = "60";
/// The same cases for all mutants.
const SEED: &str = "20261123";

/// The program.
pub(super) struct Tool(PathBuf);

impl Tool {
    /// cargo-mutants, installed beside what is built unless it is there.
    ///
    /// # Errors
    /// When it can't be installed.
    pub(super) fn installed() -> Result<Self> {
        let folder = target().join("tools");
        let program = folder.join("bin").join("cargo-mutants");
        let wanted = format!("cargo-mutants {VERSION}");
        let there = |program: &Path| {
            let output = shell::command(&program.to_string_lossy(), &["mutants", "--version"])
                .stderr(Stdio::null())
                .output();
            output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).trim() == wanted)
        };
        if there(&program) {
            return Ok(Self(program));
        }
        let folder = folder.to_string_lossy().into_owned();
        let line = [
            "install",
            "cargo-mutants",
            "--locked",
            "--version",
            VERSION,
            "--root",
            &folder,
        ];
        let status = shell::command(&shell::cargo(), &line).status()?;
        if !status.success() || !there(&program) {
            bail!("`cargo {}` ended with {status}", line.join(" "));
        }
        Ok(Self(program))
    }

    /// All mutants of an area, in their order.
    ///
    /// # Errors
    /// When cargo-mutants can't be run, or finds none: then the area names files that have no code.
    pub(super) fn list(&self, area: &Area) -> Result<Vec<String>> {
        let mut line = vec!["mutants", "--no-config", "--colors", "never", "--list"];
        line.extend(of(area));
        let text = shell::output(&self.0.to_string_lossy(), &line)?;
        let mutants: Vec<String> = text.lines().map(str::to_owned).collect();
        if mutants.is_empty() {
            bail!("cargo-mutants finds nothing to put a fault into");
        }
        Ok(mutants)
    }

    /// Begins to try these mutants of an area; what becomes of them is written in `out` as it happens. Before the first one
    /// the tests are run without any: where they fail, each mutant would seem to be noticed, or not to compile.
    ///
    /// # Errors
    /// When cargo-mutants can't be started.
    pub(super) fn begin(
        &self,
        area: &Area,
        mutants: &[&String],
        jobs: u8,
        out: &Path,
    ) -> Result<Child> {
        std::fs::create_dir_all(out)?;
        let names: Vec<String> = mutants.iter().map(|name| exactly(name)).collect();
        let config = out.join("only.toml");
        // What JSON writes of texts, TOML reads.
        let only = format!("examine_re = {}\n", serde_json::to_string(&names)?);
        std::fs::write(&config, only)?;
        let (config, out) = (config.to_string_lossy(), out.to_string_lossy());
        let jobs_text = jobs.to_string();
        let mut line = vec![
            "mutants",
            "--config",
            &config,
            "--timeout",
            TIMEOUT_S,
            "--colors",
            "never",
            "--no-shuffle",
            "--jobs",
            &jobs_text,
            "-o",
            &out,
        ];
        line.extend(of(area));
        line.extend(
            area.tested_by
                .iter()
                .flat_map(|package| ["--test-package", package]),
        );
        let tests: Vec<String> = area
            .tests
            .iter()
            .map(|test| format!("-C=--test={test}"))
            .collect();
        line.push("-C=--lib");
        line.extend(tests.iter().map(String::as_str));
        let mut command = shell::command(&self.0.to_string_lossy(), &line);
        command
            .env("CARGO", shell::cargo())
            .env("CARGO_PROFILE_DEV_DEBUG", "false")
            .env("PROPTEST_CASES", CASES)
            .env("PROPTEST_RNG_SEED", SEED);
        build_in(&mut command, jobs);
        command.spawn().context("starting cargo-mutants")
    }
}

/// What cargo-mutants is told of which code an area is.
fn of(area: &Area) -> impl Iterator<Item = &str> {
    let files = area.files.iter().flat_map(|file| ["--file", file]);
    let packages = area.packages.iter();
    files.chain(packages.flat_map(|package| ["--package", package]))
}

/// One folder for all areas, so that dependencies are built once; copies that are tried beside each other each have their own.
fn build_in(command: &mut Command, jobs: u8) {
    match jobs {
        1 => command.env("CARGO_TARGET_DIR", built()),
        _ => command.env_remove("CARGO_TARGET_DIR"),
    };
}

/// Where copies of the sources are built.
pub(super) fn built() -> PathBuf {
    target().join("mutants").join("build")
}

/// The regular expression that a text alone matches.
fn exactly(text: &str) -> String {
    // Not all punctuation: an escaped `<` is the beginning of a word.
    let escaped = text.chars().flat_map(|letter| {
        let special = r"\.+*?()|[]{}^$#&-~".contains(letter).then_some('\\');
        special.into_iter().chain([letter])
    });
    format!("^{}$", escaped.collect::<String>())
}

/// All on which outcomes depend besides sources: with other settings mutants are tried anew.
pub(super) fn settings() -> [&'static str; 3] {
    [VERSION, CASES, SEED]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mutant_is_named_by_an_expression_of_its_own() {
        assert_eq!(
            exactly("a/b.rs:6:1: replace && with || in A<'a>::f -> [u8]"),
            r"^a/b\.rs:6:1: replace \&\& with \|\| in A<'a>::f \-> \[u8\]$"
        );
    }
}
