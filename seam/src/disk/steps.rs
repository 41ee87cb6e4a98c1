//! The steps by which a file is replaced durably: in one place, so that what a test cuts the power in is what runs.

use std::io;

/// What a file is replaced by. Names are plain names inside one folder.
pub trait Steps {
    /// Creates a file with this content, or replaces the content of one that exists; nothing is durable yet.
    ///
    /// # Errors
    /// The system's word; a part of the content may be there.
    fn create(&self, name: &str, content: &[u8]) -> io::Result<()>;

    /// Makes a file's content durable.
    ///
    /// # Errors
    /// The system's word; whether it is durable is unknown then.
    fn sync(&self, name: &str) -> io::Result<()>;

    /// Gives a file another name, in one step; what had that name is gone.
    ///
    /// # Errors
    /// The system's word.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a name.
    ///
    /// # Errors
    /// The system's word.
    fn unlink(&self, name: &str) -> io::Result<()>;

    /// Makes names durable: a file that was created, renamed or removed may else be as before after a loss of power.
    ///
    /// # Errors
    /// The system's word.
    fn sync_folder(&self) -> io::Result<()>;
}

/// What the name of a file ends with that is being written.
pub const TEMPORARY_SUFFIX: &str = ".tmp";

/// Replaces a file whole and durably. After a loss of power at any moment it has its old content or the new one.
///
/// # Errors
/// The system's word. The old content is then still there, unless only the last step failed: then the new one is, and
/// a loss of power may bring the old one back.
pub fn replace(steps: &impl Steps, name: &str, content: &[u8]) -> io::Result<()> {
    let temporary = format!("{name}{TEMPORARY_SUFFIX}");
    let write = || {
        steps.create(&temporary, content)?;
        // Before the name: a file system may write names first.
        steps.sync(&temporary)?;
        steps.rename(&temporary, name)
    };
    write().inspect_err(|_| {
        // On a full disk the half of it would take the room that is needed.
        let _ = steps.unlink(&temporary);
    })?;
    steps.sync_folder()
}
