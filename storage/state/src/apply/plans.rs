//! Plans are committed, each judged by itself.

use std::sync::Arc;

use causeway_api::plan::{DestinationInput, PlanInputs, ServicePlan, SourceInput};
use causeway_api::{Generation, ServiceKey};
use causeway_failover::safety::SafetyRefusal;
use causeway_failover::safety::moved::{Amount, Cause, left_percent, same_place};

use super::judge::judge;
use super::safety::{self, Stop, Word};
use super::{Applied, aside, bounded, contradicted, pending, ramps, ties};
use crate::brain::{Pending, RefusedPlan};
use crate::command::PlanProposal;
use crate::outcome::{Effect, Refusal};
use crate::state::{CommittedPlan, PlanRow, PreviousPlan, State};

/// The most proposals that one command may carry.
pub const PROPOSALS: usize = 256;

/// The most that one may carry that came in parts.
pub const STAGED_PROPOSALS: usize = 65_536;

/// Commits those proposals that pass, and lists those that do not. A plan that is as it was keeps its generation.
pub(super) fn commit(
    state: &mut State,
    generation: Generation,
    proposals: &[PlanProposal],
    limit: usize,
) -> Applied {
    bounded("CommitPlans", proposals.len(), limit)?;
    let mut effect = Effect::default();
    let mut changed = false;
    let mut tied = ties::judge(state, proposals);
    effect.people |= ties::keep_to_parts(state, proposals, &tied);
    for proposal in proposals {
        if let Some(refusal) = tied.remove(&proposal.service) {
            effect.refused.push((proposal.service.clone(), refusal));
            continue;
        }
        match try_one(state, proposal, Word::None) {
            Ok(amount) => changed |= settle_one(state, generation, proposal, amount, &mut effect),
            Err(Stopped::Refused(refusal)) => {
                effect.refused.push((proposal.service.clone(), refusal));
            }
            Err(Stopped::Safety(Stop::Waits(waits, moved))) => {
                let plan = committed(state, proposal);
                let service = &proposal.service;
                changed |= forget_refusal(state, service);
                if pending::note(state, generation, service, plan, waits, moved) {
                    effect.pending.push(service.clone());
                    effect.people = true;
                }
            }
            Err(Stopped::Safety(Stop::Refused(refusal, cause))) => {
                refused(state, generation, proposal, *refusal, cause, &mut effect);
            }
        }
    }
    let quiet = !changed && effect == Effect::default();
    Ok((!quiet).then_some(effect))
}

/// Why a plan is not committed.
pub(super) enum Stopped {
    /// It cannot be, as it is.
    Refused(Refusal),
    /// A safety rule.
    Safety(Stop),
}

/// Judges one proposal; says how much it moves.
pub(super) fn try_one(
    state: &State,
    proposal: &PlanProposal,
    word: Word,
) -> Result<Amount, Stopped> {
    judge(state, proposal).map_err(Stopped::Refused)?;
    safety::judge(state, proposal, word).map_err(Stopped::Safety)
}

/// Commits one proposal that passed; says whether anything changed.
pub(super) fn settle_one(
    state: &mut State,
    generation: Generation,
    proposal: &PlanProposal,
    amount: Amount,
    effect: &mut Effect,
) -> bool {
    let service = &proposal.service;
    let mut changed = forget_refusal(state, service);
    let apart = proposal.plan.as_ref();
    if apart.is_some_and(|(inputs, _)| aside::any(state, inputs)) {
        // What waits, waits on, and is looked at anew.
        effect.replan.push(service.clone());
    } else {
        changed |= state.brain.pending.remove(service).is_some();
    }
    effect.people |= changed;
    match settle(state, generation, proposal) {
        Settled::Planned => {
            effect.planned.push(service.clone());
            safety::count(state, service, amount);
        }
        // Agents see the same, and what is prepared for losses rests on the inputs.
        Settled::Noted => effect.noted.push(service.clone()),
        Settled::Same => return changed,
    }
    if proposal.plan.is_none() {
        ramps::drop_service(state, service);
    } else if ramps::hear(state, service) {
        effect.people = true;
        effect.replan.push(service.clone());
    }
    true
}

fn forget_refusal(state: &mut State, service: &ServiceKey) -> bool {
    state.brain.refused.remove(service).is_some()
}

/// A safety rule refused a plan: that is kept where people look, and what asked for it is held back by itself.
fn refused(
    state: &mut State,
    generation: Generation,
    proposal: &PlanProposal,
    refusal: SafetyRefusal,
    cause: Cause,
    effect: &mut Effect,
) {
    let service = &proposal.service;
    safety::hold_back(state, generation, service, &refusal, cause, effect);
    let old = state.brain.refused.get(service);
    let since = old
        .filter(|old| old.refusal.rule() == refusal.rule())
        .map_or(state.cluster_time, |old| old.since);
    state.brain.refused.insert(
        service.clone(),
        RefusedPlan {
            refusal: refusal.clone(),
            since,
            generation,
        },
    );
    effect.people = true;
    effect
        .refused
        .push((service.clone(), Refusal::Safety(refusal)));
}

fn committed(state: &State, proposal: &PlanProposal) -> Option<CommittedPlan> {
    let old = state.plans.get(&proposal.service).map(Arc::as_ref);
    let (inputs, plan) = proposal.plan.as_ref()?;
    Some(CommittedPlan {
        inputs: inputs.clone(),
        plan: plan.clone(),
        previous: previous(old, proposal),
    })
}

impl State {
    /// Whether the committed plan of a service is this one, and rests on the same decisions: policies, what people leave, how
    /// much may return, what it is allotted of what it shares, and how healthy it is where something returns; and whether the
    /// inputs that are held with it still say what is so of all that the state knows. What is prepared for losses is proposed
    /// with the inputs that are held: what the state contradicts of them, such as a capacity that was declared anew, would
    /// have all of it refused when the loss comes. What members alone tell may differ, and is of no consequence.
    #[must_use]
    pub fn is_committed(&self, inputs: &PlanInputs, plan: &ServicePlan) -> bool {
        let service = &inputs.service;
        let Some(held) = self.plan(service).and_then(|row| row.value.as_ref()) else {
            return false;
        };
        let returning = self.brain.ramps.contains_key(service);
        let decided = |zone: &DestinationInput| {
            let health = returning.then_some((zone.ready, zone.total));
            let left = (left_percent(zone), zone.vacated);
            (left, zone.admitted_percent, health)
        };
        let same = |zone: &DestinationInput| match same_place(&held.inputs, zone) {
            Some(old) => decided(old) == decided(zone),
            None => left_percent(zone) == 0 && !zone.vacated && zone.admitted_percent == 100,
        };
        let bound = |source: &SourceInput| {
            let mut old = held.inputs.sources.iter();
            let old = old.find(|old| old.source == source.source);
            old.is_none_or(|old| old.together == source.together)
        };
        held.plan == *plan
            && held.inputs.policy == inputs.policy
            && held.inputs.gateways == inputs.gateways
            && inputs.sources.iter().all(bound)
            && inputs.destinations.iter().all(same)
            && !self.brain.pending.contains_key(service)
            && (held.inputs == *inputs || contradicted::is_current(self, &held.inputs))
    }

    /// Whether a plan would be committed as things stand, by itself: what it shares with others is judged where it is committed,
    /// for all plans at once.
    #[must_use]
    pub fn would_pass(&self, proposal: &PlanProposal) -> bool {
        try_one(self, proposal, Word::None).is_ok()
    }

    /// Whether proposing a plan would bring anything that is not so already: that it waits, or is refused by a rule that
    /// refused it before, is known.
    #[must_use]
    pub fn worth_proposing(&self, proposal: &PlanProposal) -> bool {
        match try_one(self, proposal, Word::None) {
            Ok(_) | Err(Stopped::Refused(_)) => true,
            Err(Stopped::Safety(Stop::Waits(waits, _))) => {
                let held = self.brain.pending.get(&proposal.service);
                let same = |held: &Pending| match (&held.plan, &proposal.plan) {
                    (Some(held), Some((inputs, plan))) => {
                        // What the state contradicts by now nobody could approve.
                        held.plan == *plan
                            && held.inputs.policy == inputs.policy
                            && contradicted::is_current(self, &held.inputs)
                    }
                    (None, None) => true,
                    _ => false,
                };
                held.is_none_or(|held| held.waits != waits || !same(held))
            }
            Err(Stopped::Safety(Stop::Refused(refusal, cause))) => {
                let held = self.brain.refused.get(&proposal.service);
                safety::would_hold_back(self, &proposal.service, &refusal, cause)
                    || held.is_none_or(|held| held.refusal.rule() != refusal.rule())
            }
        }
    }
}

/// The plan before, where the proposal rests on it: it was judged to be the one that is committed.
fn previous(old: Option<&PlanRow>, proposal: &PlanProposal) -> Option<PreviousPlan> {
    let row = old.filter(|row| proposal.previous == Some(row.generation))?;
    Some(PreviousPlan {
        generation: row.generation,
        plan: Arc::new(row.value.as_ref()?.plan.clone()),
    })
}

enum Settled {
    /// The plan is new or another.
    Planned,
    /// The plan is as it was, from other inputs.
    Noted,
    /// Nothing changed.
    Same,
}

/// Whether agents see the same of both: the plan, and what their views show of the policy beside it.
fn seen_alike(old: &CommittedPlan, new: &CommittedPlan) -> bool {
    let (before, now) = (&old.inputs.policy, &new.inputs.policy);
    old.plan == new.plan && before.failover == now.failover && before.hosts == now.hosts
}

fn settle(state: &mut State, generation: Generation, proposal: &PlanProposal) -> Settled {
    let value = committed(state, proposal);
    let old = state.plans.get(&proposal.service);
    let same_plan = match (old.map(|row| &row.value), &value) {
        (None, None) => return Settled::Same,
        (Some(old), new) if old == new => return Settled::Same,
        (Some(Some(old)), Some(new)) => seen_alike(old, new),
        _ => false,
    };
    let generation = old
        .filter(|_| same_plan)
        .map_or(generation, |row| row.generation);
    let row = Arc::new(PlanRow::new(generation, value));
    // While it is at hand, so that a comparison of states need not.
    row.sealed();
    state.set_plan(&proposal.service, row);
    if same_plan {
        Settled::Noted
    } else {
        Settled::Planned
    }
}
