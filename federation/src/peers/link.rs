//! A link that this replica dialled, on one lane: dialled, introduced, watched, and dialled again when it ends.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use causeway_api::ReplicaId;
use causeway_api::peer::{Call, FromPeer, Lane, PeerHello, ToPeer};
use causeway_seam::transport::{Connection, TransportError};
use causeway_seam::{Env, Monotonic, TaskHandle};
use causeway_storage::PeerCall;
use tokio::sync::{Notify, mpsc, oneshot, watch};

use super::admit::{self, Unfit};
use super::facts::LaneEnd;
use super::links::{Inner, Peer, lock};
use super::{HELLO, LONGEST, PING, REFUSED, SHORTEST, SILENCE};

pub(super) type Dialled = Connection<ToPeer, FromPeer>;

/// The place of a link, whether it is up or not.
pub(super) struct Slot {
    pub(super) phase: watch::Sender<Phase>,
    /// Dial now: the other side is there.
    pub(super) again: Notify,
    pub(super) task: Mutex<Option<TaskHandle>>,
}

/// How a link is.
#[derive(Clone)]
pub(super) enum Phase {
    /// Not dialled yet.
    Trying,
    /// The last attempt failed.
    Down(String),
    /// It is there.
    Up(Arc<Live>),
}

impl PartialEq for Phase {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Trying, Self::Trying) => true,
            (Self::Down(a), Self::Down(b)) => a == b,
            (Self::Up(a), Self::Up(b)) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }
}

/// A link that is there.
pub(super) struct Live {
    sender: mpsc::Sender<ToPeer>,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    next: u64,
    answers: BTreeMap<u64, oneshot::Sender<Result<Vec<u8>, String>>>,
    closed: bool,
}

impl Live {
    pub(super) fn new(sender: mpsc::Sender<ToPeer>) -> Self {
        Self {
            sender,
            waiting: Mutex::default(),
        }
    }

    /// Calls. What is sent at the first poll is sent in the order of the first polls.
    pub(super) async fn call(&self, call: PeerCall) -> Result<Vec<u8>, String> {
        let ended = || "the link ended before the answer".to_owned();
        let (tell, answer) = oneshot::channel();
        let id = {
            let mut waiting = lock(&self.waiting);
            if waiting.closed {
                return Err(ended());
            }
            let id = waiting.next;
            waiting.next += 1;
            waiting.answers.insert(id, tell);
            id
        };
        // Nobody waits for an answer to a call that was given up.
        let _forget = Forget { live: self, id };
        let call = Call {
            id,
            kind: call.kind,
            body: call.body,
        };
        if self.sender.send(ToPeer::Call(call)).await.is_err() {
            return Err(ended());
        }
        answer.await.unwrap_or_else(|_| Err(ended()))
    }

    fn answered(&self, id: u64, answer: Result<Vec<u8>, String>) {
        let tell = lock(&self.waiting).answers.remove(&id);
        if let Some(tell) = tell {
            let _ = tell.send(answer);
        }
    }

    fn close(&self) {
        let mut waiting = lock(&self.waiting);
        waiting.closed = true;
        waiting.answers.clear();
    }
}

struct Forget<'a> {
    live: &'a Live,
    id: u64,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        lock(&self.live.waiting).answers.remove(&self.id);
    }
}

/// Why a link ended, and how soon it is dialled again; with a wait where a person must see to it.
pub(super) struct Ended {
    pub(super) reason: String,
    pub(super) wait: Option<Duration>,
}

fn ended(reason: impl Into<String>) -> Ended {
    Ended {
        reason: reason.into(),
        wait: None,
    }
}

/// Keeps the link of one lane, until links, peer or slot are dropped.
pub(super) async fn run(inner: Weak<Inner>, peer: Weak<Peer>, slot: Weak<Slot>, lane: Lane) {
    let Some(ready) = inner.upgrade().map(|inner| inner.ready()) else {
        return;
    };
    ready.await;
    let mut wait = SHORTEST;
    loop {
        let Some((links, to, place)) = all(&inner, &peer, &slot) else {
            return;
        };
        let env = links.env.clone();
        let began = env.now();
        let address = to.address.borrow().clone();
        let mut moved = to.address.subscribe();
        let end = once(links, &to, &place, lane, &address).await;
        let lasted = env.now().since(began);
        let pause = end.wait.unwrap_or_else(|| {
            wait = if lasted > SILENCE {
                SHORTEST
            } else {
                (wait * 2).min(LONGEST)
            };
            env.random().jittered(wait)
        });
        place.phase.send_replace(Phase::Down(end.reason.clone()));
        {
            let mut seen = lock(&to.seen);
            if seen.up.remove(&lane).is_some() || seen.trouble.as_ref() != Some(&end.reason) {
                tracing::info!(peer = %to.id, %lane, %address, reason = %end.reason, "no link");
            }
            if lane == Lane::Raft {
                seen.trouble = Some(end.reason);
            }
        }
        if let Some(links) = inner.upgrade() {
            links.note_change();
        }
        drop(to);
        tokio::select! {
            biased;
            () = place.again.notified() => {}
            changed = moved.changed() => if changed.is_err() { return },
            () = env.sleep(pause) => {}
        }
    }
}

fn all(
    inner: &Weak<Inner>,
    peer: &Weak<Peer>,
    slot: &Weak<Slot>,
) -> Option<(Arc<Inner>, Arc<Peer>, Arc<Slot>)> {
    Some((inner.upgrade()?, peer.upgrade()?, slot.upgrade()?))
}

/// Dials and introduces; returns who is there.
pub(super) async fn introduce(
    inner: &Inner,
    lane: Lane,
    to: Option<ReplicaId>,
    address: &str,
) -> Result<(Dialled, PeerHello), Ended> {
    let Some(dialler) = &inner.dialler else {
        return Err(ended("this replica dials nobody"));
    };
    if address.is_empty() {
        return Err(ended("it has no address: start it with --peer-address"));
    }
    let dialled = dialler.dial(address).await;
    let mut connection = dialled.map_err(|error| Ended {
        wait: matches!(error, TransportError::Refused { .. }).then_some(REFUSED),
        reason: error.to_string(),
    })?;
    let me = inner.hello(lane, to);
    let hello = ToPeer::Hello(me.clone());
    if connection.sender.send(hello).await.is_err() {
        return Err(ended("the link ended at once"));
    }
    let first = inner.env.timeout(HELLO, connection.receiver.recv()).await;
    let other = match first {
        Ok(Some(Ok(FromPeer::Hello(other)))) => other,
        Ok(Some(Ok(FromPeer::Refused { reason, retry }))) => {
            return Err(Ended {
                reason: format!("{address} refused: {reason}"),
                wait: (!retry).then_some(REFUSED),
            });
        }
        Ok(Some(Ok(FromPeer::Fenced(fenced)))) => {
            inner.fence(fenced);
            return Err(Ended {
                reason: format!(
                    "{address} says that this replica has no part in the clusterset any more"
                ),
                wait: Some(REFUSED),
            });
        }
        Ok(Some(Ok(_))) => return Err(ended(format!("{address} did not introduce itself"))),
        Ok(Some(Err(error))) => return Err(ended(error.to_string())),
        Ok(None) => return Err(ended("the link ended at once")),
        Err(elapsed) => {
            return Err(ended(format!(
                "{address} did not introduce itself: {elapsed}"
            )));
        }
    };
    let wanted = to.filter(|to| *to != other.replica);
    if let Some(wanted) = wanted {
        return Err(Ended {
            reason: format!(
                "at {address} is replica {}, and {wanted} was looked for: correct --peer-address of {wanted}",
                other.replica
            ),
            wait: Some(REFUSED),
        });
    }
    let identity = connection.identity.as_deref();
    match admit::judge(&me, &inner.known(), identity, &other) {
        Ok(()) => Ok((connection, other)),
        Err(Unfit::Refused { reason, .. }) => Err(Ended {
            reason: format!("{address} is not taken: {reason}"),
            wait: Some(REFUSED),
        }),
        Err(Unfit::Fenced(fenced)) => {
            let _ = connection.sender.send(ToPeer::Fenced(fenced)).await;
            // It reads this before the end.
            let _ = inner.env.timeout(HELLO, connection.receiver.recv()).await;
            Err(Ended {
                reason: format!("{address} is of an older incarnation, or was removed"),
                wait: Some(REFUSED),
            })
        }
    }
}

/// One life of a link.
async fn once(inner: Arc<Inner>, peer: &Peer, slot: &Slot, lane: Lane, address: &str) -> Ended {
    let (connection, hello) = match introduce(&inner, lane, Some(peer.id), address).await {
        Ok(introduced) => introduced,
        Err(end) => return end,
    };
    let env = inner.env.clone();
    let live = Arc::new(Live::new(connection.sender.clone()));
    {
        let mut seen = lock(&peer.seen);
        seen.highest = hello.highest;
        seen.hello = Some(hello.clone());
        seen.heard = Some(env.now());
        seen.up.insert(lane, env.now());
        if lane == Lane::Raft {
            seen.trouble = None;
        }
    }
    inner.note_change();
    tracing::info!(peer = %peer.id, %lane, %address, "link up");
    let watched = Watched {
        inner: Arc::downgrade(&inner),
        env,
        peer,
        live: Arc::clone(&live),
    };
    let end = if lane == Lane::Facts {
        let (heard, receiver) = mpsc::channel(super::UNDER_WAY);
        let end = LaneEnd {
            peer: hello,
            sender: connection.sender.clone(),
            receiver,
        };
        let talk = inner.facts().map(|facts| facts.dialled(end));
        let talk = async move {
            match talk {
                Some(talk) => talk.await,
                None => std::future::pending().await,
            }
        };
        drop(inner);
        slot.phase.send_replace(Phase::Up(Arc::clone(&live)));
        tokio::select! {
            biased;
            end = watched.hear(connection, Some(heard)) => end,
            () = talk => ended("facts were given up"),
        }
    } else {
        drop(inner);
        slot.phase.send_replace(Phase::Up(Arc::clone(&live)));
        watched.hear(connection, None).await
    };
    live.close();
    end
}

/// A link that is there, and whoever hears it.
pub(super) struct Watched<'a> {
    pub(super) inner: Weak<Inner>,
    pub(super) env: Env,
    pub(super) peer: &'a Peer,
    pub(super) live: Arc<Live>,
}

impl Watched<'_> {
    /// Hears answers, asks whether the other is there, and returns why the link ended.
    pub(super) async fn hear(
        &self,
        mut connection: Dialled,
        facts: Option<mpsc::Sender<FromPeer>>,
    ) -> Ended {
        let env = &self.env;
        let mut asked: BTreeMap<u64, Monotonic> = BTreeMap::new();
        let mut number = 0;
        let mut heard = env.now();
        let mut due = env.now();
        loop {
            let now = env.now();
            if now.since(heard) > SILENCE {
                return ended(format!("nothing was heard for {SILENCE:?}"));
            }
            if now >= due {
                let Some(inner) = self.inner.upgrade() else {
                    return ended("this side stops");
                };
                let ping = inner.ping(number);
                // Where the queue is full, it is asked later: what is under way is a question too.
                if connection.sender.try_send(ToPeer::Ping(ping)).is_ok() {
                    asked.insert(number, now);
                    number += 1;
                }
                while asked.len() > 16 {
                    asked.pop_first();
                }
                due = now.plus(PING);
            }
            let message = tokio::select! {
                biased;
                message = connection.receiver.recv() => message,
                () = env.sleep(due.since(env.now())) => continue,
            };
            heard = env.now();
            match message {
                None => return ended("the other side ended it"),
                Some(Err(error)) => return ended(error.to_string()),
                Some(Ok(FromPeer::Answer { id, answer })) => self.live.answered(id, answer),
                Some(Ok(FromPeer::Pong(pong))) => {
                    let mut seen = lock(&self.peer.seen);
                    if let Some(at) = asked.remove(&pong.number) {
                        let round_trip = heard.since(at);
                        let half = i64::try_from(round_trip.as_millis() / 2).unwrap_or(0);
                        let wall = env.wall().0.saturating_sub(half);
                        seen.clock_offset_ms = Some(pong.wall_ms.saturating_sub(wall));
                        seen.measured(round_trip);
                    }
                    seen.highest = seen.highest.max(pong.highest);
                    seen.heard = Some(heard);
                }
                Some(Ok(FromPeer::Refused { reason, retry })) => {
                    return Ended {
                        reason,
                        wait: (!retry).then_some(REFUSED),
                    };
                }
                Some(Ok(FromPeer::Fenced(fenced))) => {
                    if let Some(inner) = self.inner.upgrade() {
                        inner.fence(fenced);
                    }
                    return ended(
                        "the other side says that this replica has no part in the clusterset any more",
                    );
                }
                Some(Ok(FromPeer::Hello(_))) => {}
                Some(Ok(other @ FromPeer::Facts(_))) => {
                    if let Some(facts) = &facts
                        && facts.send(other).await.is_err()
                    {
                        return ended("facts were given up");
                    }
                }
            }
        }
    }
}
