//! One writer: an object of ours is written by the holder of the member's Lease, and never by an earlier one after a
//! later one.

use std::collections::BTreeMap;

use causeway_api::WriterStamp;
use causeway_memory::Change;

use crate::fleet::witness::text;

/// Who may write, and who wrote what last.
#[derive(Debug, Default)]
pub struct OneWriter {
    epoch: Option<u64>,
    stamps: BTreeMap<(&'static str, String), WriterStamp>,
}

impl OneWriter {
    /// Nothing was written yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            epoch: None,
            stamps: BTreeMap::new(),
        }
    }

    /// The Lease stands at this epoch now; `None`: it is gone.
    pub fn lease(&mut self, epoch: Option<u64>) {
        self.epoch = epoch;
    }

    /// Something of ours was written. `late`: a write of an earlier holder may have been on its way.
    ///
    /// # Errors
    /// Where its stamp is below the last one, or not the Lease's.
    pub fn see(&mut self, change: &Change, late: bool) -> Result<(), String> {
        let Some(after) = &change.after else {
            return Ok(());
        };
        let stamp = text(after, "/metadata/annotations/causeway.dev~1writer");
        let what = || format!("{} {}", change.kind, change.key);
        let stamp: WriterStamp = stamp
            .parse()
            .map_err(|error| format!("{}: {error}", what()))?;
        let key = (change.kind, change.key.clone());
        let last = self.stamps.insert(key, stamp);
        if let Some(last) = last.filter(|last| *last > stamp) {
            return Err(format!(
                "{} was written by {last}, and then by the earlier {stamp}",
                what()
            ));
        }
        match self.epoch {
            Some(epoch) if epoch != stamp.epoch && !late => Err(format!(
                "{} was written with epoch {} while the Lease stood at {epoch}",
                what(),
                stamp.epoch
            )),
            None if !late => Err(format!("{} was written without a Lease", what())),
            _ => Ok(()),
        }
    }
}
