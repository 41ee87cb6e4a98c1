//! No plan is committed that the checker refuses: above all none that sends a destination more than it may carry. The state
//! machine asks the checker itself; here it is asked of what stands in the state.

use causeway_failover::checker;
use causeway_state::CommittedPlan;

/// Judges a plan that stands in the state.
///
/// # Errors
/// What the checker finds.
pub fn judge(committed: &CommittedPlan) -> Result<(), String> {
    let findings = checker::check(&committed.inputs, &committed.plan);
    let Some(first) = findings.first() else {
        return Ok(());
    };
    Err(format!(
        "the plan of {} was committed, and the checker finds {first}",
        committed.inputs.service
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::invariant::samples::{committed, overfull};

    #[test]
    fn a_plan_that_overfills_is_found() {
        judge(&committed()).unwrap();
        assert!(judge(&overfull()).is_err());
    }
}
