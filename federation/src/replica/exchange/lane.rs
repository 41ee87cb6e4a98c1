//! Connections on the lane of facts: the dialler gives, the dialled takes.

use std::collections::BTreeSet;
use std::sync::{Arc, Weak};
use std::time::Duration;

use causeway_api::ReplicaId;
use causeway_api::exchange::FromGiver;
use causeway_api::peer::{FromPeer, PACKED_FACTS, ToPeer};
use causeway_core::exchange::Asked;
use causeway_seam::TaskHandle;
use tokio::sync::mpsc;

use super::Giving;
use crate::peers::PeerLinks;
use crate::peers::facts::{FactsLane, LaneEnd, Talk};
use crate::replica::sessions::lock;
use crate::replica::shared::Shared;

/// How often what is held is compared.
const COMPARE: Duration = Duration::from_secs(10);
/// How often something is said, if only that this replica is there.
const ALIVE: Duration = Duration::from_secs(1);
/// How long a replica may be silent before its sessions count as not heard, as an agent's own does.
const SILENCE: Duration = Duration::from_secs(3);
/// How long what can wait waits.
const LATER: Duration = Duration::from_millis(500);

struct Lane(Weak<Shared>);

/// Shares facts and sessions over these links. To be called before they are attached.
pub(crate) fn join(shared: &Arc<Shared>, links: &PeerLinks) {
    shared
        .exchange
        .note_address(shared.id, &links.me().addresses.sessions);
    links.serve_facts(lane(shared));
    let _ = shared.links.set(links.clone());
}

/// What is done with connections on the lane of facts.
pub(super) fn lane(shared: &Arc<Shared>) -> Arc<dyn FactsLane> {
    Arc::new(Lane(Arc::downgrade(shared)))
}

impl FactsLane for Lane {
    fn dialled(&self, end: LaneEnd<ToPeer, FromPeer>) -> Talk {
        let shared = self.0.upgrade();
        Box::pin(async move {
            if let Some(shared) = shared {
                give(shared, end).await;
            }
        })
    }

    fn accepted(&self, end: LaneEnd<FromPeer, ToPeer>) -> Talk {
        let shared = self.0.upgrade();
        Box::pin(async move {
            if let Some(shared) = shared {
                take(shared, end).await;
            }
        })
    }
}

/// The giving end; it ends with the connection.
struct GivingEnd {
    shared: Arc<Shared>,
    number: u64,
    giving: Arc<Giving>,
}

impl Drop for GivingEnd {
    fn drop(&mut self) {
        self.shared.exchange.end_giving(self.number);
    }
}

async fn give(shared: Arc<Shared>, mut end: LaneEnd<ToPeer, FromPeer>) {
    let addresses = &end.peer.addresses;
    shared
        .exchange
        .note_address(end.peer.replica, &addresses.sessions);
    let (number, giving) = shared
        .exchange
        .begin_giving(end.peer.protocols.newest >= PACKED_FACTS);
    let here = GivingEnd {
        shared: shared.clone(),
        number,
        giving,
    };
    let env = &shared.env;
    let mut compare_at = env.now().plus(env.random().jittered(COMPARE));
    let mut later_at = env.now().plus(LATER);
    let mut alive_at = env.now().plus(ALIVE);
    // Dropped with the connection.
    let mut asks: Vec<TaskHandle> = Vec::new();
    loop {
        let now = env.now();
        if now >= compare_at {
            lock(&here.giving.giver).offer();
            let members: BTreeSet<ReplicaId> = shared.consensus.members().into_keys().collect();
            if !members.is_empty() {
                shared.exchange.keep_replicas(&members);
            }
            compare_at = now.plus(env.random().jittered(COMPARE));
        }
        if now >= later_at {
            let members = std::mem::take(&mut *lock(&here.giving.later));
            let mut giver = lock(&here.giving.giver);
            members.iter().for_each(|member| giver.present(member));
            later_at = now.plus(LATER);
        }
        if now >= alive_at {
            // A full queue says as much.
            let _ = end.sender.try_send(ToPeer::Facts(FromGiver::Alive));
            alive_at = now.plus(ALIVE);
        }
        let is_due = lock(&here.giving.giver).is_due();
        let wait = compare_at.since(now).min(later_at.since(now));
        let wait = wait.min(alive_at.since(now));
        tokio::select! {
            biased;
            message = end.receiver.recv() => match message {
                Some(FromPeer::Facts(message)) => {
                    let asked = lock(&here.giving.giver).hear(message);
                    if let Some(Asked { id, member }) = asked {
                        asks.retain(|task| !task.is_ended());
                        let (shared, sender) = (shared.clone(), end.sender.clone());
                        asks.push(env.spawn("diff for a replica", async move {
                            let answer = shared.answer_diff(&member).await;
                            let message = FromGiver::Diff { id, answer };
                            let _ = sender.send(ToPeer::Facts(message)).await;
                        }));
                    }
                }
                Some(_) => {}
                None => return,
            },
            // One message at a time, made when there is room for it: a slow peer is sent less, never late.
            permit = end.sender.reserve(), if is_due => match permit {
                Ok(permit) => if let Some(message) = next(&shared, &here.giving) {
                    permit.send(ToPeer::Facts(message));
                },
                Err(_) => return,
            },
            () = here.giving.due.notified() => {}
            () = env.sleep(wait.max(Duration::from_millis(1))) => {}
        }
    }
}

fn next(shared: &Shared, giving: &Giving) -> Option<FromGiver> {
    // What is said of sessions is gathered before any other lock is taken.
    let due = lock(&giving.giver).presence_due();
    let rows = due.map(|due| match due {
        None => shared.presences(None),
        Some(members) => {
            let rows = members.iter().flat_map(|m| shared.presences(Some(m)));
            rows.collect()
        }
    });
    if let Some(rows) = rows {
        return Some(FromGiver::Presence(rows));
    }
    let facts = shared.facts();
    let inner = shared.exchange.inner();
    lock(&giving.giver).take(&facts, &inner.recent)
}

/// The taking end; it ends with the connection.
struct TakingEnd {
    shared: Arc<Shared>,
    number: u64,
}

impl Drop for TakingEnd {
    fn drop(&mut self) {
        if self.shared.exchange.end_taking(self.number) {
            // What is heard of its sessions ends here, too.
            self.shared.sessions_changed();
        }
    }
}

async fn take(shared: Arc<Shared>, mut end: LaneEnd<FromPeer, ToPeer>) {
    let peer = end.peer.replica;
    let sessions = &end.peer.addresses.sessions;
    shared.exchange.note_address(peer, sessions);
    let sender: mpsc::Sender<FromPeer> = end.sender.clone();
    let number = shared.exchange.begin_taking(peer, sender, shared.env.now());
    let here = TakingEnd { shared, number };
    let env = here.shared.env.clone();
    let mut silent = false;
    loop {
        let message = tokio::select! {
            biased;
            message = end.receiver.recv() => match message {
                Some(ToPeer::Facts(message)) => message,
                Some(_) => continue,
                None => return,
            },
            () = env.sleep(SILENCE), if !silent => {
                silent = true;
                here.shared.exchange.silent(peer);
                here.shared.sessions_changed();
                continue;
            }
        };
        silent = false;
        if let Some(answer) = here.shared.hear_replica(peer, message)
            && end.sender.send(FromPeer::Facts(answer)).await.is_err()
        {
            return;
        }
    }
}
