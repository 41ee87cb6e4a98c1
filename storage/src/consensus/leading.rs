//! What a leader knows of the others, and does for them: how far they are, who could lead in its place, who has caught up.

use std::collections::BTreeMap;
use std::time::Duration;

use causeway_api::ReplicaId;
use openraft::ChangeMembers;
use openraft::async_runtime::watch::WatchReceiver;

use super::Consensus;
use super::members::{Change, HEARD, Progress};
use crate::peers::ReplicaNode;
use crate::status::{Role, Status};

impl Consensus {
    /// How far the members are; empty where this replica does not lead.
    #[must_use]
    pub fn progress(&self) -> BTreeMap<ReplicaId, Progress> {
        let metrics = self.raft().metrics();
        let metrics = metrics.borrow_watched();
        let heard = metrics.heartbeat.as_ref();
        let rows = metrics.replication.iter().flatten();
        let row = |(id, matched): (&u64, &Option<crate::types::LogId>)| {
            let at = heard
                .and_then(|heard| heard.get(id))
                .and_then(Option::as_ref);
            let progress = Progress {
                matched: matched.as_ref().map_or(0, |id| id.index),
                heard: at.map(|at| openraft::Instant::elapsed(&**at)),
            };
            (ReplicaId(*id), progress)
        };
        rows.map(row).collect()
    }

    /// How many entries a replica lacks.
    pub(super) fn lag(&self, replica: ReplicaId, status: &Status) -> Option<u64> {
        let progress = self.progress();
        let matched = progress.get(&replica)?.matched;
        Some(status.last_index.saturating_sub(matched))
    }

    /// The voter that answered last and has most: whoever could lead in the place of this one.
    pub(super) fn best(&self, status: &Status) -> Option<ReplicaId> {
        self.best_of(status, |_| true)
    }

    fn best_of(&self, status: &Status, fit: impl Fn(ReplicaId) -> bool) -> Option<ReplicaId> {
        let me = self.inner.client.replica;
        let progress = self.progress();
        let others = status.members.iter().filter(|m| m.voter && m.replica != me);
        let candidates = others.filter(|member| fit(member.replica));
        let candidates = candidates.filter_map(|member| {
            let progress = progress.get(&member.replica)?;
            let heard = progress.heard.filter(|heard| *heard <= HEARD)?;
            Some((progress.matched, std::cmp::Reverse(heard), member.replica))
        });
        candidates.max().map(|(_, _, replica)| replica)
    }

    /// Passes the lead on and waits a little until it has passed; `false`: it has not.
    pub async fn hand_over(&self, to: ReplicaId) -> bool {
        let me = self.inner.client.replica.0;
        let mut lead = self.inner.lead.clone();
        if self.raft().trigger().transfer_leader(to.0).await.is_err() {
            return false;
        }
        let passed = lead.wait_for(|lead| lead.leader.is_some_and(|leader| leader != me));
        let limit = Duration::from_millis(self.timing().election_max_ms * 2);
        matches!(self.inner.env.timeout(limit, passed).await, Ok(Ok(_)))
    }

    /// Passes the lead on to whoever is best placed, where this replica leads and another can.
    pub async fn step_aside(&self) -> Option<ReplicaId> {
        self.step_aside_to(|_| true).await
    }

    /// The same, to somebody who is fit.
    pub async fn step_aside_to(&self, fit: impl Fn(ReplicaId) -> bool) -> Option<ReplicaId> {
        let status = self.status();
        if status.role != Role::Leader {
            return None;
        }
        let to = self.best_of(&status, fit)?;
        self.hand_over(to).await.then_some(to)
    }

    /// Notes where a member is now, and what it would be lost together with. For a leader; `false`: it stood so already, or it is
    /// no member.
    ///
    /// # Errors
    /// What openraft says.
    pub async fn relocate(&self, replica: ReplicaId, node: ReplicaNode) -> Result<bool, String> {
        let members = self.members();
        if members.get(&replica).is_none_or(|held| *held == node) {
            return Ok(false);
        }
        let nodes = BTreeMap::from([(replica.0, node)]);
        let set = ChangeMembers::SetNodes(nodes);
        let done = self.raft().change_membership(set, true).await;
        done.map(|_| true).map_err(|error| error.to_string())
    }

    /// Followers without a vote that have caught up, and would be promoted without a risk.
    #[must_use]
    pub fn ripe(&self) -> Vec<ReplicaId> {
        let status = self.status();
        if status.role != Role::Leader {
            return Vec::new();
        }
        let learners = status.members.iter().filter(|member| !member.voter);
        let ripe = learners.filter(|member| {
            let promote = Change::Promote {
                replica: member.replica,
                replaces: None,
                accept_domain_risk: false,
            };
            matches!(self.plan(&promote, &status), Ok(Some(_)))
        });
        ripe.map(|member| member.replica).collect()
    }

    /// Ends a change of voters that an earlier leader left half done. For a leader.
    ///
    /// # Errors
    /// What openraft says.
    pub async fn settle(&self) -> Result<bool, String> {
        let raft = self.raft();
        let half = {
            let metrics = raft.metrics();
            let metrics = metrics.borrow_watched();
            let membership = metrics.membership_config.membership();
            let joint = membership.get_joint_config();
            (metrics.state == openraft::ServerState::Leader && joint.len() > 1)
                .then(|| joint.last().cloned())
                .flatten()
        };
        let Some(voters) = half else { return Ok(false) };
        let members = ChangeMembers::ReplaceAllVoters(voters);
        let settled = raft.change_membership(members, false).await;
        settled.map(|_| true).map_err(|error| error.to_string())
    }
}
