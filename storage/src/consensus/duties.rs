//! What a leader looks after besides deciding: that replicas hold the same state, and that all know the level in force.

use causeway_state::{Command, LogPosition};

use super::Consensus;
use crate::compare::Divergence;
use crate::error::ProposeError;

impl Consensus {
    /// Where this replica's state differs from the leader's, if it was found to.
    #[must_use]
    pub fn divergence(&self) -> Option<Divergence> {
        self.inner.shared.comparison().diverged().cloned()
    }

    /// The last place in the log at which the states were compared and agreed.
    #[must_use]
    pub fn agreed(&self) -> Option<LogPosition> {
        self.inner.shared.comparison().agreed()
    }

    /// Compares the states of all replicas: with what this one noted at the last mark; `mark` notes it here again. For a
    /// leader, not often: each replica takes the digest of its whole state.
    ///
    /// # Errors
    /// [`ProposeError`] where it was not decided.
    pub async fn compare(&self, mark: bool) -> Result<(), ProposeError> {
        let (seen, touched) = {
            let comparison = self.inner.shared.comparison();
            (comparison.uncompared(), comparison.is_touched())
        };
        // A fleet in which nothing is decided has nothing to compare.
        let mark = mark && touched;
        if seen.is_some() || mark {
            self.propose(Command::CompareDigest { seen, mark }).await?;
        }
        Ok(())
    }

    /// Whether a place was marked and is to be compared yet.
    #[must_use]
    pub fn is_uncompared(&self) -> bool {
        self.inner.shared.comparison().uncompared().is_some()
    }

    /// The highest level of behaviour that this replica knows.
    #[must_use]
    pub fn knows_level(&self) -> u32 {
        self.inner.settings.feature_level
    }
}
