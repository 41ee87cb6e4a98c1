//! `cargo xtask mutants`: the decision code with one fault at a time, each of which some test must notice.
//!
//! [cargo-mutants](https://mutants.rs) makes the faults: a comparison turned round, a condition dropped, a function that
//! returns nothing. [`areas`] lists which code is tried and which tests must notice. A mutant that no test notices is a
//! *survivor*: each is explained in `docs/internals/mutants.md`, by file and fault without its line, or it is a failure.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};

use crate::shell;
use areas::Area;

mod areas;

/// The version that makes the mutants: another makes others.
const VERSION: &str = "27.1.0";
/// Where the survivors are explained.
const EXPLAINED: &str = "docs/internals/mutants.md";
/// How many cases each property is tried with for one mutant.
const CASES: &str = "256";
/// A mutant that keeps the tests busy for so long is noticed.
const TIMEOUT_S: &str = "60";
/// The same cases for all mutants.
const SEED: &str = "20261123";

/// `cargo xtask mutants`
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The areas to try; all of them without a name
    areas: Vec<String>,
    /// List the areas and try none
    #[arg(long)]
    list: bool,
    /// How many mutants are tried at the same time, each in a copy of the sources
    #[arg(long, default_value_t = 1)]
    jobs: u8,
}

/// Tries the areas that were asked for; true where every survivor is explained.
///
/// # Errors
/// When an area is unknown, or cargo-mutants can't be installed or run.
pub(crate) fn run(args: &Args) -> Result<bool> {
    if args.list {
        for area in areas::ALL {
            println!("{:<12} {}", area.name, area.about);
        }
        return Ok(true);
    }
    let areas = select(&args.areas)?;
    let program = installed()?;
    let explained = explained(&std::fs::read_to_string(shell::root().join(EXPLAINED))?);
    let mut unexplained = Vec::new();
    for area in areas {
        let found = try_area(&program, area, args.jobs)?;
        println!(
            "{}: {} mutants noticed, {} not, {} do not compile",
            area.name,
            found.noticed,
            found.survivors.len(),
            found.unviable
        );
        unexplained.extend(found.survivors.difference(&explained).cloned());
    }
    for survivor in &unexplained {
        println!("no test notices, and {EXPLAINED} does not explain: {survivor}");
    }
    Ok(unexplained.is_empty())
}

fn select(names: &[String]) -> Result<Vec<&'static Area>> {
    if names.is_empty() {
        return Ok(areas::ALL.iter().collect());
    }
    let find = |name: &String| {
        let found = areas::ALL.iter().find(|area| area.name == name);
        found.with_context(|| {
            let known: Vec<&str> = areas::ALL.iter().map(|area| area.name).collect();
            format!("there is no area '{name}'; there are {}", known.join(", "))
        })
    };
    names.iter().map(find).collect()
}

/// cargo-mutants, installed beside what is built unless it is there.
fn installed() -> Result<PathBuf> {
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
        return Ok(program);
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
    Ok(program)
}

/// Where Cargo builds.
fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| shell::root().join("target"), PathBuf::from)
}

/// What became of an area's mutants.
struct Found {
    noticed: usize,
    unviable: usize,
    survivors: BTreeSet<String>,
}

fn try_area(program: &Path, area: &Area, jobs: u8) -> Result<Found> {
    let out = target().join("mutants").join(area.name);
    std::fs::create_dir_all(&out)?;
    let (out_text, jobs) = (out.to_string_lossy().into_owned(), jobs.to_string());
    // `verify` has run the tests without mutants.
    let mut line = vec![
        "mutants",
        "--baseline",
        "skip",
        "--timeout",
        TIMEOUT_S,
        "--colors",
        "never",
        "--no-shuffle",
        "--jobs",
        &jobs,
        "-o",
        &out_text,
    ];
    line.extend(area.files.iter().flat_map(|file| ["--file", file]));
    line.extend(
        area.packages
            .iter()
            .flat_map(|package| ["--package", package]),
    );
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
    let status = shell::command(&program.to_string_lossy(), &line)
        .env("CARGO", shell::cargo())
        .env("CARGO_PROFILE_DEV_DEBUG", "false")
        .env("PROPTEST_CASES", CASES)
        .env("PROPTEST_RNG_SEED", SEED)
        .status()
        .context("starting cargo-mutants")?;
    // 2: mutants were missed, 3: tests timed out, which is to have noticed.
    if !matches!(status.code(), Some(0 | 2 | 3)) {
        bail!("the area {}: cargo-mutants ended with {status}", area.name);
    }
    let read = |name: &str| -> Result<Vec<String>> {
        let path = out.join("mutants.out").join(name);
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        Ok(text.lines().map(without_line).collect())
    };
    Ok(Found {
        noticed: read("caught.txt")?.len() + read("timeout.txt")?.len(),
        unviable: read("unviable.txt")?.len(),
        survivors: read("missed.txt")?.into_iter().collect(),
    })
}

/// `file:line:column: fault` without line and column, which every edit changes.
fn without_line(mutant: &str) -> String {
    let mut parts = mutant.splitn(4, ':');
    match (parts.next(), parts.nth(2)) {
        (Some(file), Some(fault)) => format!("{file}:{fault}"),
        _ => mutant.to_owned(),
    }
}

/// The survivors that a document explains: what stands between backticks.
fn explained(document: &str) -> BTreeSet<String> {
    document
        .split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MUTANT: &str = "failover/src/a.rs:61:19: replace > with >= in Penalty::of";

    #[test]
    fn a_survivor_is_known_by_its_file_and_fault() {
        let known = without_line(MUTANT);
        assert_eq!(known, "failover/src/a.rs: replace > with >= in Penalty::of");
        let document = format!("# Mutants\n\n- `{known}`: the score is never in the future.\n");
        assert!(explained(&document).contains(&known));
        assert!(!explained("nothing").contains(&known));
    }

    #[test]
    fn every_area_is_there_and_others_are_named() {
        assert_eq!(
            select(&[]).map(|all| all.len()).unwrap_or(0),
            areas::ALL.len()
        );
        let one = select(&["verdicts".to_owned()]).map(|areas| areas.len());
        assert_eq!(one.unwrap_or(0), 1);
        let error = select(&["luck".to_owned()])
            .err()
            .map(|error| error.to_string());
        assert!(error.is_some_and(|text| text.contains("luck") && text.contains("checker")));
    }

    #[test]
    fn what_areas_name_exists() {
        for area in areas::ALL {
            let folders = area.files.iter().map(|file| file.trim_end_matches("/**"));
            for path in folders {
                assert!(shell::root().join(path).exists(), "{}: {path}", area.name);
            }
        }
    }
}
