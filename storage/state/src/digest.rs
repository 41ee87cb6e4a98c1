//! What replicas compare: one number that differs where their states differ.
//!
//! Plans are most of a state, and each is immutable once it is committed: its own digest is taken once, when it is
//! committed (or read from a snapshot and first compared), and the state's is made of those. So comparing costs a pass over
//! the rows, and not over their contents.

use std::sync::OnceLock;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::state::{PlanRow, State};

/// The digest of a row, taken at most once. Two rows are equal by their contents.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seal(OnceLock<[u8; 32]>);

impl PartialEq for Seal {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Seal {}

impl PlanRow {
    /// The digest of the row.
    pub(crate) fn sealed(&self) -> &[u8; 32] {
        self.seal.0.get_or_init(|| sum(self))
    }
}

fn sum(value: &impl Serialize) -> [u8; 32] {
    let mut hasher = Sha256::new();
    absorb(&mut hasher, value);
    hasher.finalize().into()
}

/// What cannot be written, which no value of these types is, counts as nothing.
fn absorb(hasher: &mut Sha256, value: &impl Serialize) {
    let bytes = postcard::to_stdvec(value).unwrap_or_default();
    hasher.update(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_le_bytes());
    hasher.update(bytes);
}

impl State {
    /// SHA-256 of the state: equal on all replicas that applied the same log, whether they replayed it or began from a
    /// snapshot. Another build may count another sum; replicas compare only what a level has in common.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let mut hasher = Sha256::new();
        absorb(
            &mut hasher,
            &(
                self.feature_level,
                self.incarnation,
                self.last_applied,
                self.cluster_time,
                self.policies_changed,
            ),
        );
        absorb(
            &mut hasher,
            &(&self.members, &self.policies, &self.networks),
        );
        absorb(&mut hasher, &(&self.votes, &self.verdicts));
        absorb(&mut hasher, &(&self.clients, &self.history));
        absorb(
            &mut hasher,
            &(
                &self.registry,
                &self.stagings,
                self.clusterset,
                &self.brain,
                &self.replicas,
            ),
        );
        for (service, row) in &self.plans {
            hasher.update(service.namespace.as_str());
            hasher.update([0]);
            hasher.update(service.name.as_str());
            hasher.update([0]);
            hasher.update(row.sealed());
        }
        hasher.finalize().into()
    }

    /// [`Self::digest`] as 64 hexadecimal digits.
    #[must_use]
    pub fn digest_hex(&self) -> String {
        hex(&self.digest())
    }
}

/// Bytes as hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}
