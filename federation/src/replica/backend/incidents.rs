//! What is lost or comes back, the widest first.

use std::collections::BTreeSet;

use causeway_api::verdict::{Grounds, Subject, VerdictState};

use super::Sight;
use super::subject::hold_down_left_ms;
use crate::admin::api::Incident;

/// The incidents. What is lost with something wider is not listed again.
pub(super) fn incidents(sight: &Sight<'_>) -> Vec<Incident> {
    let state = sight.look.state;
    let such = |state: VerdictState| matches!(state, VerdictState::Lost | VerdictState::Recovering);
    let mut subjects: Vec<(&Subject, VerdictState)> = state
        .verdicts
        .iter()
        .filter(|(subject, standing)| {
            such(standing.state) && !matches!(subject, Subject::Session { .. })
        })
        .map(|(subject, standing)| (subject, standing.state))
        .collect();
    subjects.sort_by_key(|(subject, state)| {
        (
            width(subject),
            *state != VerdictState::Lost,
            (*subject).clone(),
        )
    });
    let within: Vec<Incident> = subjects
        .iter()
        .filter(|(subject, of)| {
            !wider(sight, subject)
                .iter()
                .any(|wide| state.verdicts.state(wide) == *of)
        })
        .map(|(subject, of)| incident(sight, subject, *of))
        .collect();
    within
}

fn width(subject: &Subject) -> u8 {
    match subject {
        Subject::Region { .. } => 0,
        Subject::Zone { .. } => 1,
        Subject::Member { .. } => 2,
        Subject::Gateway { .. } => 3,
        Subject::Session { .. } => 4,
    }
}

/// What contains a subject.
fn wider(sight: &Sight<'_>, subject: &Subject) -> Vec<Subject> {
    match subject {
        Subject::Gateway { member, .. } | Subject::Session { member } => {
            let member_subject = Subject::Member {
                member: member.clone(),
            };
            let mut all = wider(sight, &member_subject);
            all.push(member_subject);
            all
        }
        Subject::Member { member } => {
            let region = sight
                .look
                .state
                .member(member)
                .and_then(|held| held.region());
            region
                .map(|region| Subject::Region {
                    region: region.clone(),
                })
                .into_iter()
                .collect()
        }
        Subject::Zone { region, .. } => vec![Subject::Region {
            region: region.clone(),
        }],
        Subject::Region { .. } => Vec::new(),
    }
}

fn incident(sight: &Sight<'_>, subject: &Subject, of: VerdictState) -> Incident {
    let state = sight.look.state;
    let standing = state.verdicts.standing(subject);
    let evidence = standing.map_or(&[][..], |standing| &standing.evidence);
    let grounds = standing.map_or_else(Grounds::default, |standing| standing.grounds.clone());
    let not_counted: BTreeSet<String> = evidence
        .iter()
        .filter_map(|row| {
            row.not_counted
                .as_ref()
                .map(|why| format!("{}: {why}", row.observer))
        })
        .collect();
    Incident {
        subject: subject.clone(),
        state: of,
        since_ago_ms: sight.ages.verdict_ms(state, subject).unwrap_or(0),
        agreed: grounds.against,
        counted: grounds.counted,
        domains: grounds.against_domains,
        not_counted: not_counted.into_iter().collect(),
        hold_down_left_ms: hold_down_left_ms(state, subject),
    }
}
