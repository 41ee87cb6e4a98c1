//! What whoever runs a replica in its own process sees at a glance, without an operator's question.

use std::collections::BTreeSet;

use causeway_api::ids::{MemberName, ReplicaId};
use causeway_api::verdict::{Subject, VerdictState};

use super::Replica;

impl Replica {
    /// The verdict on a subject.
    pub(crate) fn verdict(&self, subject: &Subject) -> VerdictState {
        let consensus = &self.shared.consensus;
        consensus.read(|state| state.verdicts.state(subject))
    }

    /// The verdicts on the gateways of some members.
    pub(crate) fn gateways(&self, members: &BTreeSet<MemberName>) -> Vec<(Subject, VerdictState)> {
        self.shared.consensus.read(|state| {
            let all = members.iter().flat_map(|member| {
                let placement = state
                    .members
                    .get(member)
                    .and_then(|held| held.placement.as_ref());
                let names = placement.into_iter().flat_map(|placed| placed.gateways.keys());
                names.map(|gateway| Subject::Gateway {
                    member: member.clone(),
                    gateway: gateway.clone(),
                })
            });
            all.map(|subject| {
                let verdict = state.verdicts.state(&subject);
                (subject, verdict)
            })
            .collect()
        })
    }

    /// How many members are registered.
    pub(crate) fn registered(&self) -> usize {
        self.shared.consensus.read(|state| state.members.len())
    }

    /// Who leads, as far as this replica knows.
    pub(crate) fn leader(&self) -> Option<ReplicaId> {
        self.shared.consensus.status().leader
    }
}
