//! People approve what waits for them.

use causeway_api::Generation;
use causeway_api::shift::ShiftKey;

use super::{Applied, pending, ramps, shifts};
use crate::brain::{Act, Approvable, Approval, AuditRow};
use crate::outcome::{Effect, Refusal};
use crate::state::State;

/// Approves.
pub(super) fn approve(
    state: &mut State,
    generation: Generation,
    what: &Approvable,
    by: &str,
    reason: &str,
) -> Applied {
    let object = what.to_string();
    shifts::texts(&object, by, reason)?;
    let nothing = || Refusal::NothingToApprove(object.clone());
    let mut effect = match what {
        Approvable::Shift(key) => shift(state, generation, key, by, reason)?,
        Approvable::Plan(service) => {
            pending::approve(state, generation, service)?.ok_or_else(nothing)?
        }
        Approvable::Failback { domain, service } => {
            let replan = ramps::approve(state, domain, service.as_ref());
            if replan.is_empty() {
                return Err(nothing());
            }
            Effect {
                replan,
                ..Effect::default()
            }
        }
    };
    state.brain.note(AuditRow {
        generation,
        at: state.cluster_time,
        by: by.to_owned(),
        act: Act::Approved,
        object,
        reason: reason.to_owned(),
        overrides: Default::default(),
    });
    effect.people = true;
    Ok(Some(effect))
}

fn shift(
    state: &mut State,
    generation: Generation,
    key: &ShiftKey,
    by: &str,
    reason: &str,
) -> Result<Effect, Refusal> {
    let now = state.cluster_time;
    let Some(row) = state.brain.shifts.get_mut(key) else {
        return Err(Refusal::UnknownShift(key.clone()));
    };
    if row.shift.dry_run || row.approvals_missing() == 0 {
        return Err(Refusal::NothingToApprove(format!("TrafficShift {key}")));
    }
    if row.shift.requested_by == by || row.approvals.iter().any(|given| given.by == by) {
        return Err(Refusal::OwnApproval {
            shift: key.clone(),
            by: by.to_owned(),
        });
    }
    row.approvals.push(Approval {
        by: by.to_owned(),
        at: now,
        reason: reason.to_owned(),
    });
    Ok(if row.approvals_missing() == 0 {
        shifts::take_effect(state, generation, key)
    } else {
        Effect::default()
    })
}
