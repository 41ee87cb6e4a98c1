//! A decision computed again from what was committed with it, byte for byte.

use causeway_api::contingency::ContentHash;
use causeway_api::plan::{PlanInputs, ServicePlan};
use sha2::{Digest as _, Sha256};

use crate::plan;

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replayed {
    /// SHA-256 of the plan that was committed, in the form of the log.
    pub recorded: ContentHash,
    /// Of the plan that was computed again.
    pub recomputed: ContentHash,
    /// The plan that was computed again.
    pub plan: ServicePlan,
}

impl Replayed {
    /// Whether both are the same, byte for byte.
    #[must_use]
    pub fn is_identical(&self) -> bool {
        self.recorded == self.recomputed
    }
}

/// Computes a plan again from its inputs, and from the plan before where it went on from that one.
#[must_use]
pub fn replay(
    inputs: &PlanInputs,
    previous: Option<&ServicePlan>,
    committed: &ServicePlan,
) -> Replayed {
    let again = plan::replay(inputs, previous);
    Replayed {
        recorded: sum(committed),
        recomputed: sum(&again),
        plan: again,
    }
}

/// The name of a plan: SHA-256 of its form in the log.
#[must_use]
pub fn sum(plan: &ServicePlan) -> ContentHash {
    // A value without maps of keys that are no texts has always a form.
    let bytes = postcard::to_stdvec(plan).unwrap_or_default();
    ContentHash(Sha256::digest(bytes).into())
}
