//! Reading entries of the log.

use std::io;
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use super::memory::Memory;
use super::tables::Tables;
use crate::form;
use crate::types::Entry;

/// Reads entries, and writes nothing.
pub(crate) struct Entries {
    pub(super) tables: Arc<Tables>,
    pub(super) memory: Arc<Memory>,
}

impl Entries {
    /// One entry; `None` where it was purged, or is not there yet.
    pub(crate) fn one(&self, index: u64) -> io::Result<Option<Entry>> {
        Ok(read(&self.tables, &self.memory, index..=index, usize::MAX)?.pop())
    }
}

/// Entries in a range, in order, without a hole, and no more than `budget` bytes of them unless it is one.
pub(super) fn read(
    tables: &Tables,
    memory: &Memory,
    range: impl RangeBounds<u64>,
    budget: usize,
) -> io::Result<Vec<Entry>> {
    let start = match range.start_bound() {
        Bound::Included(index) => *index,
        Bound::Excluded(index) => index.saturating_add(1),
        Bound::Unbounded => 0,
    };
    let end = match range.end_bound() {
        Bound::Included(index) => index.saturating_add(1),
        Bound::Excluded(index) => *index,
        Bound::Unbounded => u64::MAX,
    };
    // Both under one lock: what is no longer in memory is in the transaction.
    let (held, reader) = memory.view(start, end, || tables.reader())?;
    let mut entries = Vec::new();
    let mut bytes = 0_usize;
    let mut take = |index: u64, row: &[u8]| {
        bytes = bytes.saturating_add(row.len());
        if bytes > budget && !entries.is_empty() {
            return Ok(false);
        }
        let entry = form::read_entry(row)
            .map_err(|error| io::Error::new(error.kind(), format!("entry {index}: {error}")))?;
        if entry.log_id.index != index {
            return Err(form::damaged(&format!(
                "entry {} stands at {index}",
                entry.log_id.index
            )));
        }
        entries.push(entry);
        Ok(true)
    };
    if let Some(reader) = reader {
        reader.rows(held.start, held.end, &held.pending, take)?;
        return Ok(entries);
    }
    for (index, row) in &held.pending {
        if !take(*index, row)? {
            break;
        }
    }
    Ok(entries)
}
