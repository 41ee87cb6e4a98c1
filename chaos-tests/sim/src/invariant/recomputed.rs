//! Each plan that comes into force is what the planner makes of the inputs that stand beside it, byte for byte: also one that was
//! prepared for a loss long before, and one that went on from the plan before.

use causeway_failover::replay::replay;
use causeway_state::CommittedPlan;

/// Judges a plan that came into force.
///
/// # Errors
/// Where another plan follows from its inputs.
pub fn judge(committed: &CommittedPlan) -> Result<(), String> {
    let previous = committed
        .previous
        .as_ref()
        .map(|previous| previous.plan.as_ref());
    let again = replay(&committed.inputs, previous, &committed.plan);
    if again.is_identical() {
        return Ok(());
    }
    Err(format!(
        "the plan of {} is {:?}, and of its inputs follows {:?}",
        committed.inputs.service, committed.plan, again.plan
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::invariant::samples::{committed, overfull};

    #[test]
    fn a_plan_that_does_not_follow_is_found() {
        judge(&committed()).unwrap();
        assert!(judge(&overfull()).is_err());
    }
}
