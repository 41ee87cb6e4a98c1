//! The programs that must be installed, and running them while somebody watches.

use std::{
    fs::{self, File},
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use anyhow::{Context as _, bail};

use super::{progress::Progress, recipe::Recipe};

/// Go's release, for example `go1.26.8`.
///
/// # Errors
/// If Go is missing; says what to install.
pub(super) fn go_release() -> anyhow::Result<String> {
    let Some(text) = output("go", &["env", "GOVERSION"]) else {
        bail!(
            "the Go toolchain is missing (no working `go` in PATH): install the Debian package \
             golang-go, at least 1.21, or a release from https://go.dev/dl"
        );
    };
    Ok(text)
}

/// Python's release, for example `Python 3.11.7`.
///
/// # Errors
/// If Python or its venv module is missing; says what to install.
pub(super) fn python_release() -> anyhow::Result<String> {
    let Some(text) = output("python3", &["--version"]) else {
        bail!(
            "Python 3 is missing (no working `python3` in PATH): install the Debian package python3"
        );
    };
    if output("python3", &["-c", "import venv, ensurepip; print(1)"]).is_none() {
        bail!("{text} can't make virtual environments: install the Debian package python3-venv");
    }
    Ok(text)
}

/// Checks for all that `recipes` need, before the first of them takes minutes.
///
/// # Errors
/// If something is missing; says what to install.
pub(super) fn check<'a>(recipes: impl Iterator<Item = &'a Recipe>) -> anyhow::Result<()> {
    for recipe in recipes {
        match recipe {
            Recipe::GoBuild { .. } | Recipe::GoFiles { .. } => go_release().map(drop)?,
            Recipe::PythonWheel { .. } => python_release().map(drop)?,
        }
    }
    Ok(())
}

fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}

/// Runs `command` to its end with everything that it prints in `log`.
///
/// # Errors
/// If it fails; with the last lines of the log.
pub(super) fn watch(
    command: &mut Command,
    log: &Path,
    progress: &mut Progress,
) -> anyhow::Result<()> {
    let file = File::create(log).with_context(|| format!("creating {}", log.display()))?;
    let name = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file)
        .spawn()
        .with_context(|| format!("starting {name}"))?;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        progress.tick();
        thread::sleep(Duration::from_millis(100));
    };
    if status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&fs::read(log).unwrap_or_default()).into_owned();
    let lines: Vec<_> = text.lines().collect();
    let last = lines
        .get(lines.len().saturating_sub(30)..)
        .unwrap_or_default()
        .join("\n");
    bail!(
        "{name} ended with {status}; the end of {}:\n{last}",
        log.display()
    );
}
