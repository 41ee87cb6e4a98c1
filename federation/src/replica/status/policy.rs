//! The status of a FailoverPolicy. Who moves traffic, all things considered, is in [`mode`].

mod mode;

use causeway_api::ServiceKey;
use causeway_api::contingency::{LossOutcome, Readiness};
use causeway_api::spec::{PolicyKey, PolicySpec};
use causeway_crds::conditions::policy::{
    ACCEPTED, CAPACITY_PROVEN, LOSS_SURVIVABLE, READY, RESOLVED_REFS,
};
use causeway_crds::failover_policy::{
    FailoverPolicyStatus, LastDecision, PolicyReadiness, PolicyServices,
};
use causeway_failover::policy::root;
use causeway_seam::WallClock;
use causeway_state::State;

use super::counts::{About, Counted};
use super::look::{Look, condition, some_of};
use super::losses::{Found, Losses};
use super::{said, survivable};
use crate::admin::api::{Condition, ConditionStatus};
use crate::replica::registry::declared::Rows;
use crate::replica::registry::row::Row;

/// How many services of unknown capacity a message names.
const NAMED: usize = 3;

/// What policies are judged by, at one moment.
pub(super) struct PolicyLook<'a> {
    rows: &'a Rows,
    state: &'a State,
    counts: &'a Counted,
    losses: &'a Losses,
    /// Where root policies contradict each other: a sentence each, looked for once for all of them.
    conflicts: Vec<String>,
    /// What makes modes more careful, whatever single policies say.
    careful: mode::Careful<'a>,
    /// Whether what was decided last is looked at, or stays as it was said.
    decisions: bool,
}

impl<'a> PolicyLook<'a> {
    pub(super) fn new(look: &Look<'a>, losses: &'a Losses, decisions: bool) -> Self {
        Self {
            rows: look.rows,
            state: look.state,
            counts: look.counts,
            losses,
            conflicts: root(&look.state.policies).conflicts,
            careful: mode::Careful::of(look.state),
            decisions,
        }
    }

    /// What losses would do to the services of a policy, as far as there are any.
    fn found(&self, name: &str, row: &Row<PolicySpec>) -> Found<'a> {
        let key = name.parse::<PolicyKey>().ok();
        let key = key.filter(|key| self.state.policies.contains_key(key));
        let about = row.declared.as_ref().ok();
        match key {
            Some(key) if about.is_some_and(|spec| self.counts.matched(spec) > 0) => {
                self.losses.of(&key)
            }
            _ => Found::Nothing,
        }
    }
}

/// The status that is to be written. What it costs grows with the policies of the same namespace, and not with services.
pub(super) fn status(
    name: &str,
    row: &Row<PolicySpec>,
    look: &PolicyLook<'_>,
    before: &FailoverPolicyStatus,
    now: WallClock,
) -> FailoverPolicyStatus {
    let found = look.found(name, row);
    let readiness = match found {
        Found::NotYet => before.readiness.clone(),
        Found::Nothing => Vec::new(),
        Found::Losses(rows) => rows.iter().map(of_loss).collect(),
    };
    let declared = row.declared.as_ref().ok();
    let last = |spec| last_decision(spec, look);
    let mut status = FailoverPolicyStatus {
        observed_generation: row.generation(),
        effective_mode: declared.map(|spec| look.careful.mode(spec, look.counts)),
        readiness,
        services: declared.map(|spec| services(spec, look.counts)),
        last_decision: match look.decisions {
            true => declared.and_then(last),
            false => before.last_decision.clone(),
        },
        conditions: before.conditions.clone(),
    };
    said::say(
        &mut status.conditions,
        &conditions(name, row, look),
        row.generation(),
        now,
    );
    if found == Found::NotYet {
        let of_before = before.conditions.iter();
        let stays = of_before.filter(|condition| condition.type_ == LOSS_SURVIVABLE);
        status.conditions.extend(stays.cloned());
    }
    status
}

fn services(spec: &PolicySpec, counts: &Counted) -> PolicyServices {
    let (about, planned) = (About::of(spec), counts.planned());
    let known = planned.planned(about) - planned.unproven(about, 0).0;
    PolicyServices {
        matched: i32::try_from(counts.matched(spec)).unwrap_or(i32::MAX),
        capacity_known: Some(i32::try_from(known).unwrap_or(i32::MAX)),
    }
}

fn last_decision(spec: &PolicySpec, look: &PolicyLook<'_>) -> Option<LastDecision> {
    let last = look.counts.planned().last(look.state, About::of(spec))?;
    Some(LastDecision {
        generation: last.generation.to_string(),
        outcome: last.decided.word().to_owned(),
        service: last.service.to_string(),
    })
}

/// Whether anybody declares what the endpoints of the services take. No part of `Ready`: many fleets never need to.
fn capacity_proven(spec: &PolicySpec, counts: &Counted) -> Condition {
    let (about, planned) = (About::of(spec), counts.planned());
    let is =
        |status, reason: &str, message: String| condition(CAPACITY_PROVEN, status, reason, message);
    let (count, first) = planned.unproven(about, NAMED);
    if count > 0 {
        // Not how many, which changes often.
        let named: Vec<String> = first
            .iter()
            .map(|(service, places)| format!("{service} in {places}"))
            .collect();
        let more = if count > first.len() {
            ", and more services"
        } else {
            ""
        };
        let message = format!(
            "nobody declares what endpoints take of {}{more}: what would overload them is not known. Declare              spec.capacity.requestsPerSecondPerEndpoint in a FailoverPolicy about them",
            named.join("; ")
        );
        return is(ConditionStatus::False, "CapacityUnknown", message);
    }
    if planned.planned(about) == 0 {
        return is(
            ConditionStatus::Unknown,
            "NothingPlanned",
            "none of its services is planned, so nobody has asked what they take".to_owned(),
        );
    }
    is(
        ConditionStatus::True,
        "Declared",
        "of all its services that are planned it is declared what their endpoints take".to_owned(),
    )
}

fn of_loss(row: &Readiness) -> PolicyReadiness {
    let orphan = row.first_orphans.first();
    let over = row.worst_overloads.first().filter(|_| orphan.is_none());
    PolicyReadiness {
        lose: row.domain.to_string(),
        outcome: survivable::reason(row.outcome).to_owned(),
        score: i32::from(row.score),
        service: orphan
            .or(over.map(|(service, _)| service))
            .map(ToString::to_string),
        by_percent: over.map(|(_, percent)| i32::try_from(*percent).unwrap_or(i32::MAX)),
    }
}

/// Whether the rest would carry any one loss, as far as the services of this policy go. No part of `Ready`, as of a member.
fn loss_survivable(found: Found<'_>) -> Option<Condition> {
    let Found::Losses(rows) = found else {
        return None;
    };
    let worst = rows
        .first()
        .filter(|row| row.outcome > LossOutcome::Survives);
    Some(match worst {
        Some(worst) => survivable::said(worst),
        None => condition(
            LOSS_SURVIVABLE,
            ConditionStatus::True,
            survivable::reason(LossOutcome::Survives),
            "the rest would carry the loss of any one domain that is prepared for",
        ),
    })
}

/// The conditions of a policy.
pub(super) fn conditions(
    name: &str,
    row: &Row<PolicySpec>,
    look: &PolicyLook<'_>,
) -> Vec<Condition> {
    let accepted = accepted(name, row, look);
    let resolved = resolved(name, row, look.counts);
    let ready = [&accepted, &resolved]
        .into_iter()
        .find(|condition| condition.status != ConditionStatus::True);
    let ready = match ready {
        Some(first) => condition(READY, first.status, &first.reason, first.message.clone()),
        None => condition(
            READY,
            ConditionStatus::True,
            "Ready",
            accepted.message.clone(),
        ),
    };
    let mut all = vec![accepted, resolved, ready];
    let declared = row.declared.as_ref().ok();
    all.extend(declared.map(|spec| capacity_proven(spec, look.counts)));
    all.extend(loss_survivable(look.found(name, row)));
    all
}

fn accepted(name: &str, row: &Row<PolicySpec>, look: &PolicyLook<'_>) -> Condition {
    let state = look.state;
    let is = |status, reason: &str, message: String| condition(ACCEPTED, status, reason, message);
    let held = name
        .parse::<PolicyKey>()
        .ok()
        .and_then(|key| state.policies.get(&key));
    let stays = held.map_or("", |_| "; what was declared before stays in force");
    let key = name.parse::<PolicyKey>().ok();
    let stance = key.and_then(|key| look.rows.policy_stance(state, &key));
    let spec = match row.sound(stance) {
        Ok(spec) => spec,
        Err((reason, message)) => {
            return is(ConditionStatus::False, reason, format!("{message}{stays}"));
        }
    };
    if held != Some(spec) {
        let message = format!(
            "FailoverPolicy {name}: the declaration waits for a decision, which needs a majority of replicas{stays}"
        );
        return is(ConditionStatus::Unknown, "Pending", message);
    }
    if let Some(first) = overlapping(spec, state) {
        return is(
            ConditionStatus::False,
            "Conflicted",
            format!(
                "FailoverPolicy {name} is about services that {first} is about too, and {first} comes first by name: for those it is in \
                 force and this is not, though allowedRegions of both bind. Make one of them, or name other targetRefs"
            ),
        );
    }
    let prefix = format!("policy {name}: ");
    if let Some(conflict) = look
        .conflicts
        .iter()
        .find(|sentence| sentence.starts_with(&prefix))
    {
        return is(ConditionStatus::False, "Conflicted", conflict.clone());
    }
    is(
        ConditionStatus::True,
        "Accepted",
        format!("FailoverPolicy {name} is in force"),
    )
}

/// A policy of the same level that names the same services and comes first. Root policies say different things of the same
/// whole: those are compared field by field.
fn overlapping<'a>(spec: &PolicySpec, state: &'a State) -> Option<&'a PolicyKey> {
    if spec.root {
        return None;
    }
    let overlaps = |other: &PolicySpec| {
        !other.root
            && other.targets.is_empty() == spec.targets.is_empty()
            && (spec.targets.is_empty() || !spec.targets.is_disjoint(&other.targets))
    };
    // Those of one namespace stand together, in order.
    let earlier = state.policies.range(..spec.key.clone()).rev();
    let near = earlier.take_while(|(key, _)| key.namespace == spec.key.namespace);
    near.filter(|(_, other)| overlaps(other))
        .map(|(key, _)| key)
        .last()
}

fn resolved(name: &str, row: &Row<PolicySpec>, counts: &Counted) -> Condition {
    let is =
        |status, reason: &str, message: String| condition(RESOLVED_REFS, status, reason, message);
    let Ok(spec) = &row.declared else {
        return is(
            ConditionStatus::Unknown,
            "NotAccepted",
            format!("FailoverPolicy {name} is malformed, see Accepted"),
        );
    };
    let missing: Vec<&ServiceKey> = spec
        .targets
        .iter()
        .filter(|target| !counts.is_exported(target))
        .collect();
    if missing.is_empty() {
        return is(
            ConditionStatus::True,
            "Resolved",
            format!("all targets of FailoverPolicy {name} are exported by some member"),
        );
    }
    is(
        ConditionStatus::False,
        "TargetNotExported",
        format!(
            "FailoverPolicy {name}: spec.targetRefs names what no member exports: {}. Create a ServiceExport of that name in a member",
            some_of(missing, 5)
        ),
    )
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
