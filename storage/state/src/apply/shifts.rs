//! People's overrides come, are tried again, and end.
//!
//! An override binds once it has its approvals; a dry run never does. It ends by a person, by its time ([`advance`]), or by
//! a newer one that restores what it left. Traffic then returns by the ramp of failback.
//!
//! One that a TrafficShift asks for has an owner, the host cluster of that object ([`hosts`]): nobody else makes another of
//! it, though a person may end it by a verb. Once it is over its object is remembered as gone, and never asks again.

mod valid;

use std::collections::BTreeSet;

use causeway_api::Generation;
use causeway_api::registry::ObjectKey;
use causeway_api::shift::{OnExpiry, Shift, ShiftAction, ShiftDue, ShiftKey};
use causeway_api::verdict::ClusterTime;
use causeway_failover::safety::Rule;

use super::hosts;
use super::leaving::Asked;
use super::{Applied, bounded, ramps};
use crate::brain::{Act, AuditRow, ShiftRow};
use crate::outcome::{Effect, Refusal};
use crate::state::State;

pub(super) use valid::texts;
use valid::{bad, possible, valid};

/// The most overrides at a time.
pub const SHIFTS: usize = 1_024;

/// A verb sets an override, or tries one again that a safety rule refused.
pub(super) fn put(state: &mut State, generation: Generation, shift: &Shift) -> Applied {
    let object = ObjectKey::Shift(shift.key.clone());
    let held = state.brain.shifts.get(&shift.key);
    let another = held.is_none_or(|held| held.shift != *shift);
    match state.registry.objects.get(&object) {
        Some(owned) if another => Err(hosts::not_owner(state, &object, owned)),
        _ => set(state, generation, shift),
    }
}

/// A TrafficShift asks for an override; `anew`: it is another object of the same name than the one that asked before, so
/// that the former override is over unless it is the same.
pub(super) fn declare(
    state: &mut State,
    generation: Generation,
    shift: &Shift,
    anew: bool,
) -> Applied {
    let held = state.brain.shifts.get(&shift.key);
    let former = held.filter(|held| anew && prolonged(&held.shift, shift) != *shift);
    if former.is_none() {
        return set(state, generation, shift);
    }
    possible(state, shift)?;
    let mut effect = withdraw(state, generation, &shift.key, Asked::ByDeletion);
    if let Some(theirs) = set(state, generation, shift)? {
        effect.add(theirs);
    }
    Ok(Some(effect))
}

/// An override as it stands, with what may change of it taken from another.
fn prolonged(held: &Shift, shift: &Shift) -> Shift {
    Shift {
        expires_after_ms: shift.expires_after_ms,
        ticket: shift.ticket.clone(),
        ..held.clone()
    }
}

fn set(state: &mut State, generation: Generation, shift: &Shift) -> Applied {
    valid(state, shift)?;
    if let Some(row) = state.brain.shifts.get_mut(&shift.key) {
        if row.shift == *shift {
            if row.refused.is_empty() {
                return Ok(None);
            }
            row.refused.clear();
            let effect = changed(shift);
            return Ok(Some(effect));
        }
        if prolonged(&row.shift, shift) != *shift {
            return Err(bad(
                shift,
                "spec",
                "an override cannot become another but for expiresAfter and ticket: end this one, and make another under another \
                 name",
            ));
        }
        row.shift = shift.clone();
        row.expired = false;
        if row.effective_at.is_none() {
            // Whoever looked at it before did not see it like this.
            row.generation = generation;
        }
        note(
            state,
            generation,
            shift,
            &shift.requested_by,
            Act::Shifted,
            &shift.reason,
        );
        return Ok(Some(changed(shift)));
    }
    bounded(
        "TrafficShift: all together",
        state.brain.shifts.len() + 1,
        SHIFTS,
    )?;
    possible(state, shift)?;
    let row = ShiftRow {
        shift: shift.clone(),
        at: state.cluster_time,
        ahead: shift.starts_at_ms.is_some(),
        generation,
        approvals: Vec::new(),
        effective_at: None,
        expired: false,
        lost: BTreeSet::new(),
        refused: Default::default(),
    };
    state.brain.shifts.insert(shift.key.clone(), row);
    note(
        state,
        generation,
        shift,
        &shift.requested_by,
        Act::Shifted,
        &shift.reason,
    );
    let mut effect = changed(shift);
    effect.add(take_effect(state, generation, &shift.key));
    Ok(Some(effect))
}

/// A time of day came at which an override begins or ends.
pub(super) fn due(
    state: &mut State,
    generation: Generation,
    key: &ShiftKey,
    due: ShiftDue,
) -> Applied {
    let now = state.cluster_time;
    let Some(row) = state.brain.shifts.get_mut(key) else {
        return Err(Refusal::UnknownShift(key.clone()));
    };
    let shift = row.shift.clone();
    match due {
        ShiftDue::Start(at) if row.ahead && shift.starts_at_ms == Some(at) => {
            row.ahead = false;
            row.at = now;
            row.generation = generation;
            let reason = "its start time has come";
            note(state, generation, &shift, "", Act::Began, reason);
            let mut effect = changed(&shift);
            effect.add(take_effect(state, generation, key));
            Ok(Some(effect))
        }
        ShiftDue::End(at) if !row.expired && shift.ends_at_ms == Some(at) => {
            Ok(Some(expire(state, generation, &shift)))
        }
        ShiftDue::Start(_) | ShiftDue::End(_) => Ok(None),
    }
}

/// An override's time is over.
fn expire(state: &mut State, generation: Generation, shift: &Shift) -> Effect {
    let reason = match shift.on_expiry {
        OnExpiry::Restore => "its time is over: traffic returns",
        OnExpiry::Hold => "its time is over: it stays until a person ends it",
    };
    note(state, generation, shift, "", Act::Expired, reason);
    let row = state.brain.shifts.get_mut(&shift.key);
    match (shift.on_expiry, row) {
        // What never took effect has nothing to hold.
        (OnExpiry::Hold, Some(row)) if row.effective_at.is_some() => {
            row.expired = true;
            Effect {
                people: true,
                ..Effect::default()
            }
        }
        _ => over(state, shift),
    }
}

/// An override that has its approvals, and whose start time has come, binds from now on.
pub(super) fn take_effect(state: &mut State, generation: Generation, key: &ShiftKey) -> Effect {
    let now = state.cluster_time;
    let Some(row) = state
        .brain
        .shifts
        .get_mut(key)
        .filter(|row| !row.shift.dry_run && !row.ahead && row.approvals_missing() == 0)
    else {
        return Effect::default();
    };
    row.effective_at = Some(now);
    row.generation = generation;
    let shift = row.shift.clone();
    let mut effect = changed(&shift);
    if let ShiftAction::Evacuate(domain) = &shift.action {
        let out = state.brain.out.iter();
        let lost = out.filter(|member| state.may_leave(domain, member));
        let lost = lost.cloned().collect();
        if let Some(row) = state.brain.shifts.get_mut(key) {
            row.lost = lost;
        }
    }
    if let ShiftAction::Restore(domain) = &shift.action {
        // What was left by an older word about the very same place is restored for good.
        let over: Vec<ShiftKey> = state
            .brain
            .shifts
            .values()
            .filter(|row| {
                let left =
                    matches!(&row.shift.action, ShiftAction::Evacuate(left) if left == domain);
                left && covers(&shift, &row.shift)
            })
            .map(|row| row.shift.key.clone())
            .collect();
        for key in over {
            effect.registry |= gone(state, &key);
        }
        ramps::restore(state, &shift, domain);
    }
    effect
}

/// A TrafficShift was deleted, or a person confirmed that it is to go.
pub(super) fn withdraw(
    state: &mut State,
    generation: Generation,
    key: &ShiftKey,
    asked: Asked,
) -> Effect {
    let Some(row) = state.brain.shifts.get(key) else {
        return Effect::default();
    };
    let shift = row.shift.clone();
    let object = name(key);
    let (by, reason) = match asked {
        Asked::ByDeletion => (
            format!("whoever deleted {object}"),
            "its TrafficShift was deleted",
        ),
        Asked::ByPerson => (
            format!("whoever confirmed that {object} is to go"),
            "its removal was confirmed",
        ),
    };
    note(state, generation, &shift, &by, Act::Ended, reason);
    over(state, &shift)
}

/// An override is in force no more; returns whether hosts mirror it. What was refused to it alone is refused to nobody any
/// more: the plan that comes next may be the one in force, which nobody proposes.
fn gone(state: &mut State, key: &ShiftKey) -> bool {
    let row = state.brain.shifts.remove(key);
    for service in row.into_iter().flat_map(|row| row.refused.into_keys()) {
        let mut others = state.brain.shifts.values();
        if !others.any(|other| other.refused.contains_key(&service)) {
            state.brain.refused.remove(&service);
        }
    }
    hosts::forget(state, &ObjectKey::Shift(key.clone()))
}

/// A person ends an override.
pub(super) fn end(
    state: &mut State,
    generation: Generation,
    key: &ShiftKey,
    by: &str,
    reason: &str,
) -> Applied {
    texts(&name(key), by, reason)?;
    let Some(row) = state.brain.shifts.get(key) else {
        return Err(Refusal::UnknownShift(key.clone()));
    };
    let shift = row.shift.clone();
    note(state, generation, &shift, by, Act::Ended, reason);
    Ok(Some(over(state, &shift)))
}

/// The time of overrides is over; steps of evacuations are due, and what was refused for a time is tried again.
pub(super) fn advance(state: &mut State, generation: Generation, before: ClusterTime) -> Effect {
    let now = state.cluster_time;
    let mut effect = Effect::default();
    let rows: Vec<ShiftRow> = state.brain.shifts.values().cloned().collect();
    for row in rows {
        if row.expires_at().is_some_and(|at| at <= now) {
            effect.add(expire(state, generation, &row.shift));
            continue;
        }
        if row.next_step(before).is_some_and(|at| at <= now) {
            effect.add(changed(&row.shift));
        }
        let due: Vec<_> = row
            .refused
            .iter()
            .filter(|(_, held)| held.refusal.retry_at().is_some_and(|at| at <= now))
            .map(|(service, _)| service.clone())
            .collect();
        if let Some(row) = state.brain.shifts.get_mut(&row.shift.key) {
            row.refused.retain(|service, _| !due.contains(service));
        }
        effect.replan.extend(due);
    }
    effect
}

/// When the next override expires, or goes a step further, or is tried again.
pub(crate) fn next_deadline(state: &State) -> Option<ClusterTime> {
    let now = state.cluster_time;
    let of = |row: &ShiftRow| {
        let retries = row
            .refused
            .values()
            .filter_map(|held| held.refusal.retry_at());
        retries
            .chain(row.expires_at())
            .chain(row.next_step(now))
            .min()
    };
    state.brain.shifts.values().filter_map(of).min()
}

/// An override is no more. Whoever ended it wants its traffic back, and so does whoever gave it a time to live and did not ask
/// that it hold: nobody else need approve the return.
fn over(state: &mut State, shift: &Shift) -> Effect {
    let row = state.brain.shifts.get(&shift.key);
    if let ShiftAction::Evacuate(domain) = &shift.action
        && let Some(row) = row.filter(|row| row.effective_at.is_some())
    {
        let lost = row.lost.clone();
        ramps::begin_after(state, shift, domain, &lost);
    }
    Effect {
        registry: gone(state, &shift.key),
        ..changed(shift)
    }
}

/// What is to be looked at again once an override changes.
fn changed(shift: &Shift) -> Effect {
    Effect {
        people: true,
        replan: shift.targets.iter().cloned().collect(),
        replan_all: shift.targets.is_empty(),
        ..Effect::default()
    }
}

fn name(key: &ShiftKey) -> String {
    format!("TrafficShift {key}")
}

fn covers(one: &Shift, other: &Shift) -> bool {
    match (one.targets.is_empty(), other.targets.is_empty()) {
        (true, _) if one.root => true,
        (true, true) => !other.root && one.key.namespace == other.key.namespace,
        (true, false) => other
            .targets
            .iter()
            .all(|service| service.namespace == one.key.namespace),
        (false, false) => other.targets.is_subset(&one.targets),
        (false, true) => false,
    }
}

fn note(
    state: &mut State,
    generation: Generation,
    shift: &Shift,
    by: &str,
    act: Act,
    reason: &str,
) {
    let overrides: BTreeSet<Rule> = shift
        .override_rules
        .iter()
        .filter_map(|rule| rule.parse().ok())
        .collect();
    state.brain.note(AuditRow {
        generation,
        at: state.cluster_time,
        by: by.to_owned(),
        act,
        object: name(&shift.key),
        reason: reason.to_owned(),
        overrides,
    });
}
