//! `cargo xtask generate`: the committed files that are made from code.
//!
//! A source is an example program of the crate that knows the content. It prints a stream in which a
//! marker line opens each file. xtask runs it as a process of its own, so that the loop of `xtask tidy`
//! never waits for the Kubernetes client to compile. [`stream`] cuts the stream into files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::shell;

mod stream;

/// `cargo xtask generate`
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Write nothing; fail where a file is missing, stale, or not made by its source any more
    #[arg(long)]
    check: bool,
}

/// Where generated files come from.
struct Source {
    /// What they are.
    about: &'static str,
    /// The example program that prints them.
    example: &'static str,
    /// What begins the line that opens a file; its name stands behind it.
    marker: &'static str,
    /// The folder that holds them, and nothing else with that ending.
    folder: &'static str,
    ending: &'static str,
}

/// Every source. To add one, give its crate an example that prints the stream, and add a row.
const SOURCES: &[Source] = &[
    Source {
        about: "CustomResourceDefinitions",
        example: "print-crds",
        marker: "# file: ",
        folder: "charts/causeway-crds/templates",
        ending: ".yaml",
    },
    Source {
        about: "reference of the resources",
        example: "print-fields",
        marker: "%% file: ",
        folder: "docs/reference/resources",
        ending: ".md",
    },
    Source {
        about: "reference of the commands",
        example: "print-commands",
        marker: "%% file: ",
        folder: "docs/reference/cli",
        ending: ".md",
    },
];

/// Writes the generated files, or compares them.
///
/// # Errors
/// When a source can't be run; with `--check`, when a file differs.
pub(crate) fn run(args: &Args) -> Result<()> {
    let programs = build()?;
    let mut stale = 0;
    for source in SOURCES {
        let made =
            make(source, &programs).with_context(|| format!("making the {}", source.about))?;
        let folder = shell::root().join(source.folder);
        let found = committed(&folder, source.ending)?;
        let changes = stream::changes(&made, &found);
        println!(
            "{}: {} files in {}, {} to change",
            source.about,
            made.len(),
            source.folder,
            changes.len()
        );
        for (name, change) in &changes {
            println!("    {name}: {change}");
            if !args.check {
                write(&folder, name, made.get(name))?;
            }
        }
        stale += changes.len();
    }
    if args.check && stale > 0 {
        bail!(
            "{stale} generated files are not current: run `cargo xtask generate` and commit what it writes"
        );
    }
    Ok(())
}

/// Builds all sources at once, over the whole workspace, with the features that the tests ask for too; the folder of the programs.
fn build() -> Result<PathBuf> {
    let mut args = vec!["build", "--quiet", "--locked", "--workspace"];
    args.extend(
        SOURCES
            .iter()
            .flat_map(|source| ["--example", source.example]),
    );
    shell::output(&shell::cargo(), &args)?;
    let metadata = shell::metadata(true)?;
    let target = metadata.get("target_directory").and_then(Value::as_str);
    let target = target.context("`cargo metadata` names no `target_directory`")?;
    Ok(Path::new(target).join("debug/examples"))
}

/// Runs the source and cuts what it prints.
fn make(source: &Source, programs: &Path) -> Result<BTreeMap<String, String>> {
    let program = programs.join(source.example);
    let printed = shell::output(&program.to_string_lossy(), &[])?;
    stream::cut(&printed, source.marker)
}

/// The files that are there now, by name.
fn committed(folder: &Path, ending: &str) -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    if !folder.is_dir() {
        return Ok(found);
    }
    for entry in
        std::fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?
    {
        let path = entry?.path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default()
            .to_owned();
        if name.ends_with(ending) {
            let text = std::fs::read_to_string(&path)
                .with_context(|| format!("reading {}", path.display()))?;
            found.insert(name, text);
        }
    }
    Ok(found)
}

/// Writes one file, or removes it where nothing makes it any more.
fn write(folder: &Path, name: &str, text: Option<&String>) -> Result<()> {
    let path = folder.join(name);
    let done = match text {
        Some(text) => std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, text)),
        None => std::fs::remove_file(&path),
    };
    done.with_context(|| format!("writing {}", path.display()))
}
