//! A database's file in memory, until it is whole.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redb::StorageBackend;

/// The file. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Draft(Arc<Mutex<Vec<u8>>>);

impl Draft {
    /// Its content, once nobody writes any more.
    pub(super) fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.content())
    }

    fn content(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn part(&self, offset: u64, len: usize, with: impl FnOnce(&mut [u8])) -> io::Result<()> {
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let mut content = self.content();
        let part = content.get_mut(start..start.saturating_add(len));
        with(part.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

impl StorageBackend for Draft {
    fn len(&self) -> io::Result<u64> {
        u64::try_from(self.content().len()).map_err(io::Error::other)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.part(offset, out.len(), |part| out.copy_from_slice(part))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let len = usize::try_from(len).map_err(io::Error::other)?;
        self.content().resize(len, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.part(offset, data.len(), |part| part.copy_from_slice(data))
    }
}
