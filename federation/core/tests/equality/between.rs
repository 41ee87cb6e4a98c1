//! What stands between two steps when the loss comes.

use causeway_api::MemberName;
use causeway_api::domain::Domain;
use causeway_api::ids::ServiceKey;
use causeway_api::registry::ObjectKey;
use causeway_api::rules::{Failback, FailbackMode};
use causeway_api::shift::{Shift, ShiftAction};
use causeway_api::spec::PolicyKey;
use causeway_api::verdict::Ballot;
use causeway_core::contingencies::domains;
use causeway_state::Command;

use super::fleet::Fleet;
use super::generated::{Between, Returns};

impl Fleet {
    /// Returns, evacuations and removals come under way, each a step further than the one before.
    pub(crate) fn stand_between(&mut self, between: &Between) {
        let members: Vec<MemberName> = self.state.members.keys().cloned().collect();
        for at in &between.back {
            let back = [members[at.index(members.len())].clone()];
            let lost: Vec<String> = self.subjects(&back, true).collect();
            self.vote(&lost, Ballot::Unreachable);
            self.pass(|state| state.withdrawal(&back[0]).is_some());
            self.settle();
            self.reach(&back);
            self.pass(|state| state.withdrawal(&back[0]).is_none());
            self.settle();
        }
        let domains: Vec<Domain> = domains(&self.state.places())
            .into_iter()
            .filter(|domain| !matches!(domain, Domain::Gateway { .. }))
            .collect();
        let services: Vec<ServiceKey> = self.services().into_iter().collect();
        for (nth, one) in between.evacuations.iter().enumerate() {
            let domain = domains[one.domain.index(domains.len())].clone();
            let key = evacuation(nth);
            let action = ShiftAction::Evacuate(domain);
            let of = one
                .of
                .as_ref()
                .map(|at| services[at.index(services.len())].clone());
            self.decide(Command::PutShift(Shift {
                targets: of.into_iter().collect(),
                step_percents: one.step.into_iter().chain([100]).collect(),
                interval_ms: 3_000_000,
                requested_by: "ann".to_owned(),
                ..Shift::new(key, action, 7_200_000, "look first")
            }));
            self.settle();
        }
        for nth in 0..between.over.min(between.evacuations.len()) {
            self.decide(Command::EndShift {
                shift: evacuation(nth),
                by: "ann".to_owned(),
                reason: "seen".to_owned(),
            });
            self.settle();
        }
        for at in &between.leaving {
            self.decide(Command::ConfirmRemoval {
                object: ObjectKey::Member(members[at.index(members.len())].clone()),
            });
            self.settle();
        }
    }
}

fn evacuation(nth: usize) -> PolicyKey {
    format!("causeway-system/leave-{nth}").parse().unwrap()
}

/// How traffic returns by all policies.
pub(crate) fn failback(returns: Returns) -> Failback {
    let (mode, step) = match returns {
        Returns::InSteps(percent) => (FailbackMode::Automatic, percent),
        Returns::ByApproval => (FailbackMode::Approve, 10),
        Returns::Never => (FailbackMode::Never, 10),
    };
    Failback {
        mode: Some(mode),
        step_percents: vec![step, 100],
        interval_ms: Some(3_000_000),
    }
}
