//! The number of a data folder: drawn when it is made, so that a folder that was wiped is not taken for the one before.

use std::sync::Arc;

use causeway_seam::{Disk, Env};

use crate::error::StorageError;

/// The file; it holds the number as sixteen hexadecimal digits.
const FILE: &str = "folder";

/// The number; drawn and written where there is none.
pub(super) async fn folder(env: &Env, disk: &Arc<dyn Disk>) -> Result<u64, StorageError> {
    let fresh = env.random().next_u64().max(1);
    let (disk, place) = (Arc::clone(disk), disk.location().join(FILE));
    let bad = move |reason: &str| StorageError::Database {
        path: place.display().to_string(),
        reason: reason.to_owned(),
    };
    let gone = bad.clone();
    let work = move || {
        if let Some(content) = disk.read(FILE)? {
            let text = String::from_utf8_lossy(&content);
            return u64::from_str_radix(text.trim(), 16)
                .map_err(|_| bad("it does not hold the number of this folder"));
        }
        disk.replace(FILE, format!("{fresh:016x}\n").as_bytes())?;
        Ok(fresh)
    };
    let done = env.blocking(work).await;
    done.unwrap_or_else(|| Err(gone("the disk was not reached")))
}
