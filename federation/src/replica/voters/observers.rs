//! Observers that nobody hears: what a dead replica once reached must not keep a dead member alive.
//!
//! The leader proposes that the votes of a replica that it has not heard for a while count as abstentions. A replica that
//! finds itself silenced and is well votes anew, which undoes that.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use causeway_api::ids::ReplicaId;
use causeway_api::verdict::{ObserverId, Vote};
use causeway_failover::verdict::quorum::REPLICA_SILENT_MS;
use causeway_seam::Monotonic;
use causeway_state::State;
use causeway_state::command::Command;
use causeway_state::level::FEATURE_LEVEL;

use crate::replica::shared::Shared;

/// How often it is looked.
const LOOK: Duration = Duration::from_secs(1);
/// How long a replica may be out of the leader's hearing. Links give up after four seconds of silence.
const SILENT_AFTER: Duration = Duration::from_millis(REPLICA_SILENT_MS);
/// How long a replica looks around itself before what it held before counts again.
const AROUND: Duration = Duration::from_secs(10);

/// Looks until it is dropped.
pub(crate) async fn watch_observers(shared: Arc<Shared>) {
    let began = shared.env.now();
    let mut missing: BTreeMap<ReplicaId, Monotonic> = BTreeMap::new();
    loop {
        shared.env.sleep(LOOK).await;
        let now = shared.env.now();
        if let Some(vote) = anew(&shared).filter(|_| now.since(began) > AROUND) {
            super::cast(&shared, vec![vote]).await;
        }
        if !shared.consensus.is_leader() {
            // A new leader hears for itself for as long.
            missing.clear();
            continue;
        }
        for replica in left(&shared) {
            tracing::info!(%replica, "it left the clusterset: what it voted is forgotten");
            if let Err(error) = shared.propose(Command::ForgetObserver { replica }).await {
                tracing::warn!(%replica, %error, "its votes are not forgotten; tried again");
            }
        }
        for replica in silent(&shared, now, &mut missing) {
            tracing::warn!(%replica, "it has not been heard for a while: its votes do not count until it votes again");
            if let Err(error) = shared.propose(Command::Silence { replica }).await {
                tracing::warn!(%replica, %error, "its votes still count; tried again");
            }
        }
    }
}

/// The replicas that vote, are not silenced, and have not been heard for long enough.
fn silent(
    shared: &Shared,
    now: Monotonic,
    missing: &mut BTreeMap<ReplicaId, Monotonic>,
) -> Vec<ReplicaId> {
    let Some(links) = shared.links.get() else {
        return Vec::new();
    };
    let seen = links.seen();
    let voting = shared.consensus.read(|state| {
        if state.feature_level >= FEATURE_LEVEL {
            observers(state, shared.id)
        } else {
            Vec::new()
        }
    });
    missing.retain(|replica, _| voting.contains(replica));
    let mut silent = Vec::new();
    for replica in voting {
        let reached = seen.get(&replica).is_some_and(|seen| {
            let heard = seen.heard.map(|at| now.since(at));
            seen.reachable() && heard.is_some_and(|ago| ago < SILENT_AFTER)
        });
        if reached {
            missing.remove(&replica);
        } else {
            let since = *missing.entry(replica).or_insert(now);
            if now.since(since) >= SILENT_AFTER {
                silent.push(replica);
            }
        }
    }
    silent
}

/// Replicas that voted, and are not members of the log any more.
fn left(shared: &Shared) -> Vec<ReplicaId> {
    let members = shared.consensus.status().members;
    let voted: BTreeSet<ReplicaId> = shared.consensus.read(|state| {
        if state.feature_level < FEATURE_LEVEL {
            return BTreeSet::new();
        }
        let mut voted: BTreeSet<ReplicaId> = observers(state, shared.id).into_iter().collect();
        voted.extend(state.votes.silent());
        voted
    });
    // Where nobody is known to be a member, nothing is known.
    let gone = |replica: &ReplicaId| {
        *replica != shared.id
            && !members.is_empty()
            && members.iter().all(|member| member.replica != *replica)
    };
    voted.into_iter().filter(gone).collect()
}

/// Other replicas whose votes count.
fn observers(state: &State, me: ReplicaId) -> Vec<ReplicaId> {
    let voted = state.votes.rows().values().flat_map(BTreeMap::keys);
    let replicas = voted.filter_map(|observer| match observer {
        ObserverId::Replica(replica) => Some(*replica),
        ObserverId::Agent(_) => None,
    });
    let counting = replicas.filter(|id| *id != me && !state.votes.silent().contains(id));
    let set: BTreeSet<ReplicaId> = counting.collect();
    set.into_iter().collect()
}

/// A vote of this replica as it stands, where its votes do not count.
fn anew(shared: &Shared) -> Option<Vote> {
    let me = ObserverId::Replica(shared.id);
    shared.consensus.read(|state| {
        if !state.votes.is_silent(&me) {
            return None;
        }
        let mut rows = state.votes.rows().iter();
        rows.find_map(|(subject, row)| {
            let cast = row.get(&me)?;
            Some(Vote {
                observer: me.clone(),
                domain: shared.domain.clone(),
                subject: subject.clone(),
                ballot: cast.ballot,
                evidence: cast.evidence.clone(),
            })
        })
    })
}
