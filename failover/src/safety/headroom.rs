//! The survivors of a person's move can carry it, unless policy says otherwise. What is lost is capped and said instead: the
//! planner never assigns more than there is.

use causeway_api::plan::ServicePlan;
use causeway_api::rules::OnOverload;

use super::SafetyRefusal;
use super::moved::{Step, unserved, what_is_left};

/// Judges a step; `stay`: the plan if nothing were left, where a person leaves something.
///
/// # Errors
/// Where more would be unserved than if nothing were left.
pub fn judge(step: &Step<'_>, stay: Option<&ServicePlan>) -> Result<(), SafetyRefusal> {
    let inputs = step.after.inputs;
    let Some(stay) = stay.filter(|_| inputs.policy.on_overload == OnOverload::Refuse) else {
        return Ok(());
    };
    let (unserved, without) = (unserved(step.after.plan), unserved(stay));
    if unserved <= without {
        return Ok(());
    }
    Err(SafetyRefusal::Headroom {
        service: inputs.service.clone(),
        left: what_is_left(inputs),
        unserved,
        without,
    })
}
