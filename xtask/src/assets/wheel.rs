//! One file out of a Python wheel, through pip with hashes required.

use std::{fs, path::Path, process::Command};

use anyhow::Context as _;

use super::{
    progress::Progress,
    recipe::components_folder,
    tools::{python_release, watch},
};

/// Installs what `requirements` pins into a throw-away environment and moves `file` to `output`.
///
/// # Errors
/// If pip can't have it with the expected hash, or it lacks the file.
pub(super) fn fetch(
    requirements: &str,
    file: &str,
    output: &Path,
    log: &Path,
    progress: &mut Progress,
) -> anyhow::Result<String> {
    let folder = output.parent().context("the output must be in a folder")?;
    let environment = folder.join("environment");
    let unpacked = folder.join("unpacked");
    // An environment, because a distribution's own pip may be missing or refuse to install.
    watch(
        Command::new("python3")
            .args(["-m", "venv"])
            .arg(&environment),
        log,
        progress,
    )?;
    let mut pip = Command::new(environment.join("bin/python"));
    pip.args([
        "-m",
        "pip",
        "install",
        "--disable-pip-version-check",
        "--no-input",
        "--no-deps",
    ])
    .args([
        "--only-binary",
        ":all:",
        "--require-hashes",
        "--requirement",
    ])
    .arg(components_folder().join(requirements))
    .arg("--target")
    .arg(&unpacked);
    watch(&mut pip, log, progress)?;
    let from = unpacked.join(file);
    fs::rename(&from, output)
        .with_context(|| format!("the wheel should contain {}", from.display()))?;
    fs::remove_dir_all(&unpacked)?;
    fs::remove_dir_all(&environment)?;
    python_release()
}
