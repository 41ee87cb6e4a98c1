//! What is concluded of each subject, with what the next conclusion needs to know.

use std::collections::BTreeMap;

use causeway_api::MemberName;
use causeway_api::verdict::{ClusterTime, Evidence, Grounds, Subject, Verdict, VerdictState};
use serde::{Deserialize, Serialize};

use super::penalty::Penalty;
use super::votes::{leaves_in, subject_member};

/// Where one subject stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Standing {
    /// What is concluded.
    pub state: VerdictState,
    /// Since when, in cluster time.
    pub since: ClusterTime,
    /// Since when a quorum has held it unreachable without a break, while it is not Lost yet.
    pub against_since: Option<ClusterTime>,
    /// What the conclusion rested on when it was drawn.
    pub evidence: Vec<Evidence>,
    /// How it was counted then, and how many votes are left out of the evidence.
    pub grounds: Grounds,
    /// What is held against it for having been lost before.
    pub penalty: Penalty,
}

impl Standing {
    /// How long it waits before it serves again, where others wait for `usual_ms`.
    #[must_use]
    pub fn hold_down_ms(&self, usual_ms: u64) -> u64 {
        self.penalty.hold_down_ms(usual_ms, self.since)
    }

    /// Whether something is held against it that may decay. A hold-down that has begun stays as long as it is.
    fn forgivable(&self, now: ClusterTime) -> bool {
        self.state != VerdictState::Recovering && self.penalty.score(now) > 0
    }
}

/// All verdicts, by subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct Verdicts {
    pub(super) standings: BTreeMap<Subject, Standing>,
}

impl Verdicts {
    /// What is concluded of a subject; `Unknown` where nothing is.
    #[must_use]
    pub fn state(&self, subject: &Subject) -> VerdictState {
        self.standings
            .get(subject)
            .map_or(VerdictState::Unknown, |standing| standing.state)
    }

    /// Where a subject stands, if it was ever spoken of.
    #[must_use]
    pub fn standing(&self, subject: &Subject) -> Option<&Standing> {
        self.standings.get(subject)
    }

    /// The verdict on a subject, if it was ever spoken of; its evidence is that of the last change.
    #[must_use]
    pub fn verdict(&self, subject: &Subject) -> Option<Verdict> {
        let standing = self.standings.get(subject)?;
        Some(Verdict {
            subject: subject.clone(),
            state: standing.state,
            since: standing.since,
            evidence: standing.evidence.clone(),
            grounds: standing.grounds.clone(),
        })
    }

    /// Every subject and where it stands, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&Subject, &Standing)> {
        self.standings.iter()
    }

    /// The gateways of a member that were ever reached, with their states, in order.
    pub fn gateways<'a>(
        &'a self,
        member: &'a MemberName,
    ) -> impl Iterator<Item = (&'a Subject, VerdictState)> + 'a {
        leaves_in(&self.standings, member)
            .filter(|(subject, standing)| {
                standing.state != VerdictState::Unknown
                    && matches!(subject, Subject::Gateway { .. })
            })
            .map(|(subject, standing)| (subject, standing.state))
    }

    /// Whether anything is held against any subject.
    #[must_use]
    pub fn holds_against_any(&self, now: ClusterTime) -> bool {
        self.standings
            .values()
            .any(|standing| standing.forgivable(now))
    }

    /// What is held against subjects decays by what passed while cluster time stood still; says whether anything was.
    pub fn forgive(&mut self, now: ClusterTime, elapsed_ms: u64) -> bool {
        let rows = self
            .standings
            .values_mut()
            .filter(|row| row.forgivable(now));
        rows.map(|row| row.penalty.forgive(elapsed_ms)).count() > 0
    }

    /// Forgets a subject that is no more.
    pub fn retire(&mut self, subject: &Subject) {
        self.standings.remove(subject);
    }

    /// Forgets all subjects of a member.
    pub fn remove_member(&mut self, member: &MemberName) {
        self.standings
            .retain(|subject, _| subject_member(subject) != Some(member));
    }
}
