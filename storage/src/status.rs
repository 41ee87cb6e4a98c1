//! What a replica says of its log, with or without a quorum.

use std::sync::Arc;

use causeway_api::ReplicaId;
use causeway_seam::{Env, Monotonic};
use openraft::ServerState;
use openraft::async_runtime::watch::WatchReceiver;
use openraft::type_config::alias::WatchReceiverOf;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::peers::ReplicaNode;
use crate::types::{LogId, Types};

pub(crate) type Metrics = openraft::RaftMetrics<Types>;
pub(crate) type MetricsReceiver = WatchReceiverOf<Types, Metrics>;

/// What a replica is in its log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Role {
    /// It decides the order of commands.
    Leader,
    /// It follows a leader, and votes.
    Follower,
    /// It stands for election: nobody leads.
    Candidate,
    /// It follows and has no vote, or belongs to no clusterset yet.
    Learner,
    /// Its log has stopped.
    Stopped,
}

/// The state of a replica's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The replica.
    pub replica: ReplicaId,
    /// What it is.
    pub role: Role,
    /// Why its log has stopped, if it has.
    pub stopped: Option<String>,
    /// Its term.
    pub term: u64,
    /// Who leads, as far as it knows.
    pub leader: Option<ReplicaId>,
    /// For how long it has known so, in milliseconds of its own clock.
    pub leader_for_ms: u64,
    /// For a leader: how long ago a majority last confirmed it, in milliseconds.
    pub quorum_heard_ms: Option<u64>,
    /// The index of its last entry.
    pub last_index: u64,
    /// The index up to which it knows entries to be committed.
    pub committed: u64,
    /// The index up to which its state contains them.
    pub applied: u64,
    /// The index up to which its newest snapshot contains them.
    pub snapshot: u64,
    /// The index up to which entries were removed.
    pub purged: u64,
    /// The members of the log.
    pub members: Vec<Member>,
}

/// A member of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The replica.
    pub replica: ReplicaId,
    /// Where it is.
    pub node: ReplicaNode,
    /// Whether it votes.
    pub voter: bool,
}

/// Who leads, and since when on this replica's clock; and which membership is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lead {
    pub(crate) leader: Option<u64>,
    pub(crate) since: Monotonic,
    /// The index of the membership.
    pub(crate) membership: u64,
}

/// Notes the time of each change of leader, until the log stops.
pub(crate) async fn observe(
    env: Env,
    mut metrics: MetricsReceiver,
    lead: Arc<watch::Sender<Lead>>,
) {
    loop {
        let (leader, membership) = {
            let metrics = metrics.borrow_watched();
            let membership = metrics.membership_config.log_id().as_ref();
            (metrics.current_leader, membership.map_or(0, |id| id.index))
        };
        lead.send_if_modified(|lead| {
            let changed = lead.leader != leader;
            if changed {
                lead.leader = leader;
                lead.since = env.now();
            }
            let moved = lead.membership != membership;
            lead.membership = membership;
            changed || moved
        });
        if metrics.changed().await.is_err() {
            return;
        }
    }
}

impl Status {
    pub(crate) fn new(metrics: &Metrics, lead: Lead, applied: u64, now: Monotonic) -> Self {
        let index = |id: &Option<LogId>| id.as_ref().map_or(0, |id| id.index);
        let stopped = metrics
            .running_state
            .as_ref()
            .err()
            .map(ToString::to_string);
        let role = match metrics.state {
            _ if stopped.is_some() => Role::Stopped,
            ServerState::Leader => Role::Leader,
            ServerState::Follower => Role::Follower,
            ServerState::Candidate => Role::Candidate,
            ServerState::Learner => Role::Learner,
            ServerState::Shutdown => Role::Stopped,
        };
        let membership = metrics.membership_config.membership();
        let voters: Vec<u64> = membership.voter_ids().collect();
        let member = |(id, node): (&u64, &ReplicaNode)| Member {
            replica: ReplicaId(*id),
            node: node.clone(),
            voter: voters.contains(id),
        };
        let millis =
            |duration: std::time::Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let heard = metrics.last_quorum_acked.as_ref();
        Self {
            replica: ReplicaId(metrics.id),
            role,
            stopped,
            term: metrics.current_term,
            leader: metrics.current_leader.map(ReplicaId),
            leader_for_ms: millis(now.since(lead.since)),
            quorum_heard_ms: heard.map(|at| millis(openraft::Instant::elapsed(&**at))),
            last_index: metrics.last_log_index.unwrap_or(0),
            committed: index(&metrics.local_committed),
            // openraft tells of it a little after the proposers have their answers.
            applied,
            snapshot: index(&metrics.snapshot),
            purged: index(&metrics.purged),
            members: membership.nodes().map(member).collect(),
        }
    }
}
