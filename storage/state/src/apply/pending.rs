//! Plans that wait for a person: shown as they are, replaced when their inputs change, committed once approved.

use std::sync::Arc;

use causeway_api::plan::Rate;
use causeway_api::{Generation, ServiceKey};
use causeway_failover::safety::Waits;

use super::plans;
use super::safety::Word;
use crate::brain::Pending;
use crate::command::PlanProposal;
use crate::outcome::{Effect, Refusal};
use crate::state::{CommittedPlan, State};

/// Notes a plan that waits; says whether that is news.
pub(super) fn note(
    state: &mut State,
    generation: Generation,
    service: &ServiceKey,
    plan: Option<CommittedPlan>,
    waits: Waits,
    moved: Rate,
) -> bool {
    let old = state.brain.pending.get(service);
    if old.is_some_and(|old| old.waits == waits && old.plan.as_deref() == plan.as_ref()) {
        return false;
    }
    let pending = Pending {
        since: old.map_or(state.cluster_time, |old| old.since),
        plan: plan.map(Arc::new),
        waits,
        generation,
        moved,
    };
    state.brain.pending.insert(service.clone(), pending);
    true
}

/// Commits the plan that waits, as a person says; `None`: none does. It is judged again: what it rested on may have changed.
pub(super) fn approve(
    state: &mut State,
    generation: Generation,
    service: &ServiceKey,
) -> Result<Option<Effect>, Refusal> {
    let Some(pending) = state.brain.pending.get(service) else {
        return Ok(None);
    };
    if pending.waits == Waits::Observe {
        return Err(Refusal::Malformed {
            object: format!("the plan of {service}"),
            field: "mode".to_owned(),
            message: "it is Observe, so nothing moves by itself: causeway evacuate moves it, or make the mode Approve"
                .to_owned(),
        });
    }
    let plan = pending.plan.as_deref();
    let proposal = PlanProposal {
        service: service.clone(),
        plan: plan.map(|plan| (plan.inputs.clone(), plan.plan.clone())),
        previous: plan.and_then(|plan| Some(plan.previous.as_ref()?.generation)),
    };
    let mut effect = Effect::default();
    match plans::try_one(state, &proposal, Word::Given) {
        Ok(amount) => {
            plans::settle_one(state, generation, &proposal, amount, &mut effect);
            Ok(Some(effect))
        }
        Err(plans::Stopped::Refused(refusal)) => Err(refusal),
        Err(plans::Stopped::Safety(super::safety::Stop::Refused(refusal, _))) => {
            Err(Refusal::Safety(*refusal))
        }
        Err(plans::Stopped::Safety(super::safety::Stop::Waits(..))) => Ok(None),
    }
}
