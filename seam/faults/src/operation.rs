//! What changes a platter: one value for each call, so that a run can be recorded and played again.

use std::sync::Arc;

/// What a disk writes whole or not at all, in bytes.
pub const SECTOR_BYTES: usize = 512;

/// A file's content, whatever its name: names may change, a database that is open goes on.
pub(crate) type Inode = u64;

/// One change.
#[derive(Debug, Clone)]
pub(crate) enum Operation {
    /// A file of this name, empty. What had the name keeps its content until nobody has it open.
    Create { name: Arc<str>, inode: Inode },
    /// Bytes at an offset; beyond the end the file grows, with zeros in between.
    Write {
        inode: Inode,
        offset: u64,
        data: Arc<[u8]>,
    },
    /// Cut, or grown by zeros.
    SetLen { inode: Inode, len: u64 },
    /// All that was written to the file is durable.
    Sync { inode: Inode },
    /// The sync failed: all that was written is in doubt for good.
    SyncFailed { inode: Inode },
    /// Another name, whose file is replaced.
    Rename { from: Arc<str>, to: Arc<str> },
    /// No name any more.
    Remove { name: Arc<str> },
    /// All names are durable.
    SyncFolder,
}
