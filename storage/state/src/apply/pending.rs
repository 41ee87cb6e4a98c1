//! Plans that wait for a person: shown as they are, replaced when their inputs change, committed once approved.

use std::collections::BTreeSet;
use std::sync::Arc;

use causeway_api::plan::{EffectivePolicy, Rate, ServicePlan};
use causeway_api::{Generation, MemberName, ServiceKey};
use causeway_failover::safety::Waits;

use super::safety::Word;
use super::{aside, plans, ties};
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
    // Whoever looked at it a moment ago may approve it, as long as it does the same.
    let same = old.filter(|old| {
        old.waits == waits && old.moved == moved && does(old.plan.as_deref()) == does(plan.as_ref())
    });
    let pending = Pending {
        since: old.map_or(state.cluster_time, |old| old.since),
        generation: same.map_or(generation, |old| old.generation),
        plan: plan.map(Arc::new),
        waits,
        moved,
    };
    state.brain.pending.insert(service.clone(), pending);
    true
}

/// What a plan does, and by whose word, whatever it was computed from.
fn does(plan: Option<&CommittedPlan>) -> Option<(&ServicePlan, &EffectivePolicy)> {
    plan.map(|held| (&held.plan, &held.inputs.policy))
}

/// The verbs that leave what is lost where nothing moves by itself: each place is a person's word then, and what people asked
/// for besides goes along.
fn leaves(state: &State, service: &ServiceKey, pending: &Pending) -> String {
    let held = state.plan(service).and_then(|row| row.value.as_ref());
    let both = held.zip(pending.plan.as_deref());
    let zones = both.into_iter();
    let zones = zones.flat_map(|(held, plan)| aside::unapproved(held, &plan.inputs));
    let lost: BTreeSet<&MemberName> = zones.map(|zone| &zone.member).collect();
    if lost.is_empty() {
        return "causeway evacuate".to_owned();
    }
    let verbs = lost
        .into_iter()
        .map(|name| format!("causeway evacuate member/{name}"));
    verbs.collect::<Vec<_>>().join(" and ")
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
            message: format!(
                "it is Observe, so nothing moves by itself: {} moves it, or make the mode Approve",
                leaves(state, service, pending)
            ),
        });
    }
    let plan = pending.plan.as_deref();
    let proposal = PlanProposal {
        service: service.clone(),
        plan: plan.map(|plan| (plan.inputs.clone(), plan.plan.clone())),
        previous: plan.and_then(|plan| Some(plan.previous.as_ref()?.generation)),
    };
    // What it may send through what all share is judged by what all send now.
    let shared = ties::judge(state, std::slice::from_ref(&proposal));
    if let Some(refusal) = shared.into_values().next() {
        return Err(refusal);
    }
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
