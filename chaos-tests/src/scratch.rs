//! A temporary folder for what a test's components write.

use std::{
    env, fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use anyhow::Context as _;
use tempfile::TempDir;

/// Tests that return an error don't panic; this remembers that something was not as expected.
static TROUBLE: AtomicBool = AtomicBool::new(false);

/// From now on the folders of this process are kept.
pub(crate) fn note_trouble() {
    // The harness's own unit tests make trouble on purpose.
    TROUBLE.store(!cfg!(test), Ordering::Relaxed);
}

/// A folder that goes with this value, unless the test fails or `CAUSEWAY_KEEP` is set.
#[derive(Debug)]
pub struct Scratch {
    folder: Option<TempDir>,
    path: PathBuf,
}

impl Scratch {
    /// A new, empty folder.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn new() -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("causeway-test-")
            .tempdir()
            .context("making a temporary folder")?;
        Ok(Self {
            path: folder.path().to_owned(),
            folder: Some(folder),
        })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A folder of that name in it, made if needed.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn folder(&self, name: &str) -> anyhow::Result<PathBuf> {
        let path = self.path.join(name);
        fs::create_dir_all(&path).with_context(|| format!("creating {}", path.display()))?;
        Ok(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let keep = thread::panicking()
            || TROUBLE.load(Ordering::Relaxed)
            || env::var_os("CAUSEWAY_KEEP").is_some();
        if let Some(folder) = self.folder.take().filter(|_| keep) {
            eprintln!("logs are kept in {}", folder.keep().display());
        }
    }
}
