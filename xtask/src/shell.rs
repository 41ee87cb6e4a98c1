//! Running Cargo and Git from the workspace's root, and reading what they say.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

/// The workspace's root folder: the parent of this crate's.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// The Cargo that started us, so that one toolchain does everything.
pub(crate) fn cargo() -> String {
    std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned())
}

/// A command of `program` in the workspace's root.
pub(crate) fn command(program: &str, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(args).current_dir(root());
    command
}

/// Runs `program` and returns what it wrote to standard output; standard error goes to ours.
///
/// # Errors
/// When it can't be started, fails, or doesn't write UTF-8.
pub(crate) fn output(program: &str, args: &[&str]) -> Result<String> {
    let line = format!("{program} {}", args.join(" "));
    let output = command(program, args)
        .stderr(std::process::Stdio::inherit())
        .output()
        .with_context(|| format!("starting `{line}`"))?;
    if !output.status.success() {
        bail!("`{line}` ended with {}", output.status);
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{line}` didn't write UTF-8"))
}

/// What `cargo metadata` says about the workspace and, unless `no_deps`, about all it depends on.
///
/// # Errors
/// When Cargo fails, as with a lock file that doesn't fit.
pub(crate) fn metadata(no_deps: bool) -> Result<serde_json::Value> {
    let mut args = vec!["metadata", "--format-version", "1", "--locked"];
    if no_deps {
        args.push("--no-deps");
    }
    let text = output(&cargo(), &args)?;
    serde_json::from_str(&text).context("reading what `cargo metadata` wrote")
}
