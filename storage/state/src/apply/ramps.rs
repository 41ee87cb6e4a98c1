//! Traffic returns: after the hold-down, in steps, each watched for an interval and gated on health.
//!
//! A return begins in the same log entry as the verdict, or the end of the override, that allows it, so that no plan can
//! send everything back before. It waits for a person where policy says so. A step follows when its interval is over and
//! enough endpoints are ready by the inputs of the committed plan; where health falls it goes back a step, and waits.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use causeway_api::domain::Domain;
use causeway_api::plan::{DestinationInput, PlanInputs, Withdrawal};
use causeway_api::rules::FailbackMode;
use causeway_api::shift::{Shift, ShiftAction};
use causeway_api::verdict::{ClusterTime, Subject};
use causeway_api::{MemberName, ServiceKey};
use causeway_failover::policy::{self, Effective};
use causeway_failover::safety::limits;
use causeway_failover::safety::moved::left_percent;

use crate::brain::ramps::deadline;
use crate::brain::{AfterHoldDown, Ramp, RampStage};
use crate::effects;
use crate::outcome::Effect;
use crate::state::State;

/// Looks at who is out after verdicts, members or networks changed: where somebody is back, traffic returns.
pub(super) fn look(state: &mut State, effect: &mut Effect) {
    if state.feature_level < 2 {
        return;
    }
    let mut returned = BTreeSet::new();
    for member in concerned(state, effect) {
        let out = matches!(
            state.withdrawal(&member),
            Some(Withdrawal::Lost | Withdrawal::Recovering | Withdrawal::Away)
        );
        if out {
            if state.brain.out.insert(member.clone()) {
                note_lost(state, &member);
                forget(state, &Domain::Member(member));
            }
        } else if state.brain.out.remove(&member) && state.members.contains_key(&member) {
            returned.insert(member);
        }
    }
    if !returned.is_empty() {
        begin(state, &returned);
    }
}

/// A member is out by verdict: the evacuations that are leaving it leave all of it, until they end.
pub(super) fn note_lost(state: &mut State, member: &MemberName) {
    let leaving = state.brain.shifts.values().filter(|row| {
        row.effective_at.is_some()
            && !row.lost.contains(member)
            && matches!(&row.shift.action, ShiftAction::Evacuate(domain)
                if state.may_leave(domain, member))
    });
    let keys: Vec<_> = leaving.map(|row| row.shift.key.clone()).collect();
    for key in keys {
        if let Some(row) = state.brain.shifts.get_mut(&key) {
            row.lost.insert(member.clone());
        }
    }
}

/// Members whose reach may have changed: those that are named, and all of their networks.
fn concerned(state: &State, effect: &Effect) -> BTreeSet<MemberName> {
    let named = effect
        .verdicts
        .iter()
        .filter_map(|(subject, ..)| match subject {
            Subject::Member { member } | Subject::Gateway { member, .. } => Some(member),
            _ => None,
        });
    let named: BTreeSet<&MemberName> = named.chain(&effect.members).chain(&effect.placed).collect();
    let networks: BTreeSet<_> = named
        .iter()
        .filter_map(|name| state.members.get(*name)?.network())
        .collect();
    let near = state.members.iter().filter(|(_, member)| {
        member
            .network()
            .is_some_and(|network| networks.contains(network))
    });
    near.map(|(name, _)| name)
        .chain(named.iter().copied())
        .cloned()
        .collect()
}

/// Traffic returns to members that are back: of each service that had left them.
fn begin(state: &mut State, returned: &BTreeSet<MemberName>) {
    let left = |zone: &DestinationInput| {
        returned.contains(&zone.member)
            && matches!(
                zone.withdrawn,
                Some(Withdrawal::Lost | Withdrawal::Recovering | Withdrawal::Away)
            )
    };
    let mut rows = Vec::new();
    for (service, inputs) in planned(state) {
        let members: BTreeSet<&MemberName> = inputs
            .destinations
            .iter()
            .filter(|zone| zone.exported && left(zone))
            .map(|zone| &zone.member)
            .collect();
        for member in members {
            let restored = state.bound(service).any(|row| {
                matches!(&row.shift.action, ShiftAction::Restore(domain) if state.is_in(domain, member, None))
            });
            if restored {
                continue;
            }
            let domain = Domain::Member(member.clone());
            rows.extend(
                ramp(state, service, Since::Verdict).map(|ramp| (service.clone(), domain, ramp)),
            );
        }
    }
    enter(state, rows);
}

/// Traffic returns to what an override had left, from where it stands. What is out by verdict, or was (`lost`) and returns
/// as that, returns with it; and so does what waits to return since before that override.
pub(super) fn begin_after(
    state: &mut State,
    shift: &Shift,
    domain: &Domain,
    lost: &BTreeSet<MemberName>,
) {
    let mut rows = Vec::new();
    for (service, inputs) in planned(state) {
        let returning = state.brain.ramps.get(service);
        let apart = |member: &MemberName| {
            let own = returning.and_then(|rows| rows.get(&Domain::Member(member.clone())));
            own.is_some_and(|own| own.stage != RampStage::Climbing || lost.contains(member))
        };
        let left = inputs.destinations.iter().filter(|zone| {
            left_percent(zone) > 0
                && zone.exported
                && state.is_in(domain, &zone.member, zone.zone.as_ref())
                && !apart(&zone.member)
        });
        let stays = left.map(|zone| 100 - left_percent(zone)).min();
        let stays = stays.filter(|_| effects::concerns(shift, service));
        rows.extend(stays.and_then(|stays| {
            let mut ramp = ramp(state, service, Since::Word)?;
            stand_at(&mut ramp, stays);
            Some((service.clone(), domain.clone(), ramp))
        }));
    }
    enter(state, rows);
}

/// A person restores a domain: whatever held its traffic back is over.
pub(super) fn restore(state: &mut State, shift: &Shift, domain: &Domain) {
    let inside = |state: &State, other: &Domain| {
        other == domain
            || state.members_in(other).is_subset(&state.members_in(domain))
                && !matches!(domain, Domain::Zone { .. } | Domain::Gateway { .. })
    };
    let mut ramps = std::mem::take(&mut state.brain.ramps);
    ramps.change_all(|service, rows| {
        if effects::concerns(shift, service) {
            rows.retain(|other, _| !inside(state, other));
        }
    });
    state.brain.ramps = ramps;
}

/// A person approves returns; says of which services.
pub(super) fn approve(
    state: &mut State,
    domain: &Domain,
    service: Option<&ServiceKey>,
) -> Vec<ServiceKey> {
    let now = state.cluster_time;
    let mut approved = Vec::new();
    let mut one = |key: &ServiceKey, rows: &mut BTreeMap<Domain, Ramp>| {
        let ramp = rows.get_mut(domain);
        if ramp.is_some_and(|ramp| approve_one(ramp, now)) {
            approved.push(key.clone());
        }
    };
    match service {
        Some(service) => state.brain.ramps.change(service, |rows| one(service, rows)),
        None => state.brain.ramps.change_all(one),
    }
    approved
}

/// Says whether it waited for that.
fn approve_one(ramp: &mut Ramp, now: ClusterTime) -> bool {
    match &mut ramp.stage {
        RampStage::HoldDown { then, .. } => {
            std::mem::replace(then, AfterHoldDown::Climb) == AfterHoldDown::Approval
        }
        stage @ RampStage::Approval => {
            *stage = RampStage::Climbing;
            ramp.since = now;
            true
        }
        RampStage::Never | RampStage::Climbing => false,
    }
}

/// Time has passed: whoever is due goes on.
pub(super) fn advance(state: &mut State) -> Effect {
    let now = state.cluster_time;
    let mut effect = Effect::default();
    let due = state.brain.ramps.due(now).into_iter().flat_map(|service| {
        let rows = state.brain.ramps.get(&service).into_iter().flatten();
        let due = rows.filter(|(_, ramp)| deadline(ramp).is_some_and(|at| at <= now));
        due.map(|(domain, _)| (service.clone(), domain.clone()))
            .collect::<Vec<_>>()
    });
    let due: Vec<(ServiceKey, Domain)> = due.collect();
    for (service, domain) in due {
        let healthy = health(state, &service, &domain);
        let admitted = admitted(state, &service, &domain);
        // Nothing is there any more to which anything could return.
        let gone = !known(state, &service, &domain);
        let moved = state.brain.ramps.change(&service, |rows| {
            let (moved, done) = match rows.get_mut(&domain) {
                Some(ramp) if gone => {
                    ramp.since = now;
                    (false, true)
                }
                Some(ramp) => go_on(ramp, now, healthy, admitted),
                None => (false, false),
            };
            if done {
                rows.remove(&domain);
            }
            moved
        });
        if moved {
            effect.people = true;
            effect.replan.push(service);
        }
    }
    effect
}

/// A return is due: says whether it moved, and whether it is over.
fn go_on(
    ramp: &mut Ramp,
    now: ClusterTime,
    healthy: Option<u8>,
    admitted: Option<u8>,
) -> (bool, bool) {
    ramp.since = now;
    match ramp.stage {
        RampStage::HoldDown { then, .. } => {
            ramp.stage = match then {
                AfterHoldDown::Climb => RampStage::Climbing,
                AfterHoldDown::Approval => RampStage::Approval,
            };
        }
        // A step counts from when it is planned: nobody climbs while plans stand still.
        RampStage::Climbing if admitted != Some(ramp.admitted_percent()) => return (false, false),
        RampStage::Climbing => {
            ramp.unhealthy = healthy.is_none_or(|percent| percent < ramp.healthy_percent);
            let last =
                u32::try_from(ramp.step_percents.len().saturating_sub(1)).unwrap_or(u32::MAX);
            if ramp.unhealthy && ramp.step > 0 {
                ramp.step -= 1;
                ramp.backoffs = ramp.backoffs.saturating_add(1);
            } else if ramp.unhealthy {
                // It stays on its first step until it is healthy.
                return (false, false);
            } else if ramp.step >= last {
                return (true, true);
            } else {
                ramp.step += 1;
            }
        }
        RampStage::Approval | RampStage::Never => return (false, false),
    }
    (true, false)
}

/// The inputs of a service's plan were noted: where its health has fallen a return goes back a step at once.
pub(super) fn hear(state: &mut State, service: &ServiceKey) -> bool {
    let Some(domains) = state.brain.ramps.get(service) else {
        return false;
    };
    let heard: Vec<(Domain, Option<u8>)> = domains
        .keys()
        .map(|domain| (domain.clone(), health(state, service, domain)))
        .collect();
    let now = state.cluster_time;
    state.brain.ramps.change(service, |rows| {
        let mut back = false;
        for (domain, health) in heard {
            let Some(ramp) = rows.get_mut(&domain) else {
                continue;
            };
            let unhealthy = health.is_none_or(|percent| percent < ramp.healthy_percent);
            if unhealthy && !ramp.unhealthy && ramp.stage == RampStage::Climbing && ramp.step > 0 {
                ramp.step -= 1;
                ramp.since = now;
                ramp.backoffs = ramp.backoffs.saturating_add(1);
                back = true;
            }
            ramp.unhealthy = unhealthy;
        }
        back
    })
}

/// A safety rule refused what would return: it goes back to what the committed plan has, and tries again when its interval
/// is over, or when there is room.
pub(super) fn hold_back(state: &mut State, service: &ServiceKey, retry_at: Option<ClusterTime>) {
    let now = state.cluster_time;
    let policy = policy::effective(&state.policies, service);
    let mut rows = state.brain.ramps.get(service).cloned().unwrap_or_default();
    for (zone, had) in returning(state, service) {
        let (member, name) = (&zone.member, zone.zone.as_ref());
        let mut known = false;
        for (domain, ramp) in &mut rows {
            if state.is_in(domain, member, name) {
                known = true;
                fall_back(ramp, had, now, retry_at);
            }
        }
        if !known {
            // It would have returned at once.
            let mut ramp = begun(&policy, RampStage::Climbing, now);
            fall_back(&mut ramp, had, now, retry_at);
            rows.insert(Domain::Member(member.clone()), ramp);
        }
    }
    state.brain.ramps.change(service, |held| *held = rows);
}

/// Where more would return than the committed plan has, and how much it has, in percent.
pub(super) fn returning(state: &State, service: &ServiceKey) -> Vec<(DestinationInput, u8)> {
    let held = state.plan(service).and_then(|row| row.value.as_ref());
    let zones = held.into_iter().flat_map(|held| &held.inputs.destinations);
    let more = zones.filter(|zone| zone.exported).filter_map(|zone| {
        let had = match zone.withdrawn {
            None => zone.admitted_percent,
            Some(Withdrawal::Evacuated) => 100 - left_percent(zone),
            Some(_) => 0,
        };
        let stands = state.standing(service, &zone.member, zone.zone.as_ref());
        let more = stands.withdrawn.is_none() && stands.admitted_percent > had;
        more.then(|| (zone.clone(), had))
    });
    more.collect()
}

/// A return goes back to what is admitted already, and on from there.
fn fall_back(ramp: &mut Ramp, had: u8, now: ClusterTime, retry_at: Option<ClusterTime>) {
    if ramp.admitted_percent() <= had {
        return;
    }
    stand_at(ramp, had);
    ramp.since = now;
    if had == 0 {
        ramp.stage = RampStage::HoldDown {
            until: retry_at.unwrap_or(now.plus_ms(ramp.interval_ms.max(1))),
            then: AfterHoldDown::Climb,
        };
    }
}

/// The step of a return that admits so much, which is made one where it is none; of nothing, the first.
fn stand_at(ramp: &mut Ramp, percent: u8) {
    let steps = &mut ramp.step_percents;
    let below = steps.iter().filter(|step| **step < percent).count();
    if percent > 0 && steps.get(below) != Some(&percent) {
        steps.insert(below, percent);
    }
    ramp.step = u32::try_from(below).unwrap_or(u32::MAX);
}

/// A service is no longer planned: nothing returns.
pub(super) fn drop_service(state: &mut State, service: &ServiceKey) {
    state.brain.ramps.change(service, BTreeMap::clear);
}

/// When the next return goes on.
pub(crate) fn next_deadline(state: &State) -> Option<ClusterTime> {
    state.brain.ramps.next_deadline()
}

fn planned(state: &State) -> impl Iterator<Item = (&ServiceKey, &PlanInputs)> {
    let rows = state.plans.iter();
    rows.filter_map(|(service, row)| Some((service, &Arc::as_ref(row).value.as_ref()?.inputs)))
}

/// What held traffic back until now.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Since {
    /// A verdict: policy says who lets it return.
    Verdict,
    /// An override that is over, by a person or by the time that its author gave it: it returns by that word.
    Word,
}

/// How a service's traffic returns; `None`: at once.
fn ramp(state: &State, service: &ServiceKey, since: Since) -> Option<Ramp> {
    let policy = policy::effective(&state.policies, service);
    let verdict_ms = state.rules().hold_down_ms;
    if limits::returns_at_once(&policy, verdict_ms) {
        return None;
    }
    let now = state.cluster_time;
    let failback = &policy.rules.failback;
    let after = |then| match policy.hold_down_ms.checked_sub(verdict_ms) {
        Some(more @ 1..) => RampStage::HoldDown {
            until: now.plus_ms(more),
            then,
        },
        _ if then == AfterHoldDown::Approval => RampStage::Approval,
        _ => RampStage::Climbing,
    };
    let stage = match (since, failback.mode) {
        (Since::Word, _) => RampStage::Climbing,
        (Since::Verdict, FailbackMode::Never) => RampStage::Never,
        (Since::Verdict, FailbackMode::Approve) => after(AfterHoldDown::Approval),
        (Since::Verdict, FailbackMode::Automatic) => after(AfterHoldDown::Climb),
    };
    if stage == RampStage::Climbing && failback.step_percents.first() == Some(&100) {
        return None;
    }
    Some(begun(&policy, stage, now))
}

fn begun(policy: &Effective, stage: RampStage, now: ClusterTime) -> Ramp {
    let failback = &policy.rules.failback;
    Ramp {
        stage,
        step_percents: failback.step_percents.clone(),
        interval_ms: failback.interval_ms,
        step: 0,
        since: now,
        healthy_percent: limits::healthy_percent(policy),
        unhealthy: false,
        backoffs: 0,
    }
}

fn enter(state: &mut State, rows: Vec<(ServiceKey, Domain, Ramp)>) {
    for (service, domain, ramp) in rows {
        let enter = |held: &mut BTreeMap<_, _>| held.insert(domain, ramp);
        state.brain.ramps.change(&service, enter);
    }
}

fn forget(state: &mut State, domain: &Domain) {
    let forget = |_: &ServiceKey, rows: &mut BTreeMap<_, _>| drop(rows.remove(domain));
    state.brain.ramps.change_all(forget);
}

/// Whether the committed plan knows of anything in a domain.
fn known(state: &State, service: &ServiceKey, domain: &Domain) -> bool {
    let held = state.plan(service).and_then(|row| row.value.as_ref());
    held.is_some_and(|held| {
        let mut zones = held.inputs.destinations.iter();
        zones.any(|zone| state.is_in(domain, &zone.member, zone.zone.as_ref()))
    })
}

/// How much the committed plan admits to a domain; `None` where nothing of it is open.
fn admitted(state: &State, service: &ServiceKey, domain: &Domain) -> Option<u8> {
    let held = state.plan(service)?.value.as_ref()?;
    let zones = held.inputs.destinations.iter().filter(|zone| {
        let here = state.is_in(domain, &zone.member, zone.zone.as_ref());
        here && zone.exported && zone.withdrawn.is_none()
    });
    zones.map(|zone| zone.admitted_percent).max()
}

/// The share of ready endpoints of a domain, by the inputs of the committed plan; `None` where it has none at all.
fn health(state: &State, service: &ServiceKey, domain: &Domain) -> Option<u8> {
    let held = state.plan(service)?.value.as_ref()?;
    let zones = held
        .inputs
        .destinations
        .iter()
        .filter(|zone| zone.exported && state.is_in(domain, &zone.member, zone.zone.as_ref()));
    let (ready, total) = zones.fold((0_u64, 0_u64), |(ready, total), zone| {
        (ready + u64::from(zone.ready), total + u64::from(zone.total))
    });
    let percent = (ready * 100).checked_div(total)?;
    u8::try_from(percent.min(100)).ok()
}

#[cfg(test)]
mod tests;
