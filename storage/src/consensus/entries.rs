//! What was decided, as it stands in the log: for those who compute a decision again.

use std::sync::{Arc, PoisonError};

use causeway_state::Request;
use openraft::EntryPayload;

use super::Consensus;
use crate::types::Proposal;

impl Consensus {
    /// The request that was applied at a place of the log, with the term of its entry; `None` where the entry is not there
    /// any more, is none of a request, or is not applied yet.
    #[must_use]
    pub fn entry(&self, index: u64) -> Option<(u64, Arc<Request>)> {
        if index > self.inner.shared.position().borrow().index {
            return None;
        }
        let life = self.inner.life.lock();
        let entry = life.unwrap_or_else(PoisonError::into_inner).entry(index)?;
        match entry.payload {
            EntryPayload::Normal(Proposal(request)) => Some((entry.log_id.leader_id.term, request)),
            EntryPayload::Blank | EntryPayload::Membership(_) => None,
        }
    }

    /// The first entry that the log still has.
    #[must_use]
    pub fn oldest_entry(&self) -> u64 {
        self.status().purged.saturating_add(1)
    }
}
