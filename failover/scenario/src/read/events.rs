//! What befalls the clusterset.

use std::collections::BTreeSet;

use causeway_api::spec::PolicySpec;
use causeway_api::verdict::Subject;
use serde_saphyr::{Location, Spanned};

use super::Reader;
use super::numbers::MOST_ENDPOINTS;
use crate::file::{EventRow, VoteRow};
use crate::scenario::{Action, Event};

impl Reader {
    pub(super) fn event_rows(
        &mut self,
        rows: &[Spanned<EventRow>],
        policies: &[PolicySpec],
    ) -> Vec<Event> {
        let mut events: Vec<Event> = Vec::new();
        for row in rows {
            let at_ms = self.duration("events: at", &row.value.at);
            if events.last().is_some_and(|last| last.at_ms > at_ms) {
                let message = format!(
                    "events: {} comes before the one above it: write them in order of time",
                    row.value.at.value
                );
                self.wrong(row.value.at.referenced, message);
            }
            let problems = self.problems.len();
            let mut actions = self.actions(&row.value, policies);
            if actions.is_empty() && self.problems.len() > problems {
                // What is wrong with it was said.
                continue;
            }
            if actions.len() == 1 {
                events.extend(actions.pop().map(|action| Event { at_ms, action }));
            } else {
                let message = format!(
                    "events: at {} stand {} things: give each event one of lose, restore, votes, silence, ready, ejected, \
                     policy, removePolicy, removeMember, report, bootstrap, propose, shift, endShift, approve, releaseBrake",
                    row.value.at.value,
                    actions.len()
                );
                self.wrong(row.referenced, message);
            }
        }
        events
    }

    fn actions(&mut self, row: &EventRow, policies: &[PolicySpec]) -> Vec<Action> {
        let mut actions = Vec::new();
        for (what, subject, lose) in [("lose", &row.lose, true), ("restore", &row.restore, false)] {
            if let Some(subject) = subject {
                self.subject(what, &subject.value, subject.referenced);
                self.losable(what, &subject.value, subject.referenced);
                let subject = subject.value.clone();
                actions.push(if lose {
                    Action::Lose(subject)
                } else {
                    Action::Restore(subject)
                });
            }
        }
        if let Some(votes) = &row.votes {
            actions.push(self.votes(votes));
        }
        if let Some(silent) = &row.silence {
            for observer in silent {
                self.observer("silence", &observer.value, observer.referenced);
            }
            actions.push(Action::Silence(
                silent.iter().map(|o| o.value.clone()).collect(),
            ));
        }
        if let Some(row) = &row.ready {
            let (found, at) = (&row.value, row.referenced);
            let what = format!("ready of {}", found.service);
            self.service(&what, &found.service, at);
            self.member(&what, &found.member, at);
            let zone = self.zone(&what, &found.member, &found.zone, at);
            let count = self.number(&what, &found.endpoints, 0, MOST_ENDPOINTS);
            let count = u32::try_from(count).unwrap_or(0);
            actions.push(Action::Ready(
                found.service.clone(),
                found.member.clone(),
                zone,
                count,
            ));
        }
        if let Some(row) = &row.ejected {
            let (found, at) = (&row.value, row.referenced);
            let what = format!("ejected of {}", found.service);
            self.service(&what, &found.service, at);
            self.member(&what, &found.member, at);
            for network in &found.networks {
                self.remote(&what, &found.member, network);
            }
            let networks = found.networks.iter().map(|network| network.value.clone());
            actions.push(Action::Ejected(
                found.service.clone(),
                found.member.clone(),
                networks.collect(),
            ));
        }
        if let Some(policy) = &row.policy {
            actions.push(Action::Policy(Box::new(self.policy_row(policy))));
        }
        if let Some(key) = &row.remove_policy {
            if policies.iter().all(|policy| policy.key != key.value) {
                let message = format!("removePolicy: no policy is called {}", key.value);
                self.wrong(key.referenced, message);
            }
            actions.push(Action::RemovePolicy(key.value.clone()));
        }
        if let Some(member) = &row.remove_member {
            self.member("removeMember", &member.value, member.referenced);
            actions.push(Action::RemoveMember(member.value.clone()));
        }
        if let Some(report) = &row.report {
            let found = &report.value;
            actions.push(Action::Report(
                found.member.clone(),
                found.cluster_uid.clone(),
            ));
        }
        if let Some(incarnation) = &row.bootstrap {
            actions.push(Action::Bootstrap(incarnation.value));
        }
        if let Some(propose) = &row.propose {
            let found = &propose.value;
            self.service("propose", &found.service, propose.referenced);
            actions.push(Action::Propose(found.service.clone(), found.fault));
        }
        if let Some(row) = &row.shift {
            actions.extend(self.shift(row).map(|shift| Action::Shift(Box::new(shift))));
        }
        if let Some(row) = &row.end_shift {
            let found = &row.value;
            actions.push(Action::EndShift(found.name.clone(), found.by.clone()));
        }
        if let Some(row) = &row.approve {
            actions.extend(self.approve(row));
        }
        if let Some(row) = &row.release_brake {
            actions.push(Action::ReleaseBrake(row.value.by.clone()));
        }
        actions
    }

    /// A zone is concluded from its members, and cannot be lost by itself here.
    fn losable(&mut self, what: &str, subject: &Subject, at: Location) {
        if matches!(subject, Subject::Zone { .. }) {
            let message = format!(
                "{what}: {subject}: lose the members in it, or set their ready endpoints to 0: what is probed are gateways \
                 and sessions of members"
            );
            self.wrong(at, message);
        }
    }

    fn votes(&mut self, rows: &[Spanned<VoteRow>]) -> Action {
        let mut seen = BTreeSet::new();
        let mut votes = Vec::new();
        for row in rows {
            let found = &row.value;
            self.observer("votes", &found.observer.value, found.observer.referenced);
            if !seen.insert((found.observer.value.clone(), found.subject.clone())) {
                let message = format!(
                    "votes: {} votes twice on {} at one time",
                    found.observer.value, found.subject
                );
                self.wrong(row.referenced, message);
            }
            votes.push((
                found.observer.value.clone(),
                found.subject.clone(),
                found.ballot,
            ));
        }
        Action::Votes(votes)
    }

    fn observer(&mut self, what: &str, id: &causeway_api::verdict::ObserverId, at: Location) {
        if !self.observers.contains(id) {
            let known = super::one_of(&self.observers);
            self.wrong(at, format!("{what}: no observer is called {id}: {known}"));
        }
    }
}
