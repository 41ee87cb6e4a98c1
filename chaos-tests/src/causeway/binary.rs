//! The `causeway` binary of this checkout.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use anyhow::{Context as _, anyhow, ensure};

/// Names another binary to test, such as one out of a release's archive; nothing is built then.
pub const OVERRIDE: &str = "CAUSEWAY_BINARY";

/// Where it is. It's built once for each test process, with the profile of the test itself and into the same folder.
///
/// # Errors
/// If it can't be built; with the compiler's last words.
pub fn path() -> anyhow::Result<&'static Path> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    BUILT
        .get_or_init(|| find().map_err(|error| format!("{error:#}")))
        .as_deref()
        .map_err(|error| anyhow!("{error}"))
}

fn find() -> anyhow::Result<PathBuf> {
    if let Some(path) = env::var_os(OVERRIDE) {
        let path = PathBuf::from(path);
        ensure!(
            path.is_file(),
            "{OVERRIDE} names {}, which is no file",
            path.display()
        );
        return Ok(path);
    }
    // target/<profile>/deps/<test>-<hash>
    let test = env::current_exe().context("where this test is")?;
    let profile = test
        .ancestors()
        .nth(2)
        .context("a test outside of target/<profile>/deps")?;
    let name = profile
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or("debug");
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(build(name))
        .arg("--target-dir")
        .arg(profile.parent().context("a profile outside of target")?)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")))
        .output()
        .context("running cargo build")?;
    let said = String::from_utf8_lossy(&output.stderr);
    let last: Vec<&str> = said.lines().rev().take(40).collect();
    let last: Vec<&str> = last.into_iter().rev().collect();
    ensure!(
        output.status.success(),
        "building causeway failed:\n{}",
        last.join("\n")
    );
    let binary = profile.join("causeway");
    ensure!(binary.is_file(), "cargo built no {}", binary.display());
    Ok(binary)
}

/// What builds the binary of a profile.
fn build(profile: &str) -> Vec<&str> {
    match profile {
        // As all tests are built, with the features of the whole workspace: the binary comes along with its package's own tests, and
        // nothing is compiled anew for it.
        "debug" => vec![
            "test",
            "--quiet",
            "--workspace",
            "--no-run",
            "--test",
            "cli",
        ],
        // As it is shipped, for what is measured.
        profile => vec![
            "build",
            "--quiet",
            "--package",
            "causeway",
            "--bin",
            "causeway",
            "--profile",
            profile,
        ],
    }
}
