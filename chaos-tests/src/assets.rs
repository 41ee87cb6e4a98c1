//! Where the real components are.

use std::path::PathBuf;

use anyhow::ensure;

/// The file `file` of the component `component`, as `components.yaml` names them.
///
/// # Errors
/// If it isn't in the cache; the message says to run `cargo xtask assets`.
pub fn file(component: &str, file: &str) -> anyhow::Result<PathBuf> {
    let path = xtask::assets::locate(component)?.join(file);
    ensure!(
        path.is_file(),
        "{} is missing: run `cargo xtask assets`",
        path.display()
    );
    Ok(path)
}

/// The folder of the component `component`.
///
/// # Errors
/// As [`file()`].
pub fn folder(component: &str) -> anyhow::Result<PathBuf> {
    xtask::assets::locate(component)
}
