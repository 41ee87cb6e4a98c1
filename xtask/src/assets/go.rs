//! Commands and files out of pinned Go modules.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, bail, ensure};
use serde::Deserialize;

use super::{
    progress::Progress,
    recipe::components_folder,
    tools::{go_release, watch},
};

/// What to compile; the fields of the recipe.
pub(super) struct Build<'a> {
    pub(super) module: &'a str,
    pub(super) package: &'a str,
    pub(super) tags: &'a [String],
    pub(super) stamp: &'a std::collections::BTreeMap<String, String>,
    pub(super) output: PathBuf,
}

/// Settings that make the result depend on the module folder alone. What is in the user's
/// Go environment otherwise (proxy, caches) stays.
fn go(module: &str, program: &str) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir(components_folder().join(module))
        .env("CGO_ENABLED", "0")
        .env("GOFLAGS", "-mod=readonly")
        .env("GOWORK", "off");
    command
}

/// Compiles a command.
///
/// # Errors
/// If the compiler does; with the end of its log.
pub(super) fn build(
    build: &Build<'_>,
    log: &Path,
    progress: &mut Progress,
) -> anyhow::Result<String> {
    // Symbols and debug information would double the size, and nobody debugs these.
    let mut link = "-s -w".to_owned();
    for (variable, value) in build.stamp {
        ensure!(
            !value.contains(char::is_whitespace),
            "the stamp {variable} has a space in it"
        );
        link.push_str(&format!(" -X {variable}={value}"));
    }
    // At a low priority: this goes on for minutes, and the machine has other users.
    let mut command = go(build.module, "nice");
    command
        .args([
            "-n",
            "10",
            "go",
            "build",
            "-trimpath",
            "-buildvcs=false",
            "-ldflags",
            &link,
        ])
        .args(["-tags", &build.tags.join(",")])
        .arg("-o")
        .arg(&build.output)
        .arg(build.package);
    watch(&mut command, log, progress)?;
    go_release()
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Download {
    dir: Option<PathBuf>,
    error: Option<String>,
}

/// Copies `files` out of the module `of` into the folder `to`.
///
/// # Errors
/// If the module can't be had, or a pattern fits nothing.
pub(super) fn copy(module: &str, of: &str, files: &[String], to: &Path) -> anyhow::Result<String> {
    let output = go(module, "go")
        .args(["mod", "download", "-json", of])
        .output()
        .context("starting go")?;
    let download: Download = serde_json::from_slice(&output.stdout).with_context(|| {
        format!(
            "`go mod download {of}` said: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        )
    })?;
    let Some(folder) = download.dir else {
        bail!(
            "downloading the Go module {of}: {}",
            download.error.unwrap_or_default()
        );
    };
    for pattern in files {
        let found = expand(&folder, pattern)?;
        ensure!(
            !found.is_empty(),
            "{of} has no file {pattern} in {}",
            folder.display()
        );
        for file in found {
            let name = file.file_name().context("a pattern must name files")?;
            // Read and written, not copied: the files of a module are read-only.
            fs::write(
                to.join(name),
                fs::read(&file).with_context(|| format!("reading {}", file.display()))?,
            )?;
        }
    }
    go_release()
}

/// The files that fit `pattern`, whose last part may begin with `*`.
fn expand(folder: &Path, pattern: &str) -> anyhow::Result<Vec<PathBuf>> {
    let Some((parent, suffix)) = pattern.split_once('*') else {
        return Ok(vec![folder.join(pattern)]);
    };
    let parent = folder.join(parent);
    let mut found: Vec<_> = fs::read_dir(&parent)
        .with_context(|| format!("reading {}", parent.display()))?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.to_string_lossy().ends_with(suffix))
        .collect();
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

    use super::*;

    #[test]
    fn a_star_takes_the_files_with_that_ending_in_order() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("crd")).unwrap();
        for name in ["b.yaml", "a.yaml", "c.go"] {
            fs::write(folder.path().join("crd").join(name), "").unwrap();
        }
        let found = expand(folder.path(), "crd/*.yaml").unwrap();
        let names: Vec<_> = found
            .iter()
            .map(|path| path.file_name().unwrap().to_str().unwrap())
            .collect();
        assert_eq!(names, ["a.yaml", "b.yaml"]);
    }
}
