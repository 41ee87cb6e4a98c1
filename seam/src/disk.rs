//! Disk: a folder of one process. Databases get a [`redb::StorageBackend`], so that a simulator can lose unsynced
//! writes, tear and flip; small files are replaced whole.

mod backend;
pub mod steps;

use std::path::Path;

pub use backend::Backend;
pub use steps::Steps;

/// What went wrong on a disk, with the file and the remedy.
#[derive(Debug, thiserror::Error)]
#[error("{path}: cannot {action}: {source}. {remedy}")]
pub struct DiskError {
    /// What was attempted, such as `open`.
    pub action: &'static str,
    /// The file or folder.
    pub path: String,
    /// What to do.
    pub remedy: &'static str,
    /// The operating system's word.
    #[source]
    pub source: std::io::Error,
}

/// A process's own folder. Names are relative to it, without `..`.
pub trait Disk: Send + Sync + 'static {
    /// Creates a database's file with its first content, whole and durably, for a database that cannot be created in
    /// place without a moment at which a loss of power leaves half of it. One that is there stays as it is.
    ///
    /// # Errors
    /// [`DiskError`] where it cannot be written, or is in use by another process.
    fn create_database(&self, name: &str, content: &[u8]) -> Result<(), DiskError>;

    /// Opens a file for a database, creating it where it is absent, and locks it: a second opener is refused.
    ///
    /// # Errors
    /// [`DiskError`] where it cannot be opened, or is in use by another process.
    fn database(&self, name: &str) -> Result<Box<dyn redb::StorageBackend>, DiskError>;

    /// Reads a whole file; `None` where it is absent.
    ///
    /// # Errors
    /// [`DiskError`] where it is there and cannot be read.
    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, DiskError>;

    /// Replaces a file whole and durably: a temporary name, fsync, rename, fsync of the folder.
    ///
    /// # Errors
    /// [`DiskError`] where any of these steps failed; the old content is then still there.
    fn replace(&self, name: &str, content: &[u8]) -> Result<(), DiskError>;

    /// Removes a file; absent is fine.
    ///
    /// # Errors
    /// [`DiskError`] where it is there and stays.
    fn remove(&self, name: &str) -> Result<(), DiskError>;

    /// Names of the files in the folder, sorted.
    ///
    /// # Errors
    /// [`DiskError`] where the folder cannot be read.
    fn list(&self) -> Result<Vec<String>, DiskError>;

    /// For messages to people: where the folder is.
    fn location(&self) -> &Path;
}
