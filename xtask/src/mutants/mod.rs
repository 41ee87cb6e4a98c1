//! `cargo xtask mutants`: the decision code with one fault at a time, each of which some test must notice.
//!
//! [cargo-mutants](https://mutants.rs) makes the faults: a comparison turned round, a condition dropped, a function that
//! returns nothing. [`areas`] lists which code is tried and which tests must notice; [`tool`] has it done, [`tried`] knows what
//! became of each mutant, as long as [`tree`] finds that nothing has changed, and [`progress`] says how far it is. A mutant that
//! no test notices is a *survivor*: each is explained in `docs/internals/mutants.md`, by file and fault without its line, or it
//! is a failure.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

use crate::shard::Shard;
use crate::shell;
use crate::verify::seconds;
use areas::Area;
use progress::Progress;
use tool::Tool;
use tree::Packages;
use tried::{Found, Outcome, Tried, explained, of_run};

mod areas;
mod progress;
mod tool;
mod tree;
mod tried;

/// Where the survivors are explained.
const EXPLAINED: &str = "docs/internals/mutants.md";

/// `cargo xtask mutants`
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The areas to try; all of them without a name
    areas: Vec<String>,
    /// List the areas and try none
    #[arg(long)]
    list: bool,
    /// Try the Kth of N parts of each area, such as 1/40
    #[arg(long, value_name = "K/N")]
    shard: Option<Shard>,
    /// Try those again, too, that were tried before on the same sources
    #[arg(long)]
    again: bool,
    /// How many mutants are tried at the same time, each in a copy of the sources
    #[arg(long, default_value_t = 1)]
    jobs: u8,
}

/// An area of which it is known what is to be tried.
struct Ready {
    area: &'static Area,
    mutants: Vec<String>,
    tried: Tried,
    /// Those that were not tried before.
    open: usize,
}

/// Tries the areas that were asked for, each to its end whatever becomes of the others; true where every survivor is
/// explained.
///
/// # Errors
/// When an area is unknown, or cargo-mutants can't be installed.
pub(crate) fn run(args: &Args) -> Result<bool> {
    if args.list {
        for area in areas::ALL {
            println!("{:<12} {}", area.name, area.about);
        }
        return Ok(true);
    }
    let areas = select(&args.areas)?;
    let tool = Tool::installed()?;
    let explained = explained(&std::fs::read_to_string(shell::root().join(EXPLAINED))?);
    let packages = Packages::of_workspace()?;
    let ready: Vec<_> = areas
        .into_iter()
        .map(|area| (area, prepare(&tool, &packages, area, args)))
        .collect();
    let there = || ready.iter().filter_map(|(_, ready)| ready.as_ref().ok());
    let all = there().map(|ready| ready.mutants.len()).sum::<usize>();
    let open = there().map(|ready| ready.open).sum();
    let part = args
        .shard
        .map_or_else(String::new, |shard| format!(", part {shard} of each area"));
    println!(
        "{all} mutants of {} areas{part}; {} were tried before on the same sources",
        ready.len(),
        all - open
    );

    let mut progress = Progress::begin(open);
    let (mut lines, mut wrong) = (Vec::new(), Vec::new());
    for (area, ready) in ready {
        let begun = Instant::now();
        let found = ready.and_then(|ready| try_area(&tool, &ready, args.jobs, &mut progress));
        let line = match found {
            Ok(found) => {
                let unexplained = found.survivors.difference(&explained);
                let unexplained = unexplained.map(|survivor| {
                    format!("no test notices, and {EXPLAINED} does not explain: {survivor}")
                });
                wrong.extend(unexplained);
                format!(
                    "{:<12} {:>4} mutants noticed, {} not, {} do not compile; {}",
                    area.name,
                    found.noticed,
                    found.survivors.len(),
                    found.unviable,
                    seconds(begun.elapsed())
                )
            }
            Err(error) => {
                wrong.push(format!(
                    "the area {} could not be tried: {error:#}",
                    area.name
                ));
                format!("{:<12} FAILED: {error:#}", area.name)
            }
        };
        println!("{line}");
        lines.push(line);
    }
    // Dependencies for the next area, and gigabytes.
    if tool::built().exists() {
        std::fs::remove_dir_all(tool::built())?;
    }
    println!("\n{}", lines.join("\n"));
    for line in &wrong {
        println!("{line}");
    }
    Ok(wrong.is_empty())
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

/// Where Cargo builds.
fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| shell::root().join("target"), PathBuf::from)
}

/// Finds out what is to be tried of an area, and what is known of it.
fn prepare(tool: &Tool, packages: &Packages, area: &'static Area, args: &Args) -> Result<Ready> {
    let folder = target().join("mutants").join(area.name);
    let tried = Tried::open(folder, &packages.sum(area)?, args.again)?;
    let mutants = tool.list(area)?.into_iter().enumerate();
    let wanted = mutants.filter(|(at, _)| args.shard.is_none_or(|shard| shard.has(*at)));
    let mutants: Vec<String> = wanted.map(|(_, mutant)| mutant).collect();
    let open = Found::of(&mutants, &tried.outcomes()?).untried;
    Ok(Ready {
        area,
        mutants,
        tried,
        open,
    })
}

/// Tries what was not tried before.
fn try_area(tool: &Tool, ready: &Ready, jobs: u8, progress: &mut Progress) -> Result<Found> {
    let known = ready.tried.outcomes()?;
    let open: Vec<&String> = ready
        .mutants
        .iter()
        .filter(|mutant| !known.contains_key(*mutant))
        .collect();
    if !open.is_empty() {
        let name = ready.area.name;
        let run = ready.tried.next_run()?;
        let child = tool.begin(ready.area, &open, jobs, &run)?;
        let status = progress.wait(name, open.len(), child, || {
            let rows = of_run(&run);
            let survived = rows.iter().filter(|(_, what)| *what == Outcome::Survived);
            (rows.len(), survived.count())
        })?;
        match status.code() {
            // 2: mutants were missed, 3: tests timed out, which is to have noticed.
            Some(0 | 2 | 3) => {}
            Some(4) => bail!("its tests fail without any mutant: {}", run.display()),
            _ => bail!("cargo-mutants ended with {status}: {}", run.display()),
        }
    }
    let found = Found::of(&ready.mutants, &ready.tried.outcomes()?);
    if found.untried > 0 {
        bail!("cargo-mutants left {} mutants untried", found.untried);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

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
