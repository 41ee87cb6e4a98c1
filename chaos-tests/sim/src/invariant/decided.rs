//! The log says one thing at one place: what a replica applied at an index is what every replica applies there, now and
//! after any restart.

use std::collections::BTreeMap;

use causeway_state::Request;
use causeway_storage::Decision;

/// What was applied, by index.
#[derive(Debug, Default)]
pub struct Decided {
    rows: BTreeMap<u64, (u64, Request)>,
}

impl Decided {
    /// A replica applied something.
    ///
    /// # Errors
    /// Where another request was applied at that place.
    pub fn see(&mut self, replica: u64, decision: &Decision) -> Result<(), String> {
        let row = (decision.at.term, decision.request.as_ref().clone());
        let index = decision.at.index;
        match self.rows.get(&index) {
            Some(held) if *held != row => Err(format!(
                "r{replica} applied {row:?} at index {index}, where another replica, or it itself before, had applied {held:?}"
            )),
            Some(_) => Ok(()),
            None => {
                self.rows.insert(index, row);
                Ok(())
            }
        }
    }

    /// The request at an index.
    #[must_use]
    pub fn at(&self, index: u64) -> Option<&Request> {
        self.rows.get(&index).map(|(_, request)| request)
    }
}
