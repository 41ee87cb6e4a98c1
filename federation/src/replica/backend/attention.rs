//! What a person should look at, each with a remedy and a command that shows more.

mod demand;
mod people;

use std::time::Duration;

use causeway_api::MemberName;
use causeway_api::peer::Fenced;
use causeway_api::registry::ObjectKey;
use causeway_crds::conditions::member::{AGENT_CONNECTED, GATEWAY_REACHABLE, READY};
use causeway_storage::{DiskPulse, Divergence};

use super::Sight;
use super::sights::millis;
use crate::admin::api::{Attention, ClusterRow, ConditionStatus, ReplicaSight};
use crate::cli::text;
use crate::replica::registry::Kind;
use crate::replica::registry::row::Row;
use crate::replica::registry::stance::Stance;
use crate::replica::shared::Shared;
use crate::replica::status::compatible::of_one_object;
use crate::replica::status::counts::{self, count};

/// Refused plans that are named; the rest is counted.
const PLANS: usize = 5;

/// Everything that needs a person.
pub(super) fn attention(sight: &Sight<'_>, members: &[ClusterRow]) -> Vec<Attention> {
    let mut all: Vec<Attention> = sight
        .look
        .rows
        .trouble
        .values()
        .chain(&sight.look.rows.nowhere)
        .map(|why| of("registry", why.clone()))
        .collect();
    all.extend(declarations(sight));
    all.extend(strangers(sight));
    for row in members {
        all.extend(member(sight, row));
    }
    all.extend(plans(sight));
    all.extend(demand::unserved(sight));
    all.extend(people::people(sight));
    all
}

/// A replica whose state is another than the leader's.
pub(super) fn diverged(found: Option<&Divergence>) -> Option<Attention> {
    let found = found?;
    Some(of(
        "decisions",
        format!(
            "{found}: a defect of Causeway, or damaged memory; stop this replica, keep its data folder for a report, and let it \
             begin anew from the others (causeway replica remove, then add)"
        ),
    ))
}

/// Replicas whose disks take too long.
pub(super) fn disks(replicas: &[ReplicaSight]) -> Vec<Attention> {
    let slow = |row: &ReplicaSight| {
        let took = Duration::from_micros(row.disk_us?);
        DiskPulse::is_stall(took).then(|| Attention {
            command: Some("causeway replica list -o wide".to_owned()),
            ..of(
                format!("replica {}", row.replica),
                format!(
                    "its disk stalls: a write takes {}, where milliseconds are usual; meanwhile it neither votes nor takes part in \
                     decisions, and the lead leaves it: look at the disk of its host",
                    text::duration(millis(took))
                ),
            )
        })
    };
    replicas.iter().filter_map(slow).collect()
}

/// This replica has no part in its clusterset any more, or may have none: it serves no agents. Or it was told to join another.
pub(super) fn out(shared: &Shared) -> Option<Attention> {
    let message = match shared.out() {
        Some(why) => format!(
            "it has no part in its clusterset any more ({why}), and what it shows is of then: ask another one. {}",
            Fenced::REMEDY
        ),
        None => match shared.unserved() {
            Some((why, _)) => why,
            None => shared.links.get()?.misplaced()?,
        },
    };
    Some(of(format!("replica {}", shared.id), message))
}

fn of(object: impl Into<String>, message: impl Into<String>) -> Attention {
    Attention {
        object: object.into(),
        message: message.into(),
        member: None,
        command: None,
        since_ago_ms: None,
    }
}

/// Objects that are malformed or gone, while what they declared is in force.
fn declarations(sight: &Sight<'_>) -> Vec<Attention> {
    let rows = sight.look.rows;
    let mut all = Vec::new();
    for (name, row) in &rows.members {
        // A registered one says it by its conditions.
        let registered = name
            .parse::<MemberName>()
            .is_ok_and(|member| sight.look.state.members.contains_key(&member));
        all.extend(
            why_not(row)
                .filter(|_| !registered)
                .map(|why| of(format!("MemberCluster {name}"), why)),
        );
    }
    let policies = rows.policies.iter();
    let policies = policies.map(|(name, row)| (Kind::Policy, name, why_not(row)));
    let shifts = rows.shifts.iter();
    let shifts = shifts.map(|(name, row)| (Kind::Shift, name, why_not(row)));
    for (kind, name, why) in policies.chain(shifts) {
        all.extend(why.map(|why| of(format!("{kind} {name}"), why)));
    }
    let state = sight.look.state;
    let policies = state.policies.keys().cloned().map(ObjectKey::Policy);
    let shifts = state.brain.shifts.keys().cloned().map(ObjectKey::Shift);
    for object in policies.chain(shifts) {
        if let Some(Stance::Apart { message, .. }) = rows.stance_of(state, &object) {
            all.push(of(format!("{} {}", object.kind(), object.name()), message));
        }
    }
    for (key, why) in &rows.unmirrored {
        all.push(of(
            format!("{} {}", key.kind(), key.name()),
            format!("it cannot be mirrored into the host cluster of this replica: {why}"),
        ));
    }
    for ((kind, name), why) in &rows.kept {
        let remedy = format!(
            "create it again to keep it; to remove it: causeway registry confirm {kind} {name}"
        );
        all.push(of(
            format!("{kind} {name}"),
            format!("its object is gone, and it stays in force: {why}; {remedy}"),
        ));
    }
    all
}

/// What is wrong with an object, or why it was refused.
fn why_not<S>(row: &Row<S>) -> Option<String> {
    let fault = row.declared.as_ref().err();
    fault
        .map(|fault| fault.message.clone())
        .or_else(|| row.refused.clone())
}

/// Agents whose member nobody registered.
fn strangers(sight: &Sight<'_>) -> Vec<Attention> {
    let unknown = sight
        .look
        .refusals
        .iter()
        .filter(|(member, _)| !sight.look.state.members.contains_key(*member));
    let said = unknown.map(|(member, refused)| Attention {
        member: Some(member.clone()),
        since_ago_ms: Some(sight.ages.since_ms(refused.since)),
        ..of(
            format!("agent of {member}"),
            format!(
                "an agent asks for a session and is refused: {}",
                refused.reason
            ),
        )
    });
    said.take(20).collect()
}

fn member(sight: &Sight<'_>, row: &ClusterRow) -> Vec<Attention> {
    let mut all = Vec::new();
    let object = format!("MemberCluster {}", row.name);
    // What is not known of a member needs a person as much as what is known to be wrong.
    let ready = row
        .condition(READY)
        .filter(|ready| ready.status != ConditionStatus::True);
    if let Some(ready) = ready {
        // What a verdict says already is an incident, and told as one.
        let told = [AGENT_CONNECTED, GATEWAY_REACHABLE].iter().any(|kind| {
            !row.verdict.may_receive()
                && row
                    .condition(kind)
                    .is_some_and(|condition| condition.reason == ready.reason)
        });
        if !told {
            all.push(Attention {
                member: Some(row.name.clone()),
                command: Some(command(row, &ready.reason)),
                since_ago_ms: refused_since(sight, row, &ready.reason),
                ..of(object.clone(), ready.message.clone())
            });
        }
    }
    // What is wrong with single objects keeps the member from nothing, and somebody should know.
    let problems = sight
        .look
        .member(&row.name)
        .fact()
        .map(|fact| fact.problems.as_slice())
        .unwrap_or_default();
    let single: Vec<&String> = problems
        .iter()
        .filter(|problem| of_one_object(problem))
        .collect();
    if let Some(first) = single.first() {
        let more = match count(single.len()) {
            1 => String::new(),
            number => format!(" (and {} more)", number - 1),
        };
        all.push(Attention {
            member: Some(row.name.clone()),
            ..of(object, format!("{first}{more}"))
        });
    }
    all
}

/// For how long the agent has been refused, where that is what is wrong.
fn refused_since(sight: &Sight<'_>, row: &ClusterRow, reason: &str) -> Option<u64> {
    let look = sight.look.member(&row.name);
    let refused = look.refused.filter(|_| look.session.is_none())?;
    let told = row.condition(AGENT_CONNECTED)?.reason == reason;
    told.then(|| sight.ages.since_ms(refused.since))
}

fn command(row: &ClusterRow, reason: &str) -> String {
    match reason {
        "GatewayLost" | "Recovering" | "SessionLost" => {
            format!("causeway explain member/{}", row.name)
        }
        "Deleted" | "Quarantined" | "Draining" => "causeway registry list".to_owned(),
        reason if reason.starts_with("Foreign") || reason == "Suspended" || reason == "Behind" => {
            format!("causeway diff {}", row.name)
        }
        _ => "causeway clusters -o wide".to_owned(),
    }
}

fn plans(sight: &Sight<'_>) -> Vec<Attention> {
    let mut all: Vec<Attention> = sight
        .refused
        .iter()
        .take(PLANS)
        .map(|(service, why)| Attention {
            command: Some(format!("causeway explain {service}")),
            ..of(
                service.to_string(),
                format!("{why}; the last good plan stays in force"),
            )
        })
        .collect();
    if let Some(more) = sight
        .refused
        .len()
        .checked_sub(PLANS)
        .filter(|more| *more > 0)
    {
        all.push(of(
            "plans",
            format!(
                "{} a plan that was refused: causeway services",
                text::count(
                    counts::count(more),
                    "more service has",
                    "more services have"
                )
            ),
        ));
    }
    all
}
