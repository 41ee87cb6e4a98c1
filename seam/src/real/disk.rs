//! A folder on a real disk.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::path::{Component, Path, PathBuf};

use crate::disk::steps::{self, Steps};
use crate::disk::{Backend, Disk, DiskError};

/// What the name of a database's lock file ends with.
const LOCK_SUFFIX: &str = ".lock";

const CHECK_FOLDER: &str =
    "Check that the folder exists, is writable by this user and has free space.";
const IN_USE: &str =
    "Another process has it open: stop that one, or give this one a data folder of its own.";

/// A folder of one process.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Opens a folder, creating it where it is absent.
    ///
    /// # Errors
    /// [`DiskError`] where it cannot be created.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, DiskError> {
        let path = path.into();
        create(&path).map_err(|source| error("create folder", &path, CHECK_FOLDER, source))?;
        Ok(Self { path })
    }

    fn file(&self, name: &str) -> Result<PathBuf, DiskError> {
        let plain = Path::new(name)
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
        if name.is_empty() || !plain {
            let source = io::Error::new(ErrorKind::InvalidInput, "not a plain name");
            return Err(error(
                "use as a file name",
                Path::new(name),
                "Give a name inside the data folder.",
                source,
            ));
        }
        Ok(self.path.join(name))
    }

    /// Locks a database by a file of its own beside it, for as long as the returned file lives. redb locks ranges of
    /// the database itself, but only once it reads it, and its locks and ours would meet on one file.
    fn lock(&self, name: &str) -> Result<File, DiskError> {
        let path = self.file(&format!("{name}{LOCK_SUFFIX}"))?;
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|source| error("open", &path, CHECK_FOLDER, source))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => {
                let source = io::Error::new(ErrorKind::WouldBlock, "it is locked");
                Err(error("open", &self.path.join(name), IN_USE, source))
            }
            Err(TryLockError::Error(source)) => Err(error("lock", &path, CHECK_FOLDER, source)),
        }
    }

    fn sync_names(&self) -> Result<(), DiskError> {
        self.sync_folder()
            .map_err(|source| error("sync", &self.path, CHECK_FOLDER, source))
    }
}

/// Creates a folder, and makes its name durable in each of its parents that is new.
fn create(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent {
        create(parent)?;
    }
    match fs::create_dir(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => {}
        other => other?,
    }
    match File::open(parent.unwrap_or(Path::new("."))) {
        Ok(parent) => parent.sync_all(),
        // Who may create there need not be allowed to look.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Ok(()),
        Err(error) => Err(error),
    }
}

impl Steps for Folder {
    fn create(&self, name: &str, content: &[u8]) -> io::Result<()> {
        File::create(self.path.join(name))?.write_all(content)
    }

    fn sync(&self, name: &str) -> io::Result<()> {
        File::open(self.path.join(name))?.sync_all()
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))
    }

    fn unlink(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    fn sync_folder(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }
}

fn error(action: &'static str, path: &Path, remedy: &'static str, source: io::Error) -> DiskError {
    DiskError {
        action,
        path: path.display().to_string(),
        remedy,
        source,
    }
}

impl Disk for Folder {
    fn create_database(&self, name: &str, content: &[u8]) -> Result<(), DiskError> {
        // Nobody else may create it, open it and write to it between the look and the rename.
        let _lock = self.lock(name)?;
        if self.file(name)?.exists() {
            return Ok(());
        }
        self.replace(name, content)
    }

    fn database(&self, name: &str) -> Result<Box<dyn redb::StorageBackend>, DiskError> {
        let path = self.file(name)?;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|source| error("open", &path, CHECK_FOLDER, source))?;
        self.sync_names()?;
        let lock = self.lock(name)?;
        let backend = redb::backends::FileBackend::new(file)
            .map_err(|other| error("open", &path, CHECK_FOLDER, io::Error::other(other)))?;
        Ok(Box::new(Backend::holding(Box::new(backend), lock)))
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, DiskError> {
        let path = self.file(name)?;
        match fs::read(&path) {
            Ok(content) => Ok(Some(content)),
            Err(source) if source.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(error("read", &path, CHECK_FOLDER, source)),
        }
    }

    fn replace(&self, name: &str, content: &[u8]) -> Result<(), DiskError> {
        let path = self.file(name)?;
        steps::replace(self, name, content)
            .map_err(|source| error("replace", &path, CHECK_FOLDER, source))
    }

    fn remove(&self, name: &str) -> Result<(), DiskError> {
        let path = self.file(name)?;
        match fs::remove_file(&path) {
            Ok(()) => self.sync_names(),
            Err(source) if source.kind() == ErrorKind::NotFound => Ok(()),
            Err(source) => Err(error("remove", &path, CHECK_FOLDER, source)),
        }
    }

    fn list(&self) -> Result<Vec<String>, DiskError> {
        let read = || -> io::Result<Vec<String>> {
            let mut names = Vec::new();
            for entry in fs::read_dir(&self.path)? {
                let entry = entry?;
                let name = entry.file_name().to_string_lossy().into_owned();
                if entry.file_type()?.is_file() && !name.ends_with(LOCK_SUFFIX) {
                    names.push(name);
                }
            }
            names.sort();
            Ok(names)
        };
        read().map_err(|source| error("list", &self.path, CHECK_FOLDER, source))
    }

    fn location(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn files_are_replaced_whole_and_names_stay_inside() {
        let temp = tempfile::tempdir().unwrap();
        let folder = Folder::open(temp.path().join("data")).unwrap();
        assert_eq!(folder.read("view").unwrap(), None);
        folder.replace("view", b"one").unwrap();
        folder.replace("view", b"two").unwrap();
        assert_eq!(folder.read("view").unwrap().unwrap(), b"two");
        assert_eq!(folder.list().unwrap(), ["view"]);
        folder.remove("view").unwrap();
        folder.remove("view").unwrap();
        for bad in ["", "..", "../x", "/etc/passwd"] {
            assert!(folder.read(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_database_in_use_is_refused_with_the_remedy() {
        let temp = tempfile::tempdir().unwrap();
        let folder = Folder::open(temp.path()).unwrap();
        let first = folder.database("log.redb").unwrap();
        let text = folder.database("log.redb").err().unwrap().to_string();
        assert!(
            text.contains("log.redb: ") && text.contains("stop that one"),
            "{text}"
        );
        drop(first);
        let database = redb::Builder::new()
            .create_with_backend(Backend::new(folder.database("log.redb").unwrap()))
            .unwrap();
        assert!(folder.database("log.redb").is_err());
        drop(database);
        folder.database("log.redb").unwrap();
        assert_eq!(folder.list().unwrap(), ["log.redb"]);
    }
}
