//! A service moves at most once for each hold-down: what left a member because that was lost returns to it no sooner than the
//! whole hold-down after the loss, in cluster time, and so cannot go back and forth within one.

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::plan::Withdrawal;
use causeway_api::verdict::{ClusterTime, Subject, VerdictState};
use causeway_api::{MemberName, ServiceKey};
use causeway_state::{CommittedPlan, State};

/// When members were lost, and which services left them for it.
#[derive(Debug)]
pub struct OneMove {
    hold_down_ms: u64,
    lost: BTreeMap<MemberName, ClusterTime>,
    left: BTreeSet<(ServiceKey, MemberName)>,
}

impl OneMove {
    /// With the hold-down that people declared.
    #[must_use]
    pub fn new(hold_down_ms: u64) -> Self {
        Self {
            hold_down_ms,
            lost: BTreeMap::new(),
            left: BTreeSet::new(),
        }
    }

    /// Verdicts changed.
    pub fn lose(&mut self, state: &State, verdicts: &[(Subject, VerdictState, VerdictState)]) {
        for (subject, _, to) in verdicts {
            if *to != VerdictState::Lost {
                continue;
            }
            if let Subject::Member { member } | Subject::Gateway { member, .. } = subject {
                self.lost.insert(member.clone(), state.cluster_time);
            }
        }
    }

    /// A plan came into force.
    ///
    /// # Errors
    /// Where a service returns too early.
    pub fn see(&mut self, state: &State, committed: &CommittedPlan) -> Result<(), String> {
        let service = &committed.inputs.service;
        let hold_down_ms = self.hold_down_ms;
        let mut found = Ok(());
        for zone in &committed.inputs.destinations {
            let key = (service.clone(), zone.member.clone());
            let out = matches!(
                zone.withdrawn,
                Some(Withdrawal::Lost | Withdrawal::Recovering)
            );
            if out {
                self.left.insert(key);
            } else if self.left.remove(&key)
                && let Some(lost) = self.lost.get(&zone.member)
                && state.cluster_time.since_ms(*lost) < hold_down_ms
            {
                found = Err(format!(
                    "{service} returns to {} {} ms after it was lost, and the hold-down is {hold_down_ms} ms",
                    zone.member,
                    state.cluster_time.since_ms(*lost)
                ));
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::field_reassign_with_default)]
    use super::*;
    use crate::invariant::samples::committed;

    fn planned(withdrawn: Option<Withdrawal>) -> CommittedPlan {
        let mut held = committed();
        held.inputs.destinations.truncate(1);
        for zone in &mut held.inputs.destinations {
            zone.withdrawn = withdrawn;
        }
        held
    }

    #[test]
    fn who_returns_within_a_hold_down_is_found() {
        let subject = Subject::Member {
            member: "a".parse().unwrap(),
        };
        let at = |ms: u64| {
            let mut state = State::default();
            state.cluster_time = ClusterTime::default().plus_ms(ms);
            state
        };
        let hold = 30_000;
        let mut moves = OneMove::new(hold);
        let lost = [(subject, VerdictState::Serving, VerdictState::Lost)];
        let out = planned(Some(Withdrawal::Lost));
        moves.lose(&at(0), &lost);
        moves.see(&at(5), &out).unwrap();
        assert!(moves.see(&at(hold - 1), &planned(None)).is_err());
        moves.see(&at(hold), &out).unwrap();
        moves
            .see(&at(hold + 1), &planned(Some(Withdrawal::Recovering)))
            .unwrap();
        moves.see(&at(hold * 2), &planned(None)).unwrap();
        // What never left does not return.
        moves.lose(&at(hold * 2), &lost);
        moves.see(&at(hold * 2 + 1), &planned(None)).unwrap();
    }
}
