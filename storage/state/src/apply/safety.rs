//! The safety rules, judged where plans are committed: from the proposal and the state alone, whoever proposes.
//!
//! A plan passes, or waits for a person, or is refused. What a person or a failback asked for and is refused is held back by
//! itself ([`hold_back`]), so that what is dead can still be left in the next plan.

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::domain::Domain;
use causeway_api::plan::{DestinationInput, PlanInputs, Rate, Withdrawal};
use causeway_api::shift::{ShiftAction, ShiftKey};
use causeway_api::spec::PolicyKey;
use causeway_api::{Generation, ServiceKey};
use causeway_failover::plan;
use causeway_failover::policy;
use causeway_failover::safety::brake::Exceeded;
use causeway_failover::safety::in_force::Held;
use causeway_failover::safety::moved::{
    Amount, Cause, Planned, Step, as_if_stayed, left_percent, newly_left, same_place,
};
use causeway_failover::safety::velocity::Window;
use causeway_failover::safety::{
    Rule, SafetyRefusal, Waits, brake, headroom, in_force, limits, never_empty, serving_regions,
    velocity,
};

use super::ramps;
use super::waits::{Asked, waits};
use crate::brain::{Act, AuditRow, Moved, ShiftRefused, ShiftRow};
use crate::command::PlanProposal;
use crate::outcome::Effect;
use crate::state::{CommittedPlan, State};

/// Into how many stretches a window is divided: what moved in one leaves the window together, with the last of it.
const STRETCHES: u64 = 64;

/// Why a plan is not committed now.
pub(super) enum Stop {
    /// A rule refuses it.
    Refused(Box<SafetyRefusal>, Cause),
    /// A person must say so first.
    Waits(Waits, Rate),
}

/// A person has approved this very plan.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// Nobody has.
    None,
    /// Somebody has.
    Given,
}

/// Judges a proposal that the other checks passed; says how much it moves.
pub(super) fn judge(state: &State, proposal: &PlanProposal, word: Word) -> Result<Amount, Stop> {
    let service = &proposal.service;
    let held = state.plan(service).and_then(|row| row.value.as_ref());
    let (Some(held), true) = (held, state.feature_level >= 2) else {
        return Ok(Amount::default());
    };
    let before = Planned {
        inputs: &held.inputs,
        plan: &held.plan,
    };
    let Some((inputs, plan)) = &proposal.plan else {
        return tombstone(state, service, before);
    };
    let step = Step {
        before: Some(before),
        after: Planned { inputs, plan },
    };
    if !step.changes() {
        return Ok(Amount::default());
    }
    let policy = policy::effective(&state.policies, service);
    let amount = step.amount();
    let cause = cause(state, held, inputs, amount);
    let refuse = |refusal| Stop::Refused(Box::new(refusal), cause);
    let overridden = overridden(state, service, cause);
    let binds = |rule: Rule| !overridden.contains(&rule);
    in_force::judge(&step, cause, freeze(state, service).as_ref()).map_err(refuse)?;
    if binds(Rule::MaxLostAtOnce) {
        let (pulled, overruled) = pulled(state, service);
        brake::judge_step(&step, cause, pulled.as_ref(), overruled).map_err(refuse)?;
    }
    if cause == Cause::People && newly_left(&held.inputs, inputs) {
        let stay = plan::plan(&as_if_stayed(&held.inputs, inputs));
        never_empty::judge(&step, Some(&stay)).map_err(refuse)?;
        if binds(Rule::MinServingRegions) {
            serving_regions::judge(&step, policy.rules.min_serving_regions).map_err(refuse)?;
        }
        if binds(Rule::Headroom) {
            headroom::judge(&step, Some(&stay)).map_err(refuse)?;
        }
    }
    if binds(Rule::MaxTrafficMoved) && amount.chosen.0 > 0 {
        let can_wait = can_wait(state, service, cause);
        for (policy, limit) in limits::traffic(&state.policies, service) {
            let window = Window {
                policy: &policy.key,
                limit,
                total: state.derived().asked(&policy.key),
                moved: moved(state, &policy.key),
                now: state.cluster_time,
            };
            velocity::judge(&step, amount, can_wait, &window).map_err(refuse)?;
        }
    }
    let asked = Asked::by(state, held, inputs, cause);
    waits(service, &policy, amount, &asked, word)
        .map_or(Ok(amount), |waits| Err(Stop::Waits(waits, amount.all())))
}

/// That a service is no longer federated is its owners' word: only what a person holds, and the brake, keep its plan.
fn tombstone(state: &State, service: &ServiceKey, before: Planned<'_>) -> Result<Amount, Stop> {
    let nothing = causeway_api::plan::ServicePlan {
        service: service.clone(),
        sources: Vec::new(),
        withdrawn: BTreeMap::new(),
    };
    let step = Step {
        before: Some(before),
        after: Planned {
            inputs: before.inputs,
            plan: &nothing,
        },
    };
    let refuse = |refusal| Stop::Refused(Box::new(refusal), Cause::Loss);
    in_force::judge(&step, Cause::Loss, freeze(state, service).as_ref()).map_err(refuse)?;
    brake::judge_step(&step, Cause::Loss, pulled(state, service).0.as_ref(), false)
        .map_err(refuse)?;
    Ok(Amount::default())
}

/// Who or what makes the plan another. What a verdict says of a place is nobody's move, whatever people asked for there
/// before: who restored a region an hour ago did not approve that it is left when it is lost again.
pub(super) fn cause(
    state: &State,
    held: &CommittedPlan,
    inputs: &PlanInputs,
    amount: Amount,
) -> Cause {
    let service = &inputs.service;
    let zones = || {
        let pairs = inputs.destinations.iter();
        pairs.filter_map(|zone| Some((same_place(&held.inputs, zone)?, zone)))
    };
    let in_hand = |zone: &DestinationInput| {
        state.bound(service).any(|row| match &row.shift.action {
            ShiftAction::Evacuate(domain) | ShiftAction::Restore(domain) => {
                state.is_in(domain, &zone.member, zone.zone.as_ref())
            }
            _ => false,
        })
    };
    let weighed = held.inputs.policy.weights != inputs.policy.weights
        && state
            .bound(service)
            .any(|row| matches!(row.shift.action, ShiftAction::Weigh(_)));
    let by_people = |old: &DestinationInput, zone: &DestinationInput| {
        let left = left_percent(old) != left_percent(zone);
        let word = |zone: &DestinationInput| (zone.admitted_percent, zone.withdrawn);
        match (out_by_verdict(old), out_by_verdict(zone)) {
            // Its own callers leave it, or come back.
            (true, true) => old.vacated != zone.vacated,
            (false, true) => false,
            (true, false) => left_percent(zone) == 0 && in_hand(zone),
            (false, false) => left || (word(old) != word(zone) && in_hand(zone)),
        }
    };
    if weighed || zones().any(|(old, zone)| by_people(old, zone)) {
        return Cause::People;
    }
    let returns = zones().any(|(old, zone)| {
        zone.withdrawn.is_none()
            && (out_by_verdict(old) || old.admitted_percent < zone.admitted_percent)
    });
    if returns && amount.forced.0 == 0 {
        Cause::Return
    } else {
        Cause::Loss
    }
}

pub(super) fn out_by_verdict(zone: &DestinationInput) -> bool {
    matches!(
        zone.withdrawn,
        Some(Withdrawal::Lost | Withdrawal::Recovering | Withdrawal::Away)
    )
}

/// The rules that people override by name for a service, in a plan that is theirs.
fn overridden(state: &State, service: &ServiceKey, cause: Cause) -> BTreeSet<Rule> {
    let rows = state.bound(service).filter(|_| cause == Cause::People);
    let rules = rows.flat_map(|row| {
        let rules = Rule::ALL.into_iter().filter(|rule| row.overrides(*rule));
        rules.collect::<Vec<_>>()
    });
    rules.collect()
}

pub(super) fn moves_traffic(row: &ShiftRow) -> bool {
    matches!(
        row.shift.action,
        ShiftAction::Evacuate(_) | ShiftAction::Restore(_) | ShiftAction::Weigh(_)
    )
}

/// The newest freeze or pin of a service.
fn freeze(state: &State, service: &ServiceKey) -> Option<Held> {
    let rows: Vec<&ShiftRow> = state.bound(service).collect();
    let at = rows
        .iter()
        .position(|row| matches!(row.shift.action, ShiftAction::Freeze | ShiftAction::Pin))?;
    let row = rows.get(at)?;
    Some(Held {
        shift: row.shift.key.clone(),
        by: row.shift.requested_by.clone(),
        reason: row.shift.reason.clone(),
        pin: matches!(row.shift.action, ShiftAction::Pin),
        overruled: rows.iter().take(at).any(|row| moves_traffic(row)),
    })
}

/// The brake, and whether a person moves this service since it was pulled.
fn pulled(state: &State, service: &ServiceKey) -> (Option<Exceeded>, bool) {
    let Some(brake) = &state.brain.brake else {
        return (None, false);
    };
    let overruled = state
        .bound(service)
        .any(|row| moves_traffic(row) && row.generation > brake.generation);
    let exceeded = Exceeded {
        what: brake.what.clone(),
        field: brake.field.clone(),
        limit: brake.limit,
        found: brake.found,
    };
    (Some(exceeded), overruled)
}

fn moved(state: &State, key: &PolicyKey) -> Vec<(causeway_api::verdict::ClusterTime, Rate)> {
    let rows = state.brain.moves.get(key).into_iter().flatten();
    rows.map(|row| (row.until, row.rate)).collect()
}

/// Counts what a committed plan moved.
pub(super) fn count(state: &mut State, service: &ServiceKey, amount: Amount) {
    if amount.all().0 == 0 {
        return;
    }
    let now = state.cluster_time;
    let windows: Vec<(PolicyKey, u64)> = limits::traffic(&state.policies, service)
        .map(|(policy, limit)| (policy.key.clone(), limit.window_ms))
        .collect();
    for (key, window_ms) in windows {
        let rows = state.brain.moves.entry(key).or_default();
        while rows
            .front()
            .is_some_and(|row| row.until.plus_ms(window_ms) <= now)
        {
            rows.pop_front();
        }
        match rows.back_mut() {
            Some(row) if now.since_ms(row.from) <= window_ms / STRETCHES => {
                row.until = now;
                row.rate = row.rate.plus(amount.all());
            }
            _ => rows.push_back(Moved {
                from: now,
                until: now,
                rate: amount.all(),
            }),
        }
    }
    let policies = &state.policies;
    state
        .brain
        .moves
        .retain(|key, _| policies.contains_key(key));
}

/// What was refused is held back by itself: a person's override has no more effect on this service than it had, and a
/// return waits, until it is tried again.
pub(super) fn hold_back(
    state: &mut State,
    generation: Generation,
    service: &ServiceKey,
    refusal: &SafetyRefusal,
    cause: Cause,
    effect: &mut Effect,
) {
    match cause {
        _ if stands_still(refusal) => {}
        Cause::Loss => {}
        Cause::Return => {
            ramps::hold_back(state, service, refusal.retry_at());
            effect.replan.push(service.clone());
        }
        Cause::People => {
            let now = state.cluster_time;
            let mut first = Vec::new();
            for (key, had_percent) in responsible(state, service) {
                let Some(row) = state.brain.shifts.get_mut(&key) else {
                    continue;
                };
                if row.refused.is_empty() {
                    first.push(key);
                }
                row.refused.insert(
                    service.clone(),
                    ShiftRefused {
                        refusal: refusal.clone(),
                        left_percent: had_percent,
                    },
                );
            }
            for key in first {
                state.brain.note(AuditRow {
                    generation,
                    at: now,
                    by: String::new(),
                    act: Act::Refused,
                    object: format!("TrafficShift {key}"),
                    reason: refusal.to_string(),
                    overrides: BTreeSet::new(),
                });
            }
            // What they gave back, or what was to return besides, waits as well.
            ramps::hold_back(state, service, refusal.retry_at());
            effect.replan.push(service.clone());
        }
    }
}

/// Whether all plans stand still, so that nothing need be held back by itself.
fn stands_still(refusal: &SafetyRefusal) -> bool {
    matches!(refusal.rule(), Rule::InForce | Rule::MaxLostAtOnce)
}

/// Whether a refusal would have something held back that is not so yet.
pub(super) fn would_hold_back(
    state: &State,
    service: &ServiceKey,
    refusal: &SafetyRefusal,
    cause: Cause,
) -> bool {
    !stands_still(refusal) && can_wait(state, service, cause)
}

/// Whether what makes a plan another can be held back by itself.
fn can_wait(state: &State, service: &ServiceKey, cause: Cause) -> bool {
    let returns = || !ramps::returning(state, service).is_empty();
    match cause {
        Cause::Loss => false,
        Cause::Return => returns(),
        Cause::People => !responsible(state, service).is_empty() || returns(),
    }
}

/// The overrides whose effect is not in the committed plan yet, each with how much of its evacuation is.
fn responsible(state: &State, service: &ServiceKey) -> Vec<(ShiftKey, u8)> {
    let Some(held) = state.plan(service).and_then(|row| row.value.as_ref()) else {
        return Vec::new();
    };
    let zones = |domain| {
        let zones = held.inputs.destinations.iter();
        zones.filter(move |zone| state.is_in(domain, &zone.member, zone.zone.as_ref()))
    };
    // What is out by a verdict says nothing of how far an evacuation is, but for its own callers.
    let had = |domain| {
        let here = zones(domain).filter(|zone| !out_by_verdict(zone));
        here.map(left_percent).min()
    };
    let stay = |domain| zones(domain).any(|zone| out_by_verdict(zone) && !zone.vacated);
    let returning = ramps::returning(state, service);
    let restores = |domain: &Domain| {
        let mut zones = returning.iter().map(|(zone, _)| zone);
        zones.any(|zone| state.is_in(domain, &zone.member, zone.zone.as_ref()))
    };
    let rows = state.bound(service).filter_map(|row| {
        let key = row.shift.key.clone();
        match &row.shift.action {
            ShiftAction::Evacuate(domain) => {
                let (had, left) = (had(domain), row.left_for(service, state.cluster_time));
                let more = had.is_some_and(|had| left > had) || (left > 0 && stay(domain));
                more.then_some((key, had.unwrap_or(0)))
            }
            ShiftAction::Restore(domain) => restores(domain).then_some((key, 0)),
            ShiftAction::Weigh(weights) => {
                (*weights != held.inputs.policy.weights).then_some((key, 0))
            }
            ShiftAction::Pin | ShiftAction::Freeze => None,
        }
    });
    rows.collect()
}
