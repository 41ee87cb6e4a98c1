//! What else holds about a service, a domain or an override, from the state alone: now, or as it was.

use std::collections::BTreeSet;

use causeway_api::domain::Domain;
use causeway_api::ids::{MemberName, ServiceKey};
use causeway_api::shift::{ShiftAction, ShiftKey};
use causeway_api::verdict::Subject;
use causeway_state::State;
use causeway_state::brain::{Approvable, ShiftRow};
use causeway_state::effects::concerns;
use causeway_state::state::Move;

use super::overrides::{of_shift, refusals, returns, waiting};
use crate::admin::api::overrides::{ReturnRow, WaitingRow};
use crate::admin::api::{ChangeRow, Circumstances, PreparedRow};
use crate::replica::status::counts::count;

/// Rows of one kind that are answered at most.
const ROWS: usize = 20;

/// Of a service: `members` and `regions` of its destinations tell which verdicts concern it.
pub(super) fn of_service(state: &State, service: &ServiceKey) -> Circumstances {
    let members: BTreeSet<MemberName> = state
        .plan(service)
        .and_then(|row| row.value.as_ref())
        .map(|held| &held.inputs.destinations)
        .into_iter()
        .flatten()
        .map(|destination| destination.member.clone())
        .collect();
    let about = |row: &ReturnRow| row.service == *service;
    let shift = |row: &ShiftRow| row.concerns(service);
    let waits = |row: &WaitingRow| match &row.what {
        Approvable::Plan(waiting) => waiting == service,
        Approvable::Shift(key) => state.brain.shifts.get(key).is_some_and(shift),
        Approvable::Failback { domain, .. } => returns(state)
            .iter()
            .any(|row| row.service == *service && row.domain == *domain),
    };
    let mut found = gathered(state, &shift, &about, &waits);
    found.changes = changes(state, &members);
    found.refused = refusals(state)
        .filter(|row| row.service == *service)
        .collect();
    let active = state.brain.contingencies.active.as_ref();
    found.prepared = active
        .filter(|active| {
            state
                .plan(service)
                .is_some_and(|row| row.generation == active.generation)
        })
        .and_then(|active| prepared(state, &active.domain))
        .into_iter()
        .collect();
    found
}

/// Of a region, a zone, a member, a gateway or a session; `members`: those that it is about.
pub(super) fn of_subject(
    state: &State,
    subject: &Subject,
    members: &BTreeSet<MemberName>,
) -> Circumstances {
    of_domain(state, domain_of(subject).as_ref(), members)
}

/// Of a domain, with the members that are in it.
pub(super) fn of_domain(
    state: &State,
    domain: Option<&Domain>,
    members: &BTreeSet<MemberName>,
) -> Circumstances {
    let touches = |other: &Domain| {
        Some(other) == domain
            || state
                .members_in(other)
                .into_iter()
                .any(|member| members.contains(member))
    };
    let shift = |row: &ShiftRow| match &row.shift.action {
        ShiftAction::Evacuate(domain) | ShiftAction::Restore(domain) => touches(domain),
        // They hold all plans as they are, whatever is lost.
        ShiftAction::Freeze => row.shift.root,
        ShiftAction::Weigh(weights) => members
            .iter()
            .filter_map(|member| state.member(member)?.region())
            .any(|region| weights.contains_key(region)),
        ShiftAction::Pin => false,
    };
    let about = |row: &ReturnRow| touches(&row.domain);
    let waits = |row: &WaitingRow| match &row.what {
        Approvable::Shift(key) => state.brain.shifts.get(key).is_some_and(shift),
        Approvable::Failback { domain, .. } => touches(domain),
        Approvable::Plan(service) => to_any(state, service, members),
    };
    let mut found = gathered(state, &shift, &about, &waits);
    found.changes = changes(state, members);
    let mut refused = refusals(state).filter(|row| to_any(state, &row.service, members));
    found.refused = refused.by_ref().take(ROWS).collect();
    found.more_refused = count(refused.count());
    found.prepared = domain
        .and_then(|domain| prepared(state, domain))
        .into_iter()
        .collect();
    found
}

/// Of an override.
pub(super) fn of_one_shift(state: &State, key: &ShiftKey) -> Circumstances {
    let row = state.brain.shifts.get(key);
    let domain = row.and_then(|row| match &row.shift.action {
        ShiftAction::Evacuate(domain) | ShiftAction::Restore(domain) => Some(domain),
        _ => None,
    });
    let about = |back: &ReturnRow| {
        Some(&back.domain) == domain && row.is_some_and(|row| concerns(&row.shift, &back.service))
    };
    let waits =
        |row: &WaitingRow| matches!(&row.what, Approvable::Shift(waiting) if waiting == key);
    let mut found = gathered(state, &|_| false, &about, &waits);
    found.audit = acts(state, &|object| object == format!("TrafficShift {key}"));
    found
}

fn gathered(
    state: &State,
    shift: &dyn Fn(&ShiftRow) -> bool,
    about: &dyn Fn(&ReturnRow) -> bool,
    waits: &dyn Fn(&WaitingRow) -> bool,
) -> Circumstances {
    let shifts: Vec<&ShiftRow> = state
        .brain
        .shifts
        .values()
        .filter(|row| shift(row))
        .collect();
    let names: BTreeSet<String> = shifts
        .iter()
        .map(|row| format!("TrafficShift {}", row.shift.key))
        .collect();
    let mut back = returns(state).into_iter().filter(about);
    Circumstances {
        shifts: shifts
            .into_iter()
            .take(ROWS)
            .map(|row| of_shift(state, row))
            .collect(),
        returns: back.by_ref().take(ROWS).collect(),
        more_returns: count(back.count()),
        waiting: waiting(state)
            .into_iter()
            .filter(waits)
            .take(ROWS)
            .collect(),
        brake: state.brain.brake.clone(),
        audit: acts(state, &|object| names.contains(object)),
        ..Circumstances::default()
    }
}

/// Acts on objects, the newest last.
fn acts(state: &State, of: &dyn Fn(&str) -> bool) -> Vec<causeway_state::brain::AuditRow> {
    let audit = state.brain.audit.iter().rev();
    let mut acts: Vec<_> = audit
        .filter(|row| of(&row.object))
        .take(ROWS)
        .cloned()
        .collect();
    acts.reverse();
    acts
}

/// Verdicts that changed, on members and what is in or around them, the newest last.
fn changes(state: &State, members: &BTreeSet<MemberName>) -> Vec<ChangeRow> {
    let concerned = |subject: &Subject| match subject {
        Subject::Gateway { member, .. }
        | Subject::Session { member }
        | Subject::Member { member } => members.contains(member),
        Subject::Zone { region, .. } | Subject::Region { region } => members
            .iter()
            .filter_map(|member| state.member(member)?.region())
            .any(|of| of == region),
    };
    let history = state.history.iter().rev();
    let mut rows: Vec<ChangeRow> = history
        .filter(|row| concerned(&row.subject))
        .take(ROWS)
        .map(|row| change(state, row))
        .collect();
    rows.reverse();
    rows
}

fn change(state: &State, row: &Move) -> ChangeRow {
    let not_counted: BTreeSet<String> = row
        .evidence
        .iter()
        .filter_map(|vote| Some(format!("{}: {}", vote.observer, vote.not_counted.as_ref()?)))
        .collect();
    ChangeRow {
        generation: row.generation,
        ago_ms: state.cluster_time.since_ms(row.at),
        subject: row.subject.clone(),
        from: row.from,
        to: row.to,
        domains: row.grounds.against_domains,
        against: row.grounds.against,
        counted: row.grounds.counted,
        not_counted: not_counted.into_iter().collect(),
    }
}

/// What is prepared for the loss of a domain.
fn prepared(state: &State, domain: &Domain) -> Option<PreparedRow> {
    let held = &state.brain.contingencies;
    let row = held.rows.get(domain)?;
    let active = held
        .active
        .as_ref()
        .filter(|active| active.domain == *domain);
    Some(PreparedRow {
        readiness: row.readiness.clone(),
        generation: row.generation,
        content: row.hash.to_string(),
        active: active.map(|active| active.generation),
    })
}

/// Whether a service has a destination in one of the members.
fn to_any(state: &State, service: &ServiceKey, members: &BTreeSet<MemberName>) -> bool {
    let plan = state.plan(service).and_then(|row| row.value.as_ref());
    plan.is_some_and(|held| {
        let mut to = held.inputs.destinations.iter();
        to.any(|to| members.contains(&to.member))
    })
}

/// What would be lost with a subject; a session is none.
fn domain_of(subject: &Subject) -> Option<Domain> {
    Some(match subject {
        Subject::Region { region } => Domain::Region(region.clone()),
        Subject::Zone { region, zone } => Domain::Zone {
            region: region.clone(),
            zone: zone.clone(),
        },
        Subject::Member { member } => Domain::Member(member.clone()),
        Subject::Gateway { member, gateway } => Domain::Gateway {
            member: member.clone(),
            gateway: gateway.clone(),
        },
        Subject::Session { .. } => return None,
    })
}
