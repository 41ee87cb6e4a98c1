//! What there is to tell.

use std::collections::BTreeMap;

use causeway_api::verdict::{Ballot, Subject, Verdict, VerdictState};
use causeway_crds::conditions::member::READY;
use causeway_crds::member_cluster::MemberClusterStatus;
use causeway_seam::WallClock;
use kube::core::DynamicObject;
use serde::Deserialize as _;

use crate::admin::api::{Condition, ConditionStatus};

/// One Event to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tale {
    /// The MemberCluster that it is about.
    pub(super) member: String,
    /// Whether a person should look.
    pub(super) warning: bool,
    /// A word in CamelCase.
    pub(super) reason: String,
    /// What was done, as a word in CamelCase.
    pub(super) action: &'static str,
    /// A sentence.
    pub(super) note: String,
}

/// A verdict that changed; those on zones, regions and sessions are about no object of their own.
pub(super) fn of_verdict(
    subject: &Subject,
    from: VerdictState,
    to: VerdictState,
    verdict: Option<&Verdict>,
) -> Option<Tale> {
    let (member, what) = match subject {
        Subject::Member { member } => (member, "Member"),
        Subject::Gateway { member, .. } => (member, "Gateway"),
        Subject::Session { .. } | Subject::Zone { .. } | Subject::Region { .. } => return None,
    };
    // That something is seen for the first time is no news worth an Event.
    if from == VerdictState::Unknown && to == VerdictState::Serving {
        return None;
    }
    let evidence = verdict.map(|verdict| {
        let against = verdict
            .evidence
            .iter()
            .filter(|row| row.ballot == Ballot::Unreachable && row.not_counted.is_none());
        against
            .map(|row| format!("; {}: {}", row.observer, row.evidence))
            .take(3)
            .collect::<String>()
    });
    Some(Tale {
        member: member.to_string(),
        warning: !matches!(to, VerdictState::Serving | VerdictState::Away),
        reason: format!("{what}{to}"),
        action: "Judge",
        note: format!(
            "{subject} was {from} and is {to}{}",
            evidence.unwrap_or_default()
        ),
    })
}

/// What conditions said last.
#[derive(Debug)]
pub(super) struct Said {
    started: WallClock,
    rows: BTreeMap<String, BTreeMap<String, (ConditionStatus, String)>>,
}

impl Said {
    /// For a process that started then.
    pub(super) fn new(started: WallClock) -> Self {
        Self {
            started,
            rows: BTreeMap::new(),
        }
    }

    /// Forgets all but these members.
    pub(super) fn keep<'a>(&mut self, members: impl Iterator<Item = &'a String>) {
        let mut old = std::mem::take(&mut self.rows);
        self.rows = members.filter_map(|name| old.remove_entry(name)).collect();
    }

    /// What conditions say that they did not say before. What an object's status said before this process started was
    /// told by whoever wrote it.
    pub(super) fn compare(
        &mut self,
        member: &str,
        object: Option<&DynamicObject>,
        conditions: &[Condition],
    ) -> Vec<Tale> {
        let started = self.started;
        let said = self
            .rows
            .entry(member.to_owned())
            .or_insert_with(|| in_status(object, started));
        let mut tales = Vec::new();
        for condition in conditions
            .iter()
            .filter(|condition| condition.kind != READY)
        {
            let now = (condition.status, condition.reason.clone());
            let before = said.insert(condition.kind.clone(), now.clone());
            if before.as_ref() == Some(&now) {
                continue;
            }
            let was_false = matches!(before, Some((ConditionStatus::False, _)));
            match condition.status {
                ConditionStatus::False => tales.push(tale(member, condition, true)),
                ConditionStatus::True if was_false => tales.push(tale(member, condition, false)),
                _ => {}
            }
        }
        tales
    }
}

fn tale(member: &str, condition: &Condition, warning: bool) -> Tale {
    let reason = if warning {
        condition.reason.clone()
    } else {
        condition.kind.clone()
    };
    Tale {
        member: member.to_owned(),
        warning,
        reason,
        action: "Observe",
        note: condition.message.clone(),
    }
}

fn in_status(
    object: Option<&DynamicObject>,
    started: WallClock,
) -> BTreeMap<String, (ConditionStatus, String)> {
    let status = object.and_then(|object| object.data.get("status"));
    let status = status
        .and_then(|status| MemberClusterStatus::deserialize(status).ok())
        .unwrap_or_default();
    let row = |condition: k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition| {
        let status = match condition.status.as_str() {
            "True" => ConditionStatus::True,
            "False" => ConditionStatus::False,
            _ => ConditionStatus::Unknown,
        };
        (condition.type_, (status, condition.reason))
    };
    let earlier = status
        .conditions
        .into_iter()
        .filter(|condition| condition.last_transition_time.0.as_millisecond() < started.0);
    earlier.map(row).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use serde_json::json;

    use super::*;

    fn condition(status: ConditionStatus, reason: &str) -> Condition {
        Condition {
            kind: "Registered".to_owned(),
            status,
            reason: reason.to_owned(),
            message: "why".to_owned(),
        }
    }

    #[test]
    fn flips_are_told_once_and_in_both_directions() {
        let mut said = Said::new(WallClock(1_800_000_000_000));
        let bad = [condition(ConditionStatus::False, "Invalid")];
        let told = said.compare("a", None, &bad);
        assert!(
            told.len() == 1 && told[0].warning && told[0].reason == "Invalid",
            "{told:?}"
        );
        assert_eq!(said.compare("a", None, &bad), []);
        let told = said.compare("a", None, &[condition(ConditionStatus::True, "Registered")]);
        assert!(told.len() == 1 && !told[0].warning, "{told:?}");
        let told = said.compare("b", None, &[condition(ConditionStatus::True, "Registered")]);
        assert_eq!(told, [], "that all is well from the beginning is no news");
    }

    #[test]
    fn a_restart_repeats_nothing() {
        let object: DynamicObject = serde_json::from_value(json!({
            "metadata": { "name": "a" },
            "status": { "conditions": [{
                "type": "Registered", "status": "False", "reason": "Invalid", "message": "why",
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            }] },
        }))
        .unwrap();
        let told = Said::new(WallClock(1_800_000_000_000)).compare(
            "a",
            Some(&object),
            &[condition(ConditionStatus::False, "Invalid")],
        );
        assert_eq!(told, []);
    }

    #[test]
    fn verdicts_on_objects_are_told_and_the_first_sight_is_not() {
        let member: Subject = "member/a".parse().unwrap();
        let told = of_verdict(&member, VerdictState::Serving, VerdictState::Lost, None).unwrap();
        assert!(told.warning && told.reason == "MemberLost" && told.member == "a");
        assert_eq!(
            of_verdict(&member, VerdictState::Unknown, VerdictState::Serving, None),
            None
        );
        let region: Subject = "region/r1".parse().unwrap();
        assert_eq!(
            of_verdict(&region, VerdictState::Serving, VerdictState::Lost, None),
            None
        );
    }
}
