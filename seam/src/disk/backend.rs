//! A database's file behind one type, with whatever must live as long as it does.

use std::any::Any;
use std::io;
use std::ops::Bound;
use std::sync::Arc;

use redb::{BackendError, StorageBackend};

/// Any [`StorageBackend`], which redb takes by type only. Everything is passed on, redb's own locks included.
pub struct Backend {
    inner: Arc<dyn StorageBackend>,
    _held: Option<Box<dyn Any + Send + Sync>>,
}

impl Backend {
    /// From what [`super::Disk::database`] gives.
    #[must_use]
    pub fn new(inner: Box<dyn StorageBackend>) -> Self {
        Self::shared(inner.into())
    }

    /// One that its maker goes on looking at, such as at its length.
    #[must_use]
    pub fn shared(inner: Arc<dyn StorageBackend>) -> Self {
        Self { inner, _held: None }
    }

    /// Also keeps `held`, such as a lock, until the backend is dropped.
    #[must_use]
    pub fn holding(inner: Box<dyn StorageBackend>, held: impl Any + Send + Sync) -> Self {
        Self {
            inner: inner.into(),
            _held: Some(Box::new(held)),
        }
    }
}

impl std::fmt::Debug for Backend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Backend").field(&self.inner).finish()
    }
}

impl StorageBackend for Backend {
    fn len(&self) -> Result<u64, io::Error> {
        self.inner.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        self.inner.read(offset, out)
    }

    fn set_len(&self, len: u64) -> Result<(), io::Error> {
        self.inner.set_len(len)
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        self.inner.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        self.inner.write(offset, data)
    }

    fn close(&self) -> Result<(), io::Error> {
        self.inner.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.try_lock_range(start, end)
    }

    fn try_lock_shared_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> Result<bool, BackendError> {
        self.inner.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.query_lock_range(start, end)
    }
}
