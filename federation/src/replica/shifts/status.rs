//! What a TrafficShift says of itself.

use causeway_api::shift::{Shift, ShiftAction};
use causeway_crds::conditions::shift::{ACCEPTED, ACTIVE, APPROVED, READY};
use causeway_crds::traffic_shift::TrafficShiftStatus;
use causeway_seam::WallClock;
use causeway_state::State;
use causeway_state::effects::concerns;
use kube::core::DynamicObject;
use serde::Deserialize as _;

use crate::admin::api::overrides::{ShiftReport, ShiftState};
use crate::admin::api::{Condition, ConditionStatus};
use crate::replica::backend::overrides::of_shift;
use crate::replica::status::look::condition;
use crate::replica::status::said;

/// What is known of an object beside the state.
pub(super) struct Said<'a> {
    /// What it asks for, or what is wrong with it; `None` where it is over.
    pub(super) asked: Option<&'a Result<Shift, String>>,
    /// How it ended.
    pub(super) over: Option<Over>,
    /// Whether the log has had its override.
    pub(super) taken: bool,
    /// Why the log refused it.
    pub(super) refused: Option<&'a str>,
    /// What a dry run would bring about.
    pub(super) foreseen: Option<&'a str>,
}

/// That an override is over: from then on its object asks for nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Over {
    /// Its time was over.
    Expired,
    /// A person ended it.
    Ended,
}

impl Over {
    /// As the object's own status says.
    pub(super) fn of(object: &DynamicObject) -> Option<Self> {
        match before(object).state.as_deref() {
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

fn before(object: &DynamicObject) -> TrafficShiftStatus {
    let status = object.data.get("status");
    status
        .and_then(|status| TrafficShiftStatus::deserialize(status).ok())
        .unwrap_or_default()
}

/// Whether the log has had the override of this object.
pub(super) fn taken_in(object: &DynamicObject) -> bool {
    matches!(
        before(object).state.as_deref(),
        Some("Waiting" | "Scheduled" | "Active" | "Partly" | "Held" | "DryRun")
    )
}

/// The status that the object has, and the one that it should have.
pub(super) fn status(
    object: &DynamicObject,
    said_: &Said<'_>,
    state: &State,
    now: WallClock,
) -> (TrafficShiftStatus, TrafficShiftStatus) {
    let before = before(object);
    let generation = object.metadata.generation;
    let mut after = TrafficShiftStatus {
        observed_generation: generation,
        conditions: before.conditions.clone(),
        ..TrafficShiftStatus::default()
    };
    let conditions = match said_.asked {
        None => over(said_.over.unwrap_or(Over::Ended), &before, &mut after),
        Some(Err(why)) => refused("Invalid", why, &mut after),
        Some(Ok(shift)) => {
            describe(shift, state, &mut after);
            let row = state.brain.shifts.get(&shift.key);
            match (row, said_.refused) {
                (_, Some(why)) => refused("Refused", why, &mut after),
                (Some(row), None) => held(&of_shift(state, row), said_.foreseen, &mut after),
                (None, None) if said_.taken => {
                    let how = ended(shift, state);
                    over(how, &before, &mut after)
                }
                (None, None) => pending(&mut after),
            }
        }
    };
    said::say(&mut after.conditions, &conditions, generation, now);
    (before, after)
}

/// How an override that is no more ended, as far as the audit remembers.
fn ended(shift: &Shift, state: &State) -> Over {
    use causeway_state::brain::Act;
    let named = |row: &&causeway_state::brain::AuditRow| {
        row.object.contains(&shift.key.to_string()) && matches!(row.act, Act::Ended | Act::Expired)
    };
    match state
        .brain
        .audit
        .iter()
        .rev()
        .find(named)
        .map(|row| row.act)
    {
        Some(Act::Expired) => Over::Expired,
        _ => Over::Ended,
    }
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
    foreseen: Option<&str>,
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
    let accepted = condition(
        ACCEPTED,
        yes,
        "Accepted",
        foreseen.map_or_else(
            || format!("decided in generation {}", row.generation),
            ToOwned::to_owned,
        ),
    );
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
        ShiftState::Active => (yes, "Active", format!("in effect: {}", row.shift.action)),
        ShiftState::Waiting => (
            ConditionStatus::False,
            "Waiting",
            "it waits for approvals".to_owned(),
        ),
        ShiftState::Scheduled => (
            ConditionStatus::False,
            "Scheduled",
            "its startTime has not come".to_owned(),
        ),
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
#[path = "status_tests.rs"]
mod tests;
