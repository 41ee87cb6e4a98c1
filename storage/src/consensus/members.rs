//! Who belongs to the log: learners are added, promoted once they have caught up, and removed; the lead is passed on. Any
//! replica takes these, and the leader does them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use causeway_api::ReplicaId;
use causeway_api::peer::Fenced;
use causeway_state::level::FEATURE_LEVEL;
use causeway_state::{Command, Outcome};
use openraft::ChangeMembers;
use openraft::errors::{ChangeMembershipError, ClientWriteError, RaftError};
use serde::{Deserialize, Serialize};

use super::Consensus;
use crate::domains::{self, Voters};
use crate::network;
use crate::peers::{PeerCall, PeerCallKind, ReplicaNode};
use crate::status::{Role, Status};

/// How long a change may take.
const LIMIT: Duration = Duration::from_secs(30);

/// A learner that lacks at most so many entries has caught up.
const LAG: u64 = 100;

/// How long ago a replica may have answered and still counts as reachable, beyond the longest election timeout.
pub(super) const HEARD: Duration = Duration::from_secs(2);

/// A change of who belongs to the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// A replica joins: it follows, and has no vote yet.
    Add {
        /// Its id, which no other ever had.
        replica: ReplicaId,
        /// Where it is.
        node: ReplicaNode,
        /// The number of its data folder; 0: it has not been heard of yet.
        folder: u64,
        /// Whose place it is to take, if any.
        replaces: Option<ReplicaId>,
        /// Whether the loss of one failure domain may lose the quorum then.
        accept_domain_risk: bool,
    },
    /// A replica that follows gets a vote; with `replaces`, in the same step another loses its own and leaves.
    Promote {
        /// Who.
        replica: ReplicaId,
        /// Whose place it takes.
        replaces: Option<ReplicaId>,
        /// Whether the loss of one failure domain may lose the quorum then.
        accept_domain_risk: bool,
    },
    /// A replica leaves. A leader passes the lead on first.
    Remove {
        /// Who.
        replica: ReplicaId,
        /// Whether the loss of one failure domain may lose the quorum then.
        accept_domain_risk: bool,
    },
    /// The lead is passed on.
    Transfer {
        /// To whom; `None`: to whoever is best placed.
        to: Option<ReplicaId>,
    },
}

/// Why a change was not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// It must not be.
    #[error("{0}")]
    Refused(String),
    /// Nobody leads, or the leader cannot be reached.
    #[error("{0}")]
    NoLeader(String),
    /// The answer was lost.
    #[error("{0}")]
    Unknown(String),
}

/// What the leader made of a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Changed {
    Done,
    Refused(String),
    /// It leads not; ask again.
    NotHere,
    /// Something else is being changed, or it was interrupted: ask again.
    Again(String),
}

/// How far a member of the log is, as the leader knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// The last entry that it is known to have.
    pub matched: u64,
    /// How long ago it answered; `None`: it never did, under this leader.
    pub heard: Option<Duration>,
}

impl Consensus {
    /// Makes a change, on whichever replica leads; may be asked again, as what is done already is no error.
    ///
    /// # Errors
    /// [`ChangeError`], with what to do.
    pub async fn change(&self, change: Change) -> Result<(), ChangeError> {
        let deadline = self.inner.env.now().plus(LIMIT);
        let mut last = String::new();
        loop {
            if let Some(fence) = self.fenced() {
                // Nobody will ever lead here: there is nothing to wait for.
                return Err(ChangeError::Refused(format!(
                    "this replica has no part in its clusterset any more ({fence}), and changes nothing: ask another one. {}",
                    Fenced::REMEDY
                )));
            }
            let life = self.life();
            if let Some(why) = self.status().stopped
                && !self.lives_again(life).await
            {
                return Err(ChangeError::Refused(format!(
                    "the decision log of this replica has stopped: {why}. Ask another replica"
                )));
            }
            let left = deadline.since(self.inner.env.now());
            let once = Box::pin(self.change_once(&change));
            match self.inner.env.timeout(left, once).await {
                Err(_) => {
                    return Err(ChangeError::Unknown(format!(
                        "no answer within {LIMIT:?}: look at causeway replica list before it is asked again"
                    )));
                }
                Ok(Changed::Done) => return Ok(()),
                Ok(Changed::Refused(reason)) => return Err(ChangeError::Refused(reason)),
                Ok(Changed::NotHere) => {}
                Ok(Changed::Again(reason)) => last = reason,
            }
            if !self.wait_until(deadline).await {
                return Err(ChangeError::NoLeader(if last.is_empty() {
                    format!(
                        "no replica led within {LIMIT:?}: a majority of the replicas must reach each other; where it is lost for \
                         good, see causeway replica recover"
                    )
                } else {
                    last
                }));
            }
        }
    }

    async fn change_once(&self, change: &Change) -> Changed {
        let status = self.status();
        let me = self.inner.client.replica;
        match status.leader {
            Some(leader) if leader == me => self.change_here(change, &status).await,
            Some(leader) => {
                let members = self.members();
                let Some(node) = members.get(&leader) else {
                    return Changed::NotHere;
                };
                let Ok(body) = postcard::to_stdvec(change) else {
                    return Changed::NotHere;
                };
                let kind = PeerCallKind::Change;
                let peers = &self.inner.ground.peers;
                match peers.call(leader, node, PeerCall { kind, body }).await {
                    Ok(answer) => postcard::from_bytes(&answer)
                        .unwrap_or_else(|error| Changed::Again(error.to_string())),
                    Err(error) => Changed::Again(error.to_string()),
                }
            }
            None => Changed::NotHere,
        }
    }

    /// Whether a replica may join is decided by the state, which knows all that ever were.
    async fn admit_replica(&self, replica: ReplicaId, folder: u64) -> Result<(), Changed> {
        if self.read(|state| state.feature_level) < FEATURE_LEVEL {
            return Ok(());
        }
        match self
            .propose(Command::AdmitReplica { replica, folder })
            .await
        {
            Ok(answer) => match answer.outcome {
                Outcome::Refused(refusal) => Err(Changed::Refused(refusal.to_string())),
                _ => Ok(()),
            },
            Err(error) => Err(Changed::Again(error.to_string())),
        }
    }

    /// Makes a change that another replica forwarded.
    pub(super) async fn take_change(&self, body: &[u8]) -> Result<Changed, String> {
        let change: Change = network::read(body)?;
        let status = self.status();
        if status.role != Role::Leader {
            return Ok(Changed::NotHere);
        }
        Ok(self.change_here(&change, &status).await)
    }

    async fn change_here(&self, change: &Change, status: &Status) -> Changed {
        // Voters are replaced as a whole, and by two steps of the log: what was planned beside another change, from the members
        // before it, would undo that one. Who passes the lead on changes nobody.
        let _one = match (change, self.inner.changing.try_lock()) {
            (Change::Transfer { .. }, _) => None,
            (_, Ok(one)) => Some(one),
            (_, Err(_)) => return Changed::Again("another change of members is under way".into()),
        };
        let plan = self.plan(change, status);
        let step = match plan {
            Ok(Some(step)) => step,
            Ok(None) => return Changed::Done,
            // Who has only begun to lead has heard of nobody yet: what it finds in the way may be gone in a moment.
            Err(reason) if Duration::from_millis(status.leader_for_ms) < self.patience() => {
                return Changed::Again(reason);
            }
            Err(reason) => return Changed::Refused(reason),
        };
        if let Change::Add {
            replica, folder, ..
        } = change
            && let Err(refused) = self.admit_replica(*replica, *folder).await
        {
            return refused;
        }
        match step {
            Step::Members(members, retain) => {
                let raft = self.raft();
                match raft.change_membership(members, retain).await {
                    Ok(_) => Changed::Done,
                    Err(RaftError::APIError(ClientWriteError::ForwardToLeader(_))) => {
                        Changed::NotHere
                    }
                    Err(RaftError::APIError(ClientWriteError::ChangeMembershipError(
                        ChangeMembershipError::InProgress(_),
                    ))) => Changed::Again("another change of members is under way".into()),
                    Err(error) => Changed::Again(error.to_string()),
                }
            }
            Step::Transfer(to, then_done) => {
                if self.hand_over(to).await && then_done {
                    Changed::Done
                } else {
                    // The next leader goes on.
                    Changed::Again(format!("the lead was to pass to {to}, and did not yet"))
                }
            }
        }
    }

    /// What is to be done for a change; `None`: nothing is left to do.
    pub(super) fn plan(&self, change: &Change, status: &Status) -> Result<Option<Step>, String> {
        let me = self.inner.client.replica;
        let member = |id: ReplicaId| status.members.iter().find(|member| member.replica == id);
        let before: Voters = voters(status);
        let missing = |id: ReplicaId| {
            format!("replica {id} is no member: causeway replica list shows those that are")
        };
        let judged = |after: &Voters, risk: bool| {
            if risk {
                return Ok(());
            }
            domains::judge(&before, after)
                .map_err(|risk| format!("{risk}; to accept it all the same: --accept-domain-risk"))
        };
        match change {
            Change::Add {
                replica,
                node,
                replaces,
                accept_domain_risk,
                ..
            } => {
                if let Some(held) = member(*replica) {
                    if held.node.address == node.address {
                        return Ok(None);
                    }
                    return Err(format!(
                        "replica {replica} is a member already, at {}: an id is never used twice",
                        held.node.address
                    ));
                }
                let taken = status
                    .members
                    .iter()
                    .find(|m| m.node.address == node.address);
                if let Some(taken) = taken {
                    return Err(format!(
                        "replica {} is at {} already",
                        taken.replica, node.address
                    ));
                }
                let mut after = before.clone();
                if let Some(old) = replaces {
                    member(*old).ok_or_else(|| missing(*old))?;
                    after.remove(old);
                }
                after.insert(*replica, node.domain.clone());
                judged(&after, *accept_domain_risk)?;
                let nodes = BTreeMap::from([(replica.0, node.clone())]);
                Ok(Some(Step::Members(ChangeMembers::AddNodes(nodes), true)))
            }
            Change::Promote {
                replica,
                replaces,
                accept_domain_risk,
            } => {
                let held = member(*replica).ok_or_else(|| missing(*replica))?;
                let gone = replaces.is_none_or(|old| member(old).is_none());
                if held.voter && gone {
                    return Ok(None);
                }
                if *replaces == Some(me) {
                    return self.pass_on(status, me).map(Some);
                }
                let mut after = before.clone();
                after.insert(*replica, held.node.domain.clone());
                if let Some(old) = replaces {
                    after.remove(old);
                }
                judged(&after, *accept_domain_risk)?;
                let lag = self.lag(*replica, status);
                if lag.is_none_or(|lag| lag > LAG) {
                    return Err(format!(
                        "not yet: replica {replica} has not caught up, it lacks {} entries",
                        lag.map_or_else(
                            || "an unknown number of".to_owned(),
                            |lag| lag.to_string()
                        )
                    ));
                }
                let answering = self.answering(&after);
                answering.map_err(|reason| format!("not yet: {reason}"))?;
                Ok(Some(step(&after, replaces.is_some())))
            }
            Change::Remove {
                replica,
                accept_domain_risk,
            } => {
                let Some(held) = member(*replica) else {
                    return Ok(None);
                };
                if !held.voter {
                    let nodes = BTreeSet::from([replica.0]);
                    let remove = ChangeMembers::RemoveNodes(nodes);
                    return Ok(Some(Step::Members(remove, false)));
                }
                let mut after = before.clone();
                after.remove(replica);
                if after.is_empty() {
                    return Err(domains::DomainRisk::NobodyLeft.to_string());
                }
                judged(&after, *accept_domain_risk)?;
                self.answering(&after)?;
                if *replica == me {
                    return self.pass_on(status, me).map(Some);
                }
                Ok(Some(step(&after, true)))
            }
            Change::Transfer { to } => {
                let to = match to {
                    Some(to) => {
                        let held = member(*to).ok_or_else(|| missing(*to))?;
                        if !held.voter {
                            return Err(format!("replica {to} has no vote, and cannot lead"));
                        }
                        *to
                    }
                    None => self.best(status).ok_or("no other replica could lead")?,
                };
                Ok((to != me).then_some(Step::Transfer(to, true)))
            }
        }
    }

    fn pass_on(&self, status: &Status, me: ReplicaId) -> Result<Step, String> {
        let to = self.best(status).ok_or_else(|| {
            format!("replica {me} leads, and no other one could: none has answered lately")
        })?;
        Ok(Step::Transfer(to, false))
    }

    /// How long ago another may have answered and counts as there.
    fn patience(&self) -> Duration {
        HEARD.max(Duration::from_millis(self.timing().election_max_ms))
    }

    /// A majority of those who would vote must answer, else the change would end all decisions.
    fn answering(&self, after: &Voters) -> Result<(), String> {
        let me = self.inner.client.replica;
        let progress = self.progress();
        let limit = self.patience();
        let there = |id: &&ReplicaId| {
            let heard = progress.get(id).and_then(|progress| progress.heard);
            **id == me || heard.is_some_and(|heard| heard <= limit)
        };
        let answering = after.keys().filter(there).count();
        let needed = domains::quorum(after.len());
        if answering >= needed {
            return Ok(());
        }
        Err(format!(
            "of the {} voters after this change only {answering} answer, and {needed} are needed to decide anything: bring the others \
             back first",
            after.len()
        ))
    }
}

pub(super) enum Step {
    Members(ChangeMembers<u64, ReplicaNode>, bool),
    /// The lead passes; whether that was all.
    Transfer(ReplicaId, bool),
}

/// Voters become those, in one step; with `leave`, those who were voters leave the log.
fn step(after: &Voters, leave: bool) -> Step {
    let voters = after.keys().map(|id| id.0).collect();
    Step::Members(ChangeMembers::ReplaceAllVoters(voters), !leave)
}

/// The voters, with their domains.
#[must_use]
pub fn voters(status: &Status) -> Voters {
    let voters = status.members.iter().filter(|member| member.voter);
    let row = |member: &crate::status::Member| (member.replica, member.node.domain.clone());
    voters.map(row).collect()
}
