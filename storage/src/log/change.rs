//! What is done to a log.

use std::sync::Arc;

/// A change. Rows are as they stand on disk.
pub(super) enum Change {
    Append(Vec<(u64, Arc<[u8]>)>),
    Vote(Vec<u8>),
    Committed(Vec<u8>),
    /// `None`: all.
    TruncateAfter(Option<u64>),
    Purge {
        upto: u64,
        purged: Vec<u8>,
    },
}
