//! Whether a plan may be committed: judged from the proposal and the state alone, whoever proposes.
//!
//! In order: it is not too large; it goes on from the plan that is committed, if from any; every member in it is
//! registered; it was computed from the policies in force; what it says of losses is what the verdicts say, but for those
//! that wait for a person and that it does not touch ([`aside`]); what it says of all else that the state knows is so, too
//! ([`contradicted`]); and the checker finds nothing.

use std::collections::BTreeMap;

use causeway_api::MemberName;
use causeway_api::plan::{PlanInputs, ServicePlan, Withdrawal};
use causeway_failover::checker;
use causeway_failover::policy::Effective;

use super::safety::out_by_verdict;
use super::{aside, bounded, contradicted};
use crate::command::PlanProposal;
use crate::outcome::Refusal;
use crate::state::State;

/// The most sources, and the most destinations, that one plan may have.
pub const PLAN_ROWS: usize = 8_192;

/// How many findings of the checker a refusal names.
const FINDINGS: usize = 3;

/// Judges one proposal.
pub(super) fn judge(state: &State, proposal: &PlanProposal) -> Result<(), Refusal> {
    let Some((inputs, plan)) = &proposal.plan else {
        return Ok(());
    };
    let service = &proposal.service;
    bounded(
        &format!("the plan of {service}: sources"),
        inputs.sources.len(),
        PLAN_ROWS,
    )?;
    bounded(
        &format!("the plan of {service}: destinations"),
        inputs.destinations.len(),
        PLAN_ROWS,
    )?;
    if inputs.service != *service {
        return Err(Refusal::PlanCheck {
            service: service.clone(),
            check: "service".to_owned(),
            message: format!(
                "it is proposed for {service} and computed for {}",
                inputs.service
            ),
        });
    }
    rests_on(state, proposal)?;
    registered(state, inputs)?;
    let policy = state.policy(service);
    in_force(&policy, inputs)?;
    standings(state, inputs)?;
    contradicted::judge(state, inputs, &policy)?;
    checks(inputs, plan)?;
    aside::judge(state, inputs, plan)
}

/// A plan that goes on from the one before goes on from the one that is committed.
fn rests_on(state: &State, proposal: &PlanProposal) -> Result<(), Refusal> {
    let held = state
        .plan(&proposal.service)
        .filter(|row| row.value.is_some());
    let held = held.map(|row| row.generation);
    match proposal.previous {
        Some(previous) if held != Some(previous) => Err(Refusal::StalePlan {
            service: proposal.service.clone(),
            previous,
        }),
        _ => Ok(()),
    }
}

fn registered(state: &State, inputs: &PlanInputs) -> Result<(), Refusal> {
    let sources = inputs.sources.iter().map(|source| &source.source.member);
    let members = sources.chain(inputs.destinations.iter().map(|d| &d.member));
    let unknown = members
        .into_iter()
        .find(|member| !state.members.contains_key(*member));
    unknown.map_or(Ok(()), |member| Err(Refusal::UnknownMember(member.clone())))
}

fn in_force(policy: &Effective, inputs: &PlanInputs) -> Result<(), Refusal> {
    if policy.policy == inputs.policy {
        return Ok(());
    }
    let names: Vec<String> = policy.policy.from.iter().map(ToString::to_string).collect();
    Err(Refusal::StalePolicy {
        service: inputs.service.clone(),
        found: if names.is_empty() {
            "no policy".to_owned()
        } else {
            names.join(", ")
        },
    })
}

/// A leader may leave a destination out for reasons of its own facts; what is lost or recovering, what people leave, and
/// how much may return are not its to say.
fn standings(state: &State, inputs: &PlanInputs) -> Result<(), Refusal> {
    let mut verdicts: BTreeMap<&MemberName, Option<Withdrawal>> = BTreeMap::new();
    for zone in &inputs.destinations {
        let member = &zone.member;
        let verdict = *verdicts
            .entry(member)
            .or_insert_with(|| state.withdrawal(member));
        let found = state.standing_by(verdict, &inputs.service, member, zone.zone.as_ref());
        // A loss that waits for a person may be left out of what another person asks for.
        let before = (verdict.is_some() && !out_by_verdict(zone))
            .then(|| state.waiting(&inputs.service, zone, &found));
        let found = before.flatten().unwrap_or(found);
        let ours = |reason: &Withdrawal| {
            matches!(
                reason,
                Withdrawal::Lost
                    | Withdrawal::Recovering
                    | Withdrawal::Away
                    | Withdrawal::Evacuated
            )
        };
        let claimed = zone.withdrawn;
        let by_decision = claimed.filter(ours);
        // A weaker reason is none instead of what was decided: inside its network it keeps nobody out.
        let agrees = by_decision == found.withdrawn;
        let word = |w: Option<Withdrawal>| w.map_or("not withdrawn".to_owned(), |w| w.to_string());
        let service = inputs.service.clone();
        let member = zone.member.clone();
        let agrees = agrees && zone.vacated == found.vacated;
        let people = [found.withdrawn, claimed].contains(&Some(Withdrawal::Evacuated))
            || zone.vacated != found.vacated;
        if !agrees && !people {
            return Err(Refusal::VerdictIgnored {
                service,
                member,
                claimed: word(claimed),
                found: word(found.withdrawn),
            });
        }
        let weaker = claimed.is_some_and(|reason| reason != Withdrawal::Evacuated);
        let admitted = found.admitted_percent == zone.admitted_percent || weaker;
        if !agrees || !admitted {
            let word = |reason, percent, vacated| match reason {
                None if percent < 100 => format!("admitted to {percent} %"),
                reason if vacated => format!("{}, and evacuated", word(reason)),
                reason => word(reason),
            };
            return Err(Refusal::ShiftIgnored {
                service,
                member,
                claimed: word(claimed, zone.admitted_percent, zone.vacated),
                found: word(found.withdrawn, found.admitted_percent, found.vacated),
            });
        }
    }
    Ok(())
}

fn checks(inputs: &PlanInputs, plan: &ServicePlan) -> Result<(), Refusal> {
    let findings = checker::check(inputs, plan);
    let Some(first) = findings.first() else {
        return Ok(());
    };
    let more = findings.len().saturating_sub(FINDINGS);
    let messages = findings.iter().take(FINDINGS).map(ToString::to_string);
    let mut message = messages.collect::<Vec<_>>().join("; ");
    if more > 0 {
        message.push_str(&format!("; and {more} more"));
    }
    Err(Refusal::PlanCheck {
        service: inputs.service.clone(),
        check: first.check.clone(),
        message,
    })
}
