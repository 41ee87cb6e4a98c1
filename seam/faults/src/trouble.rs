//! Errors that a disk gives while it has power, and faults of ours that tests plant.

use std::io;

/// What a disk refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// Writes fail (EIO).
    Writes,
    /// Syncs fail (EIO). What they were to make durable stays in the cache, is never written by a later sync either,
    /// and survives a loss of power by chance alone: so Linux behaves since 4.13.
    Syncs,
    /// Reads fail (EIO).
    Reads,
    /// Nothing can be changed: mounted read-only.
    ReadOnly,
}

/// A fault of the program that writes, planted to show that a test would see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bug {
    /// Syncs of databases return at once and do nothing.
    SyncSkipped,
    /// A replaced file gets its name before its content is synced.
    RenameBeforeSync,
    /// Syncs of the folder return at once and do nothing.
    FolderSyncSkipped,
}

pub(crate) fn broken() -> io::Error {
    io::Error::other("input/output error (os error 5)")
}

pub(crate) fn full() -> io::Error {
    io::Error::new(
        io::ErrorKind::StorageFull,
        "no space left on device (os error 28)",
    )
}

pub(crate) fn read_only() -> io::Error {
    io::Error::new(
        io::ErrorKind::ReadOnlyFilesystem,
        "read-only file system (os error 30)",
    )
}

pub(crate) fn off() -> io::Error {
    io::Error::new(io::ErrorKind::NotConnected, "the power is off")
}
