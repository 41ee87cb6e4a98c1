//! People approve what waits for them, as they looked at it: what is another by now is refused.

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
    seen: Option<Generation>,
    by: &str,
    reason: &str,
) -> Applied {
    let object = what.to_string();
    shifts::texts(&object, by, reason)?;
    is_what_was_seen(state, what, seen)?;
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

/// Refuses what is not what a person looked at.
fn is_what_was_seen(
    state: &State,
    what: &Approvable,
    seen: Option<Generation>,
) -> Result<(), Refusal> {
    let object = what.to_string();
    match (state.generation_of(what), seen) {
        (Some(now), Some(seen)) if now != seen => Err(Refusal::ChangedSince { object, seen, now }),
        (Some(now), None) if matches!(what, Approvable::Plan(_)) => {
            Err(Refusal::NotSeen { object, now })
        }
        _ => Ok(()),
    }
}

impl State {
    /// The generation of what waits for a person, which tells it from what waited under the same name before; `None` where
    /// nothing waits, and of the return to a domain, which has none of its own.
    #[must_use]
    pub fn generation_of(&self, what: &Approvable) -> Option<Generation> {
        match what {
            Approvable::Shift(key) => Some(self.brain.shifts.get(key)?.generation),
            Approvable::Plan(service) => Some(self.brain.pending.get(service)?.generation),
            Approvable::Failback { .. } => None,
        }
    }
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
