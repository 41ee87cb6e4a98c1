//! What has become of mutants: written by cargo-mutants as it happens, so that what was interrupted goes on where it was.
//!
//! An area has a folder, and in it one for each run. All of it is thrown away once anything has changed on which outcomes
//! depend.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// What became of a mutant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// A test failed, or was kept busy for too long.
    Noticed,
    /// No test failed.
    Survived,
    /// It does not compile.
    Unviable,
}

/// Where cargo-mutants writes which.
const FILES: [(&str, Outcome); 4] = [
    ("caught.txt", Outcome::Noticed),
    ("timeout.txt", Outcome::Noticed),
    ("missed.txt", Outcome::Survived),
    ("unviable.txt", Outcome::Unviable),
];
/// Where it is written on which sources the outcomes stand.
const SUM: &str = "sources";

/// What is known of an area's mutants.
pub(super) struct Tried {
    folder: PathBuf,
}

impl Tried {
    /// What is known in `folder` of the sources with this sum; `again`: nothing.
    ///
    /// # Errors
    /// When the folder can't be read or made.
    pub(super) fn open(folder: PathBuf, sum: &str, again: bool) -> Result<Self> {
        let held = std::fs::read_to_string(folder.join(SUM)).unwrap_or_default();
        if folder.exists() && (again || held != sum) {
            std::fs::remove_dir_all(&folder).with_context(|| folder.display().to_string())?;
        }
        std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        std::fs::write(folder.join(SUM), sum)?;
        Ok(Self { folder })
    }

    /// The folder for another run.
    ///
    /// # Errors
    /// When the folder can't be read.
    pub(super) fn next_run(&self) -> Result<PathBuf> {
        Ok(self.folder.join(format!("run-{}", self.runs()?.len() + 1)))
    }

    fn runs(&self) -> Result<Vec<PathBuf>> {
        let rows = std::fs::read_dir(&self.folder);
        let rows = rows.with_context(|| self.folder.display().to_string())?;
        let folders = rows.filter_map(|row| Some(row.ok()?.path()));
        Ok(folders.filter(|path| path.is_dir()).collect())
    }

    /// What became of each mutant that was tried.
    ///
    /// # Errors
    /// When the folder can't be read.
    pub(super) fn outcomes(&self) -> Result<BTreeMap<String, Outcome>> {
        let runs = self.runs()?;
        Ok(runs.iter().flat_map(|run| of_run(run)).collect())
    }
}

/// What became of the mutants of one run so far.
pub(super) fn of_run(run: &Path) -> Vec<(String, Outcome)> {
    let read = |(file, outcome): (&str, Outcome)| {
        // Not there yet.
        let text = std::fs::read_to_string(run.join("mutants.out").join(file));
        let text = text.unwrap_or_default();
        // A line that is being written has no end yet.
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let rows = whole.lines().map(|line| (line.to_owned(), outcome));
        rows.collect::<Vec<_>>()
    };
    FILES.into_iter().flat_map(read).collect()
}

/// Counts, and who survived.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) noticed: usize,
    pub(super) unviable: usize,
    pub(super) untried: usize,
    /// By file and fault, without the line.
    pub(super) survivors: BTreeSet<String>,
}

impl Found {
    /// What is known of these.
    pub(super) fn of(mutants: &[String], outcomes: &BTreeMap<String, Outcome>) -> Self {
        let mut found = Self::default();
        for mutant in mutants {
            match outcomes.get(mutant) {
                Some(Outcome::Noticed) => found.noticed += 1,
                Some(Outcome::Unviable) => found.unviable += 1,
                Some(Outcome::Survived) => drop(found.survivors.insert(without_line(mutant))),
                None => found.untried += 1,
            }
        }
        found
    }
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
pub(super) fn explained(document: &str) -> BTreeSet<String> {
    document
        .split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
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
    fn what_was_interrupted_goes_on_until_the_sources_change() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("one");
        let open = |sum: &str, again| Tried::open(home.clone(), sum, again).unwrap();
        let first = open("a", false).next_run().unwrap();
        let out = first.join("mutants.out");
        std::fs::create_dir_all(&out).unwrap();
        // The last line is cut off where it was interrupted.
        std::fs::write(out.join("caught.txt"), "a.rs:1:1: x\na.rs:2:2: y\na.r").unwrap();
        std::fs::write(out.join("missed.txt"), "a.rs:3:3: z\n").unwrap();
        let all: Vec<String> = ["1:1: x", "2:2: y", "3:3: z", "4:4: u"]
            .map(|text| format!("a.rs:{text}"))
            .to_vec();
        let found = |tried: &Tried| Found::of(&all, &tried.outcomes().unwrap());
        let known = open("a", false);
        let counted = found(&known);
        assert_eq!((counted.noticed, counted.untried), (2, 1));
        assert!(counted.survivors.contains("a.rs: z"));
        assert_ne!(known.next_run().unwrap(), first);
        assert_eq!(found(&open("b", false)).untried, 4);
        let out = open("b", false).next_run().unwrap().join("mutants.out");
        std::fs::create_dir_all(&out).unwrap();
        std::fs::write(out.join("unviable.txt"), "a.rs:4:4: u\n").unwrap();
        assert_eq!(found(&open("b", false)).unviable, 1);
        assert_eq!(found(&open("b", true)).untried, 4);
    }
}
