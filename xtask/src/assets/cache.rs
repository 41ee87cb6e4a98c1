//! The cache: a folder for each component, which is there whole and unharmed or not at all.
//!
//! A component is made in a temporary folder and renamed into place together with a
//! manifest of SHA-256 sums, so an interrupted run leaves nothing behind that looks done. A
//! lock on a file in the cache's root lets one run at a time write; the kernel drops
//! it when the process ends, however it ends.

use std::{
    collections::BTreeMap,
    env,
    fs::{self, File, TryLockError},
    io::Read as _,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::recipe::{Component, hex};

const UNFINISHED: &str = ".unfinished-";

/// A cache folder on the disk.
#[derive(Debug)]
pub struct Cache {
    root: PathBuf,
}

/// How a component's folder was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Every file has the sum that it had when it was made. Total size in bytes.
    Ready(u64),
    /// Not there.
    Missing,
    /// There, but not what was put there; says which file.
    Damaged(String),
}

/// Sums of the files in a folder.
#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    recipe: String,
    made_with: String,
    sha256: BTreeMap<String, String>,
}

/// Where the sums are; it exists exactly if the folder was made completely.
pub(super) fn manifest_path(folder: &Path) -> PathBuf {
    folder.join("manifest.json")
}

impl Cache {
    /// A cache at `root`, which needn't exist yet.
    #[must_use]
    pub fn at(root: PathBuf) -> Self {
        Self { root }
    }

    /// `$CAUSEWAY_ASSETS`, else `$XDG_CACHE_HOME/causeway/assets`, else `~/.cache/causeway/assets`.
    ///
    /// # Errors
    /// If none of these variables nor `$HOME` is set.
    pub fn at_default() -> anyhow::Result<Self> {
        let set = |name| {
            env::var_os(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        let root = set("CAUSEWAY_ASSETS")
            .or_else(|| Some(set("XDG_CACHE_HOME")?.join("causeway/assets")))
            .or_else(|| Some(set("HOME")?.join(".cache/causeway/assets")))
            .context(
                "no place for the components: set CAUSEWAY_ASSETS to a folder with 3 GB to spare",
            )?;
        Ok(Self::at(std::path::absolute(root)?))
    }

    /// The folder that holds all others.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where the component is, or will be.
    #[must_use]
    pub fn folder(&self, component: &Component) -> PathBuf {
        let short = component.recipe_hash.get(..12).unwrap_or_default();
        self.root
            .join(format!("{}-{}-{short}", component.name, component.version))
    }

    /// Reads every byte of the component's folder.
    #[must_use]
    pub fn check(&self, component: &Component) -> State {
        let folder = self.folder(component);
        if !folder.exists() {
            return State::Missing;
        }
        let manifest = match read_manifest(&folder) {
            Ok(manifest) => manifest,
            Err(error) => return State::Damaged(format!("{error:#}")),
        };
        if manifest.recipe != component.recipe_hash {
            return State::Damaged("made from another recipe".to_owned());
        }
        let mut size = 0;
        for (name, expected) in &manifest.sha256 {
            match sum(&folder.join(name)) {
                Ok((found, bytes)) if found == *expected => size += bytes,
                Ok(_) => return State::Damaged(format!("{name} was changed")),
                Err(error) => return State::Damaged(format!("{error:#}")),
            }
        }
        State::Ready(size)
    }

    /// Waits until no other run writes to this cache; calls `waiting` about every 200 ms while it does.
    ///
    /// # Errors
    /// If the cache can't be written.
    pub fn lock(&self, mut waiting: impl FnMut()) -> anyhow::Result<Lock> {
        let path = self.root.join("lock");
        fs::create_dir_all(&self.root)
            .with_context(|| format!("creating the cache {}", self.root.display()))?;
        let file = File::create(&path).with_context(|| format!("creating {}", path.display()))?;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) => {
                    waiting();
                    thread::sleep(Duration::from_millis(200));
                }
                Err(TryLockError::Error(error)) => {
                    return Err(error).with_context(|| format!("locking {}", path.display()));
                }
            }
        }
        // Whoever left these behind is gone: it would hold the lock.
        for entry in fs::read_dir(&self.root)?.flatten() {
            if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
        Ok(Lock { _file: file })
    }

    /// Replaces the component's folder by what `make` puts into the empty folder that it's given. `make`
    /// returns a word on the tools that it used, for the manifest.
    ///
    /// # Errors
    /// If `make` fails, makes nothing, or the disk does.
    pub fn fill(
        &self,
        _lock: &Lock,
        component: &Component,
        make: impl FnOnce(&Path) -> anyhow::Result<String>,
    ) -> anyhow::Result<PathBuf> {
        // With our process id: a compiler that outlived a killed run may still write to its folder.
        let fresh = self.root.join(format!(
            "{UNFINISHED}{}-{}",
            component.name,
            std::process::id()
        ));
        let _ = fs::remove_dir_all(&fresh);
        fs::create_dir_all(&fresh).with_context(|| format!("creating {}", fresh.display()))?;
        let made_with = make(&fresh)?;
        let mut sha256 = BTreeMap::new();
        for entry in fs::read_dir(&fresh)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            let (found, _) = sum(&fresh.join(&name))?;
            sha256.insert(name, found);
        }
        if sha256.is_empty() {
            bail!("building {} gave no file at all", component.name);
        }
        let manifest = Manifest {
            recipe: component.recipe_hash.clone(),
            made_with,
            sha256,
        };
        fs::write(manifest_path(&fresh), serde_json::to_vec_pretty(&manifest)?)?;
        let folder = self.folder(component);
        if folder.exists() {
            let damaged = self.root.join(format!("{UNFINISHED}damaged"));
            let _ = fs::remove_dir_all(&damaged);
            fs::rename(&folder, &damaged)?;
            let _ = fs::remove_dir_all(&damaged);
        }
        fs::rename(&fresh, &folder)
            .with_context(|| format!("moving {} into place", folder.display()))?;
        Ok(folder)
    }
}

/// Held while writing to a cache.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

fn read_manifest(folder: &Path) -> anyhow::Result<Manifest> {
    let path = manifest_path(folder);
    let bytes = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
    serde_json::from_slice(&bytes).with_context(|| format!("parsing {}", path.display()))
}

fn sum(path: &Path) -> anyhow::Result<(String, u64)> {
    let mut file = File::open(path).with_context(|| format!("opening {}", path.display()))?;
    let (mut hasher, mut size) = (Sha256::new(), 0);
    let mut buffer = vec![0; 1 << 20];
    loop {
        let count = file
            .read(&mut buffer)
            .with_context(|| format!("reading {}", path.display()))?;
        let Some(part) = buffer.get(..count).filter(|part| !part.is_empty()) else {
            return Ok((hex(&hasher.finalize()), size));
        };
        hasher.update(part);
        size += part.len() as u64;
    }
}

#[cfg(test)]
#[path = "cache_tests.rs"]
mod tests;
