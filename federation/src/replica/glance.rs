//! What whoever runs a replica in its own process sees at a glance, without an operator's question.

use std::collections::BTreeSet;

use causeway_api::ids::{MemberName, Region, ReplicaId};
use causeway_api::verdict::{Subject, VerdictState};

use causeway_storage::{Change, ReplicaNode};

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
                let names = placement
                    .into_iter()
                    .flat_map(|placed| placed.gateways.keys());
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

    /// Whether it leads: a majority has confirmed it lately.
    pub(crate) fn leads(&self) -> bool {
        self.shared.consensus.is_leader()
    }

    /// How many replicas vote, as far as it knows.
    pub(crate) fn voters(&self) -> usize {
        let members = self.shared.consensus.status().members;
        members.iter().filter(|member| member.voter).count()
    }

    /// Ends it as `kill -9` would: at once, and nobody is told.
    pub(crate) async fn kill(self) {
        self.tasks.kill();
        if let Some(links) = self.shared.links.get() {
            links.stop().await;
        }
        self.shared.consensus.stop().await;
    }

    /// How many services have a plan.
    pub(crate) fn planned(&self) -> usize {
        self.shared.consensus.read(|state| {
            let plans = state.plans.values();
            plans.filter(|row| row.value.is_some()).count()
        })
    }

    /// How far it has come in the log.
    pub(crate) fn position(&self) -> u64 {
        self.shared.consensus.status().applied
    }

    /// The members whose agents have a session here; with whether they have written all that they were sent.
    pub(crate) fn sessions(&self) -> Vec<(MemberName, bool)> {
        let written = |session: &super::sessions::Session| {
            let heard = session.heard();
            heard.applied.is_some() && heard.behind_since.is_none()
        };
        let sessions = self.shared.sessions.all();
        sessions
            .iter()
            .map(|session| (session.hello.member.clone(), written(session)))
            .collect()
    }

    /// Adds a replica to the clusterset; it votes once it has caught up.
    pub(crate) async fn add(
        &self,
        replica: ReplicaId,
        address: &str,
        domain: &Region,
    ) -> anyhow::Result<()> {
        let add = Change::Add {
            replica,
            node: ReplicaNode {
                address: address.to_owned(),
                domain: domain.to_string(),
            },
            folder: 0,
            replaces: None,
            accept_domain_risk: false,
        };
        Ok(self.shared.consensus.change(add).await?)
    }
}
