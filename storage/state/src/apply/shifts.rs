//! People's overrides come, are tried again, and end.
//!
//! An override binds once it has its approvals; a dry run never does. It ends by a person, by its time ([`advance`]), or by
//! a newer one that restores what it left. Traffic then returns by the ramp of failback.

use std::collections::BTreeSet;

use causeway_api::Generation;
use causeway_api::domain::Domain;
use causeway_api::plan::Withdrawal;
use causeway_api::shift::{OnExpiry, Shift, ShiftAction, ShiftDue, ShiftKey};
use causeway_api::verdict::{ClusterTime, Subject, VerdictState};
use causeway_failover::policy;
use causeway_failover::safety::{Rule, hold_down};

use super::{Applied, bounded, ramps};
use crate::brain::{Act, AuditRow, ShiftRow};
use crate::outcome::{Effect, Refusal};
use crate::state::State;

/// The most overrides at a time.
pub const SHIFTS: usize = 1_024;
/// The most services and regions that one override may name, together.
pub const SHIFT_ROWS: usize = 4_096;
/// The longest text that comes with an override, in bytes.
pub const TEXT_BYTES: usize = 1_024;

/// Sets an override, or tries one again that a safety rule refused.
pub(super) fn put(state: &mut State, generation: Generation, shift: &Shift) -> Applied {
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
        let longer = Shift {
            expires_after_ms: shift.expires_after_ms,
            ..row.shift.clone()
        };
        if longer != *shift {
            return Err(bad(
                shift,
                "spec",
                "an override cannot become another but for expiresAfter: end this one, and make another under another name",
            ));
        }
        row.shift = longer;
        row.expired = false;
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
    if let ShiftAction::Restore(domain) = &shift.action {
        recovered(state, shift, domain)?;
    }
    let row = ShiftRow {
        shift: shift.clone(),
        at: state.cluster_time,
        ahead: shift.starts_at_ms.is_some(),
        generation,
        approvals: Vec::new(),
        effective_at: None,
        expired: false,
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
        _ => over(state, shift, false),
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
            state.brain.shifts.remove(&key);
        }
        ramps::restore(state, &shift, domain);
    }
    changed(&shift)
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
    Ok(Some(over(state, &shift, true)))
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

/// An override is no more: `asked` by a person, whose word stands for the approval of the return.
fn over(state: &mut State, shift: &Shift, asked: bool) -> Effect {
    if let ShiftAction::Evacuate(domain) = &shift.action
        && state
            .brain
            .shifts
            .get(&shift.key)
            .is_some_and(|row| row.effective_at.is_some())
    {
        ramps::begin_after(state, shift, domain, asked);
    }
    let effect = changed(shift);
    state.brain.shifts.remove(&shift.key);
    effect
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

/// Traffic is not sent back to what has just recovered, unless the hold-down is overridden by name.
fn recovered(state: &State, shift: &Shift, domain: &Domain) -> Result<(), Refusal> {
    if shift.override_rules.contains(Rule::HoldDown.name()) {
        return Ok(());
    }
    let waiting = state
        .members_in(domain)
        .into_iter()
        .filter(|member| state.withdrawal(member) == Some(Withdrawal::Recovering));
    let hold_down_ms = state.rules().hold_down_ms;
    let left = waiting.flat_map(|member| {
        let own = Subject::Member {
            member: member.clone(),
        };
        let gateways = state.verdicts.gateways(member).map(|(subject, _)| subject);
        let subjects = gateways.cloned().chain(std::iter::once(own));
        subjects.filter_map(|subject| {
            let standing = state.verdicts.standing(&subject)?;
            (standing.state == VerdictState::Recovering).then(|| {
                let until = standing.since.plus_ms(standing.hold_down_ms(hold_down_ms));
                until.since_ms(state.cluster_time)
            })
        })
    });
    hold_down::judge(domain, left.max()).map_err(Refusal::Safety)
}

fn bad(shift: &Shift, field: &str, message: impl Into<String>) -> Refusal {
    Refusal::Malformed {
        object: name(&shift.key),
        field: field.to_owned(),
        message: message.into(),
    }
}

/// Who and why, of anything that a person does.
pub(super) fn texts(object: &str, by: &str, reason: &str) -> Result<(), Refusal> {
    for (field, text) in [("requestedBy", by), ("reason", reason)] {
        let wrong = if text.trim().is_empty() {
            "it is empty: the audit needs it"
        } else if text.len() > TEXT_BYTES {
            "it is longer than 1024 bytes: put the rest into the ticket"
        } else {
            continue;
        };
        return Err(Refusal::Malformed {
            object: object.to_owned(),
            field: field.to_owned(),
            message: wrong.to_owned(),
        });
    }
    Ok(())
}

fn valid(state: &State, shift: &Shift) -> Result<(), Refusal> {
    texts(&name(&shift.key), &shift.requested_by, &shift.reason)?;
    let weights = match &shift.action {
        ShiftAction::Weigh(weights) => weights.len(),
        _ => 0,
    };
    let rows =
        shift.targets.len() + weights + shift.step_percents.len() + shift.override_rules.len();
    bounded(&name(&shift.key), rows, SHIFT_ROWS)?;
    if shift
        .ticket
        .as_ref()
        .is_some_and(|ticket| ticket.len() > TEXT_BYTES)
    {
        return Err(bad(
            shift,
            "ticket",
            "it is longer than 1024 bytes: give the reference alone",
        ));
    }
    if shift.expires_after_ms == 0 {
        return Err(bad(
            shift,
            "expiresAfter",
            "it is 0: an override has a time to live, such as 1h",
        ));
    }
    if shift.starts_at_ms.is_some() && matches!(shift.action, ShiftAction::Restore(_)) {
        return Err(bad(
            shift,
            "startTime",
            "a restoration is for now: leave it out, or end the evacuation at a time by its endTime",
        ));
    }
    if let (Some(start), Some(end)) = (shift.starts_at_ms, shift.ends_at_ms)
        && end <= start
    {
        return Err(bad(shift, "endTime", "it is not after startTime"));
    }
    if let Some(limit_ms) = policy::root(&state.policies).max_override_ms
        && shift.expires_after_ms > limit_ms
    {
        let message = format!(
            "it is {} s and limits.maxShiftDuration of the root policy is {} s: ask for less, and again when it is over",
            shift.expires_after_ms / 1000,
            limit_ms / 1000
        );
        return Err(bad(shift, "expiresAfter", message));
    }
    if let Some(foreign) = shift
        .targets
        .iter()
        .find(|service| !shift.root && service.namespace != shift.key.namespace)
    {
        let message = format!(
            "{foreign} is in another namespace: make the override there, or in the root namespace"
        );
        return Err(bad(shift, "targetRefs", message));
    }
    for rule in &shift.override_rules {
        match rule.parse::<Rule>() {
            Err(message) => return Err(bad(shift, "overrideRules", message)),
            Ok(rule) if !rule.may_be_overridden() => {
                return Err(bad(
                    shift,
                    "overrideRules",
                    format!("{rule} cannot be overridden"),
                ));
            }
            Ok(_) => {}
        }
    }
    let steps = &shift.step_percents;
    let rises = steps.windows(2).all(|pair| pair.first() < pair.last());
    if !steps.is_empty() && (!rises || steps.last() != Some(&100) || shift.interval_ms == 0) {
        return Err(bad(
            shift,
            "ramp",
            "its stepWeights must rise to 100, with an interval above 0, such as [25, 50, 100] and 1m",
        ));
    }
    if !steps.is_empty() && matches!(shift.action, ShiftAction::Weigh(_)) {
        let message =
            "weights are in force at once: give smaller changes of weights one after another";
        return Err(bad(shift, "ramp", message));
    }
    match &shift.action {
        ShiftAction::Weigh(weights) if weights.values().all(|weight| *weight == 0) => Err(bad(
            shift,
            "weights",
            "no region has a weight above 0: nothing could be served",
        )),
        ShiftAction::Evacuate(domain) | ShiftAction::Restore(domain)
            if state.members_in(domain).is_empty() =>
        {
            let message = format!("no member is in {domain}: see `causeway clusters`");
            Err(bad(shift, "awayFrom", message))
        }
        _ => Ok(()),
    }
}
