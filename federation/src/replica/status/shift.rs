//! What a TrafficShift says of itself.

use std::collections::BTreeMap;

use causeway_api::registry::ObjectKey;
use causeway_api::shift::{Shift, ShiftAction, ShiftKey};
use causeway_core::whatif;
use causeway_crds::conditions::shift::{ACCEPTED, ACTIVE, APPROVED, READY};
use causeway_crds::traffic_shift::TrafficShiftStatus;
use causeway_index::FactStore;
use causeway_seam::WallClock;
use causeway_state::State;
use causeway_state::brain::{Act, AuditRow};
use causeway_state::command::Command;
use causeway_state::effects::concerns;
use kube::core::DynamicObject;

use crate::admin::api::overrides::{ShiftReport, ShiftState};
use crate::admin::api::{Condition, ConditionStatus};
use crate::replica::backend::overrides::of_shift;
use crate::replica::registry::declared::Rows;
use crate::replica::registry::row::Row;
use crate::replica::registry::stance::Stance;

use super::look::condition;
use super::{patch, said};

/// What overrides are told from, at one moment.
pub(super) struct ShiftLook<'a> {
    pub(super) rows: &'a Rows,
    pub(super) state: &'a State,
    /// What dry runs would bring about, by object.
    pub(super) foreseen: &'a Foreseen,
    /// Why the leader's clock is not believed.
    pub(super) clock: Option<&'a str>,
}

/// That an override is over: from then on its object asks for nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Over {
    /// Its time was over.
    Expired,
    /// A person ended it.
    Ended,
}

impl Over {
    /// As the object's own status says.
    fn of(before: &TrafficShiftStatus) -> Option<Self> {
        match before.state.as_deref() {
            Some("Expired") => Some(Self::Expired),
            Some("Ended") => Some(Self::Ended),
            _ => None,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Expired => "Expired",
            Self::Ended => "Ended",
        }
    }
}

/// Whether an object says that its override was in force, or is over.
pub(crate) fn was_in_force(object: &DynamicObject) -> bool {
    was(&patch::of(object.data.get("status")))
}

fn was(before: &TrafficShiftStatus) -> bool {
    let during = ["Waiting", "Scheduled", "Active", "Partly", "Held", "DryRun"];
    Over::of(before).is_some()
        || (before.state.as_deref()).is_some_and(|state| during.contains(&state))
}

/// The status that is to be written.
pub(super) fn status(
    name: &str,
    row: &Row<Shift>,
    look: &ShiftLook<'_>,
    before: &TrafficShiftStatus,
    now: WallClock,
) -> TrafficShiftStatus {
    let state = look.state;
    let mut after = TrafficShiftStatus {
        observed_generation: row.generation(),
        conditions: before.conditions.clone(),
        ..TrafficShiftStatus::default()
    };
    let key = name.parse::<ShiftKey>().ok();
    let found = key.as_ref().and_then(|key| state.brain.shifts.get(key));
    let gone = || {
        let uid = row.object.metadata.uid.as_deref().unwrap_or_default();
        let object = key.clone().map(ObjectKey::Shift);
        object.is_some_and(|object| state.registry.is_gone(&object, uid))
    };
    let conditions = match Over::of(before) {
        Some(how) => over(how, before, &mut after),
        None if found.is_none() && (was(before) || gone()) => {
            over(ended(name, state), before, &mut after)
        }
        None => {
            let stance = key.and_then(|key| look.rows.shift_stance(state, &key));
            let mirror = stance == Some(Stance::Mirror);
            match row.sound(stance) {
                Err((reason, why)) => {
                    let stays = found.map_or("", |_| "; what is in force stays so");
                    refused(reason, &format!("{why}{stays}"), &mut after)
                }
                Ok(shift) => {
                    describe(shift, state, &mut after);
                    match found.filter(|found| found.shift == *shift) {
                        Some(found) => {
                            let mut message = look.foreseen.of(name, row).map_or_else(
                                || format!("decided in generation {}", found.generation),
                                ToOwned::to_owned,
                            );
                            if mirror {
                                message.push_str(&owned_elsewhere(state, &shift.key));
                            }
                            held(&of_shift(state, found), message, look.clock, &mut after)
                        }
                        None => pending(&mut after),
                    }
                }
            }
        }
    };
    said::say(&mut after.conditions, &conditions, row.generation(), now);
    after
}

fn owned_elsewhere(state: &State, key: &ShiftKey) -> String {
    let owned = state.registry.objects.get(&ObjectKey::Shift(key.clone()));
    let host = owned.map_or("another host", |owned| {
        state.registry.host_name(&owned.host)
    });
    format!(
        "; this is the mirror of the TrafficShift of host {host}: delete it there, or end it by causeway restore shift/{key}"
    )
}

/// How an override that is no more ended, as far as the audit remembers.
fn ended(name: &str, state: &State) -> Over {
    let object = format!("TrafficShift {name}");
    let ends =
        |row: &&AuditRow| row.object == object && matches!(row.act, Act::Ended | Act::Expired);
    match state.brain.audit.iter().rev().find(ends).map(|row| row.act) {
        Some(Act::Expired) => Over::Expired,
        _ => Over::Ended,
    }
}

/// What dry runs would bring about: told once for each object, since it is as of when it was asked for.
#[derive(Debug, Default)]
pub(super) struct Foreseen {
    /// By name: which object, and a sentence.
    rows: BTreeMap<String, (Option<String>, String)>,
}

impl Foreseen {
    /// Looks at those that are new.
    pub(super) fn look(&mut self, rows: &Rows, state: &State, facts: &FactStore) {
        self.rows.retain(|name, _| rows.shifts.contains_key(name));
        for (name, row) in &rows.shifts {
            let Ok(shift) = &row.declared else { continue };
            let held = state.brain.shifts.get(&shift.key);
            let holds = held.is_some_and(|held| held.shift == *shift);
            if shift.dry_run && holds && self.of(name, row).is_none() {
                let uid = row.object.metadata.uid.clone();
                let text = foresee(state, facts, shift);
                self.rows.insert(name.clone(), (uid, text));
            }
        }
    }

    fn of(&self, name: &str, row: &Row<Shift>) -> Option<&str> {
        let of_it = |(uid, _): &&(Option<String>, String)| *uid == row.object.metadata.uid;
        let found = self.rows.get(name).filter(of_it);
        found.map(|(_, text)| text.as_str())
    }
}

/// What an override would bring about, as a sentence.
fn foresee(state: &State, facts: &FactStore, shift: &Shift) -> String {
    let mut without = state.clone();
    without.brain.shifts.remove(&shift.key);
    let object = ObjectKey::Shift(shift.key.clone());
    without.registry.objects.remove(&object);
    let meant = Shift {
        dry_run: false,
        approvals_required: 0,
        starts_at_ms: None,
        ends_at_ms: None,
        ..shift.clone()
    };
    let run = whatif::dry_run(&without, facts, Command::PutShift(meant));
    let stays = run.services.iter().filter_map(|row| row.stays.as_deref());
    let first = stays.clone().next();
    let stays = stays.count();
    let moves = run.services.len().saturating_sub(stays);
    let mut text = format!("a dry run: {moves} services would move, and {stays} would stay");
    if let Some(first) = first {
        text.push_str(&format!("; the first: {first}"));
    }
    text
}

fn describe(shift: &Shift, state: &State, after: &mut TrafficShiftStatus) {
    after.requested_by = Some(shift.requested_by.clone());
    if let ShiftAction::Evacuate(domain) | ShiftAction::Restore(domain) = &shift.action {
        after.domain = Some(domain.to_string());
    }
    let services = state.plans.iter().filter(|(_, row)| row.value.is_some());
    let services = services.filter(|(service, _)| concerns(shift, service));
    after.services = i32::try_from(services.count()).ok();
}

fn over(how: Over, before: &TrafficShiftStatus, after: &mut TrafficShiftStatus) -> Vec<Condition> {
    *after = TrafficShiftStatus {
        state: Some(how.word().to_owned()),
        step: None,
        expires: None,
        services: None,
        ..before.clone()
    };
    let message = match how {
        Over::Expired => {
            "its time is over; delete this TrafficShift, and create another to move traffic again"
        }
        Over::Ended => {
            "a person ended it; delete this TrafficShift, and create another to move traffic again"
        }
    };
    let of = |kind: &str, status| condition(kind, status, how.word(), message.to_owned());
    vec![
        of(ACCEPTED, ConditionStatus::True),
        of(ACTIVE, ConditionStatus::False),
        of(READY, ConditionStatus::True),
    ]
}

fn refused(reason: &str, why: &str, after: &mut TrafficShiftStatus) -> Vec<Condition> {
    after.state = Some("Refused".to_owned());
    [ACCEPTED, READY]
        .into_iter()
        .map(|kind| condition(kind, ConditionStatus::False, reason, why.to_owned()))
        .collect()
}

fn pending(after: &mut TrafficShiftStatus) -> Vec<Condition> {
    after.state = Some("Pending".to_owned());
    let message = "it waits for a decision, which needs a majority of replicas";
    [ACCEPTED, READY]
        .into_iter()
        .map(|kind| {
            condition(
                kind,
                ConditionStatus::Unknown,
                "Pending",
                message.to_owned(),
            )
        })
        .collect()
}

fn held(
    row: &ShiftReport,
    accepted: String,
    clock: Option<&str>,
    after: &mut TrafficShiftStatus,
) -> Vec<Condition> {
    // `Expired` says in an object that it is over; one that stays for a person to decide is held.
    let word = match row.state {
        ShiftState::Expired => "Held".to_owned(),
        other => other.to_string(),
    };
    after.state = Some(word);
    after.approved_by.clone_from(&row.approved_by);
    after.step = row.step.map(|(step, of)| format!("{step}/{of}"));
    after.expires = row.expires_in_ms.map(about);
    let key = &row.shift.key;
    let yes = ConditionStatus::True;
    let accepted = condition(ACCEPTED, yes, "Accepted", accepted);
    let approved = match row.state {
        ShiftState::Waiting => condition(
            APPROVED,
            ConditionStatus::False,
            "Waiting",
            format!(
                "it takes effect once others have approved it: causeway approve shift/{key} --reason TEXT"
            ),
        ),
        _ => condition(
            APPROVED,
            yes,
            "Approved",
            "nobody's approval is missing".to_owned(),
        ),
    };
    let (status, reason, message) = match row.state {
        ShiftState::Active => {
            let ends = clock.filter(|_| row.shift.ends_at_ms.is_some());
            let doubt = ends.map_or_else(String::new, |why| {
                format!("; its endTime waits, since {why}")
            });
            let message = format!("in effect: {}{doubt}", row.shift.action);
            (yes, "Active", message)
        }
        ShiftState::Waiting => (
            ConditionStatus::False,
            "Waiting",
            "it waits for approvals".to_owned(),
        ),
        ShiftState::Scheduled => match clock {
            Some(why) => (
                ConditionStatus::False,
                "ClockInDoubt",
                format!("its startTime waits, since {why}"),
            ),
            None => (
                ConditionStatus::False,
                "Scheduled",
                "its startTime has not come".to_owned(),
            ),
        },
        ShiftState::DryRun => (
            ConditionStatus::False,
            "DryRun",
            "a dry run changes nothing".to_owned(),
        ),
        ShiftState::Expired => (
            yes,
            "Held",
            format!(
                "its time is over, and onExpiry Hold keeps it until a person ends it: causeway restore shift/{key} --reason TEXT"
            ),
        ),
        ShiftState::Partly => {
            let first = row.refused.first();
            let first = first.map_or_else(String::new, |(_, why)| why.clone());
            let number = row.refused.len();
            (
                ConditionStatus::False,
                "RefusedInPart",
                format!("safety rules refused it for {number} services; the first: {first}"),
            )
        }
    };
    let active = condition(ACTIVE, status, reason, message);
    let ready = [&accepted, &approved, &active]
        .into_iter()
        .find(|condition| condition.status != ConditionStatus::True);
    let ready = ready.unwrap_or(&active);
    let ready = condition(READY, ready.status, &ready.reason, ready.message.clone());
    vec![accepted, approved, active, ready]
}

/// A time ahead, coarse, so that an object is not written for each second that passes.
fn about(ms: u64) -> String {
    const MINUTE: u64 = 60_000;
    match ms / MINUTE {
        0 => "in less than a minute".to_owned(),
        minutes @ 1..60 => format!("in about {minutes}m"),
        minutes => format!("in about {}h", minutes.div_ceil(60)),
    }
}

#[cfg(test)]
#[path = "shift_tests.rs"]
mod tests;
