//! Why something counts as lost, or not.

use std::collections::BTreeSet;

use causeway_api::ids::{MemberName, NetworkName, ServiceKey};
use causeway_api::plan::Withdrawal;
use causeway_api::verdict::{Subject, Verdict, VerdictState};
use causeway_state::State;

use super::{Sight, circumstances};
use crate::admin::api::{AdminError, SubjectExplanation};

/// Services that an explanation names at most.
const SERVICES: usize = 1_000;

/// The explanation.
pub(super) fn explain(
    sight: &Sight<'_>,
    subject: &Subject,
) -> Result<SubjectExplanation, AdminError> {
    let state = sight.look.state;
    let Some(verdict) = state.verdict(subject) else {
        return Err(AdminError::not_found(
            format!("nobody has voted on {subject} yet"),
            "causeway clusters shows members with their gateways; a region or a zone counts once a member stands in it",
        ));
    };
    let rests_on: Vec<Verdict> = parts(state, subject)
        .iter()
        .filter_map(|part| state.verdict(part))
        .collect();
    Ok(SubjectExplanation {
        subject: subject.clone(),
        since_ago_ms: sight.ages.verdict_ms(state, subject).unwrap_or(0),
        services: if verdict.state.may_receive() {
            Vec::new()
        } else {
            left_out(state, &members(state, subject))
        },
        hold_down_left_ms: hold_down_left_ms(state, subject),
        penalty: state
            .verdicts
            .standing(subject)
            .map_or(0, |held| held.penalty.score(state.cluster_time)),
        around: circumstances::of_subject(state, subject, &members(state, subject)),
        at: None,
        verdict,
        rests_on,
    })
}

/// How much of the hold-down is left of what recovers.
pub(super) fn hold_down_left_ms(state: &State, subject: &Subject) -> Option<u64> {
    let standing = state.verdicts.standing(subject)?;
    (standing.state == VerdictState::Recovering).then(|| {
        let hold_down_ms = standing.hold_down_ms(state.rules().hold_down_ms);
        let ends = standing.since.plus_ms(hold_down_ms);
        ends.since_ms(state.cluster_time)
    })
}

/// The members that a subject is about.
fn members(state: &State, subject: &Subject) -> BTreeSet<MemberName> {
    match subject {
        Subject::Gateway { member, .. }
        | Subject::Session { member }
        | Subject::Member { member } => [member.clone()].into(),
        Subject::Region { region } => {
            let there = state
                .members
                .iter()
                .filter(|(_, held)| held.region() == Some(region));
            there.map(|(name, _)| name.clone()).collect()
        }
        Subject::Zone { region, zone } => {
            let there = state.members.iter().filter(|(_, held)| {
                held.region() == Some(region)
                    && held
                        .placement
                        .as_ref()
                        .is_some_and(|placement| placement.zones.contains(zone))
            });
            there.map(|(name, _)| name.clone()).collect()
        }
    }
}

/// What a verdict was concluded from: a region's members, a member's gateways and session.
fn parts(state: &State, subject: &Subject) -> Vec<Subject> {
    match subject {
        Subject::Gateway { .. } | Subject::Session { .. } => Vec::new(),
        Subject::Member { member } => {
            let gateways = state
                .verdicts
                .gateways(member)
                .map(|(subject, _)| subject.clone());
            gateways
                .chain([Subject::Session {
                    member: member.clone(),
                }])
                .collect()
        }
        Subject::Zone { .. } | Subject::Region { .. } => members(state, subject)
            .into_iter()
            .map(|member| Subject::Member { member })
            .collect(),
    }
}

/// Services whose plan leaves any of these out because of its verdict.
pub(super) fn left_out(state: &State, members: &BTreeSet<MemberName>) -> Vec<ServiceKey> {
    let networks: BTreeSet<&NetworkName> = members
        .iter()
        .filter_map(|member| state.member(member)?.network())
        .collect();
    let by_verdict = |why: Withdrawal| matches!(why, Withdrawal::Lost | Withdrawal::Recovering);
    let plans = state.plans.iter().filter(|(_, row)| {
        row.value.as_ref().is_some_and(|held| {
            let withdrawn = held
                .plan
                .withdrawn
                .iter()
                .any(|(network, why)| networks.contains(network) && by_verdict(*why));
            let destination = held.inputs.destinations.iter().any(|to| {
                members.contains(&to.member) && to.exported && to.withdrawn.is_some_and(by_verdict)
            });
            withdrawn && destination
        })
    });
    plans.map(|(key, _)| key.clone()).take(SERVICES).collect()
}
