//! Making one component, whatever its recipe.

use std::{fs, path::Path};

use anyhow::Context as _;

use super::{
    cache::{Cache, Lock},
    go,
    progress::Progress,
    recipe::{Component, Recipe},
    wheel,
};

/// Makes `component` and puts it into the cache.
///
/// # Errors
/// If a tool fails, or the disk.
pub(super) fn build(cache: &Cache, lock: &Lock, component: &Component) -> anyhow::Result<()> {
    let label = format!("{} {}", component.name, component.version);
    let mut progress = Progress::start(label.clone(), component.typical_s);
    let logs = cache.root().join("logs");
    fs::create_dir_all(&logs)?;
    let log = logs.join(format!("{}.log", component.name));
    let result = cache.fill(lock, component, |folder| {
        make(component, folder, &log, &mut progress)
    });
    match result {
        Ok(_) => progress.finish("done"),
        Err(error) => {
            progress.finish("failed");
            return Err(error).with_context(|| format!("making {label}"));
        }
    }
    Ok(())
}

fn make(
    component: &Component,
    folder: &Path,
    log: &Path,
    progress: &mut Progress,
) -> anyhow::Result<String> {
    match &component.recipe {
        Recipe::GoBuild {
            module,
            package,
            binary,
            tags,
            stamp,
        } => {
            let output = folder.join(binary);
            go::build(
                &go::Build {
                    module,
                    package,
                    tags,
                    stamp,
                    output,
                },
                log,
                progress,
            )
        }
        Recipe::GoFiles { module, of, files } => go::copy(module, of, files, folder),
        Recipe::PythonWheel {
            requirements,
            file,
            binary,
        } => wheel::fetch(requirements, file, &folder.join(binary), log, progress),
    }
}
