//! Whether an override may be, whatever it moves: its form, its limits, and what it is about.

use causeway_api::domain::Domain;
use causeway_api::plan::Withdrawal;
use causeway_api::shift::{Shift, ShiftAction};
use causeway_api::verdict::{Subject, VerdictState};
use causeway_failover::policy;
use causeway_failover::safety::{Rule, hold_down};

use super::name;
use crate::apply::bounded;
use crate::outcome::Refusal;
use crate::state::State;

/// The most services and regions that one override may name, together.
const SHIFT_ROWS: usize = 4_096;
/// The longest text that comes with an override, in bytes.
const TEXT_BYTES: usize = 1_024;

/// Whether an override may begin.
pub(super) fn possible(state: &State, shift: &Shift) -> Result<(), Refusal> {
    valid(state, shift)?;
    match &shift.action {
        ShiftAction::Restore(domain) => recovered(state, shift, domain),
        _ => Ok(()),
    }
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

pub(super) fn bad(shift: &Shift, field: &str, message: impl Into<String>) -> Refusal {
    Refusal::Malformed {
        object: name(&shift.key),
        field: field.to_owned(),
        message: message.into(),
    }
}

/// Who and why, of anything that a person does.
pub(in crate::apply) fn texts(object: &str, by: &str, reason: &str) -> Result<(), Refusal> {
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

pub(super) fn valid(state: &State, shift: &Shift) -> Result<(), Refusal> {
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
