//! A database's file on a [`FaultyDisk`].

use std::io;

use redb::StorageBackend;

use crate::disk::FaultyDisk;
use crate::operation::{Inode, Operation};

/// An open file; nobody else can open it until this one is dropped.
#[derive(Debug)]
pub(crate) struct File {
    disk: FaultyDisk,
    inode: Inode,
}

impl File {
    pub(crate) fn new(disk: FaultyDisk, inode: Inode) -> Self {
        Self { disk, inode }
    }
}

impl Drop for File {
    fn drop(&mut self) {
        // A process that is gone holds no locks, and must not take away those of the next one.
        if self.disk.has_power() {
            self.disk.lock().open.remove(&self.inode);
        }
    }
}

impl StorageBackend for File {
    fn len(&self) -> io::Result<u64> {
        let state = self.disk.readable()?;
        u64::try_from(state.platter.seen(self.inode).len()).map_err(io::Error::other)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.disk.readable()?;
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let end = start.saturating_add(out.len());
        let found = state.platter.seen(self.inode).get(start..end);
        let found = found.ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(found);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let inode = self.inode;
        self.disk.operate(|_| Operation::SetLen { inode, len })
    }

    fn sync_data(&self) -> io::Result<()> {
        let inode = self.inode;
        self.disk.operate(|_| Operation::Sync { inode })
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let inode = self.inode;
        self.disk.operate(|_| Operation::Write {
            inode,
            offset,
            data: data.into(),
        })
    }
}
