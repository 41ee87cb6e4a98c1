//! Links that others dialled: they introduce themselves, and their calls are answered.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::Weak;
use std::time::Duration;

use causeway_api::ReplicaId;
use causeway_api::peer::{Call, FromPeer, Lane, PeerHello, Ping, Pong, ToPeer};
use causeway_seam::transport::Connection;
use causeway_seam::{Env, Monotonic, TaskHandle};
use causeway_storage::{PeerCall, WeakConsensus};
use futures::stream::{FuturesUnordered, StreamExt};
use tokio::sync::mpsc;

use super::admit::{self, Unfit};
use super::facts::LaneEnd;
use super::links::{Inner, lock};
use super::{Acceptor, HELLO, SILENCE, UNDER_WAY};

/// How long it is known why somebody was refused.
const REMEMBERED: Duration = Duration::from_secs(600);

/// Of how many at most.
const REFUSALS: usize = 64;

/// The lane on which a member asks, of nobody by name, whether it is of the same clusterset: all that it wants is the answer.
pub(super) const ASKED: Lane = Lane::Bulk;

type Accepted = Connection<FromPeer, ToPeer>;

/// Who has a link here, by lane: the newest of each.
#[derive(Default)]
pub(super) struct Guests {
    rows: BTreeMap<(Lane, ReplicaId), Guest>,
    /// Those who were refused, when and why.
    refused: BTreeMap<ReplicaId, (Monotonic, String)>,
    next: u64,
}

struct Guest {
    number: u64,
    hello: PeerHello,
    heard: Monotonic,
    ping: Option<Ping>,
}

impl Guests {
    /// How those introduced themselves who are here on a lane.
    pub(super) fn hellos(&self, lane: Lane) -> impl Iterator<Item = &PeerHello> {
        let rows = self.rows.iter().filter(move |((at, _), _)| *at == lane);
        rows.map(|(_, guest)| &guest.hello)
    }

    /// What a replica said of itself last.
    pub(super) fn said(&self, replica: ReplicaId) -> Option<Ping> {
        self.rows.get(&(Lane::Raft, replica))?.ping
    }

    /// Why a replica was refused lately.
    pub(super) fn turned_away(&self, replica: ReplicaId, now: Monotonic) -> Option<String> {
        let (at, reason) = self.refused.get(&replica)?;
        (now.since(*at) < REMEMBERED).then(|| reason.clone())
    }

    /// Somebody who introduced itself as this replica is refused.
    fn refuse(&mut self, replica: ReplicaId, reason: &str, now: Monotonic) {
        self.refused
            .retain(|_, (at, _)| now.since(*at) < REMEMBERED);
        if self.refused.len() < REFUSALS || self.refused.contains_key(&replica) {
            self.refused.insert(replica, (now, reason.to_owned()));
        }
    }

    /// Nobody enters while another process is here under the same id.
    fn take(&mut self, hello: &PeerHello, now: Monotonic) -> Result<(), String> {
        let key = (hello.lane, hello.replica);
        if let Some(held) = self.rows.get(&key)
            && held.hello.boot != hello.boot
            && now.since(held.heard) < SILENCE
        {
            return Err(format!(
                "the id {} is used twice: another process runs as replica {} (at {}); stop one of them for good",
                hello.replica, hello.replica, held.hello.addresses.peers
            ));
        }
        self.refused.remove(&hello.replica);
        Ok(())
    }

    /// Enters, unless another process is here under the same id.
    fn enter(&mut self, hello: &PeerHello, now: Monotonic) -> Result<u64, String> {
        self.take(hello, now)?;
        let number = self.next;
        self.next += 1;
        let hello = hello.clone();
        let heard = now;
        self.rows.insert(
            (hello.lane, hello.replica),
            Guest {
                number,
                hello,
                heard,
                ping: None,
            },
        );
        Ok(number)
    }

    /// Takes their places away: their links end.
    pub(super) fn expel(&mut self, replicas: &BTreeSet<ReplicaId>) {
        self.rows.retain(|(_, id), _| !replicas.contains(id));
    }

    fn of(&mut self, hello: &PeerHello, number: u64) -> Option<&mut Guest> {
        let guest = self.rows.get_mut(&(hello.lane, hello.replica));
        guest.filter(|guest| guest.number == number)
    }

    fn leave(&mut self, hello: &PeerHello, number: u64) {
        if self.of(hello, number).is_some() {
            self.rows.remove(&(hello.lane, hello.replica));
        }
    }
}

/// Accepts until the listener is closed; ends all its links when it is dropped.
pub(super) async fn serve(inner: Weak<Inner>, mut acceptor: Box<Acceptor>) {
    let mut open: Vec<TaskHandle> = Vec::new();
    while let Some(connection) = acceptor.accept().await {
        open.retain(|task| !task.is_ended());
        let Some(env) = inner.upgrade().map(|inner| inner.env.clone()) else {
            return;
        };
        open.push(env.spawn("peer link", guest(inner.clone(), connection)));
    }
}

async fn guest(inner: Weak<Inner>, mut connection: Accepted) {
    let Some(links) = inner.upgrade() else { return };
    let env = links.env.clone();
    let remote = connection.remote.clone();
    let hello = match env.timeout(HELLO, connection.receiver.recv()).await {
        Ok(Some(Ok(ToPeer::Hello(hello)))) => hello,
        Ok(Some(Err(error))) => {
            tracing::warn!(%remote, %error, "no link");
            return;
        }
        _ => return,
    };
    let mut me = links.hello(hello.lane, Some(hello.replica));
    me.others = links.others(hello.replica);
    let identity = connection.identity.as_deref();
    let judged = admit::judge(&me, &links.known(), identity, &hello);
    let asks = hello.lane == ASKED && hello.to.is_none();
    let entered = judged.and_then(|()| {
        let mut guests = lock(&links.guests);
        let entered = if asks {
            guests.take(&hello, env.now()).map(|()| None)
        } else {
            guests.enter(&hello, env.now()).map(Some)
        };
        entered.map_err(|reason| Unfit::Refused {
            reason,
            retry: true,
        })
    });
    let number = match entered {
        Ok(Some(number)) => number,
        Ok(None) => {
            links.note_change();
            let _ = connection.sender.send(FromPeer::Hello(me)).await;
            return;
        }
        Err(unfit) => {
            let last = match unfit {
                Unfit::Refused { reason, retry } => {
                    tracing::warn!(%remote, peer = %hello.replica, %reason, "link refused");
                    // What another says in its name is none of its own.
                    let own = identity.is_none_or(|name| name == hello.replica.to_string());
                    if own {
                        lock(&links.guests).refuse(hello.replica, &reason, env.now());
                        links.note_change();
                    }
                    FromPeer::Refused { reason, retry }
                }
                Unfit::Fenced(fenced) => {
                    tracing::warn!(%remote, peer = %hello.replica, "a replica that has no part in this clusterset is told so");
                    FromPeer::Fenced(fenced)
                }
            };
            let _ = connection.sender.send(last).await;
            return;
        }
    };
    links.redial(hello.replica);
    links.note_change();
    let host = Host {
        inner: inner.clone(),
        env,
        hello,
        number,
    };
    if connection.sender.send(FromPeer::Hello(me)).await.is_ok() {
        match (host.hello.lane, links.facts()) {
            (Lane::Facts, Some(facts)) => {
                let (tell, receiver) = mpsc::channel(UNDER_WAY);
                let talk = facts.accepted(LaneEnd {
                    peer: host.hello.clone(),
                    sender: connection.sender.clone(),
                    receiver,
                });
                drop(links);
                tokio::select! {
                    biased;
                    () = host.serve(connection, None, Some(tell)) => {}
                    () = talk => {}
                }
            }
            _ => {
                let log = links.consensus().map(|log| log.downgrade());
                drop(links);
                host.serve(connection, log, None).await;
            }
        }
    }
    if let Some(links) = inner.upgrade() {
        lock(&links.guests).leave(&host.hello, number);
        links.note_change();
    }
}

type Answer = (u64, Result<Vec<u8>, String>);
type Answering = Pin<Box<dyn Future<Output = Answer> + Send>>;

struct Host {
    inner: Weak<Inner>,
    env: Env,
    hello: PeerHello,
    number: u64,
}

impl Host {
    /// Answers until either side ends.
    async fn serve(
        &self,
        mut connection: Accepted,
        log: Option<WeakConsensus>,
        facts: Option<mpsc::Sender<ToPeer>>,
    ) {
        let mut under_way: FuturesUnordered<Answering> = FuturesUnordered::new();
        let sender = connection.sender.clone();
        loop {
            let message = tokio::select! {
                biased;
                Some((id, answer)) = under_way.next(), if !under_way.is_empty() => {
                    if sender.send(FromPeer::Answer { id, answer }).await.is_err() {
                        return;
                    }
                    continue;
                }
                message = self.env.timeout(2 * SILENCE, connection.receiver.recv()), if under_way.len() < UNDER_WAY => message,
            };
            let Ok(Some(Ok(message))) = message else {
                return;
            };
            let Some(inner) = self.inner.upgrade() else {
                return;
            };
            {
                let mut guests = lock(&inner.guests);
                let Some(guest) = guests.of(&self.hello, self.number) else {
                    // A newer link of the same replica took its place.
                    return;
                };
                guest.heard = self.env.now();
                if let ToPeer::Ping(ping) = &message {
                    guest.ping = Some(*ping);
                }
            }
            let reply = match message {
                ToPeer::Ping(ping) => Some(FromPeer::Pong(Pong {
                    number: ping.number,
                    highest: inner.highest(),
                    wall_ms: self.env.wall().0,
                })),
                ToPeer::Call(call) => {
                    let id = call.id;
                    let mut answer = answer(log.clone(), call);
                    // Polled once here, in the order in which calls came: what they do first is done in that order.
                    match futures::poll!(&mut answer) {
                        std::task::Poll::Ready((_, answer)) => {
                            Some(FromPeer::Answer { id, answer })
                        }
                        std::task::Poll::Pending => {
                            under_way.push(answer);
                            None
                        }
                    }
                }
                ToPeer::Fenced(fenced) => {
                    inner.fence(fenced);
                    return;
                }
                ToPeer::Hello(_) => None,
                other @ ToPeer::Facts(_) => {
                    if let Some(facts) = &facts
                        && facts.send(other).await.is_err()
                    {
                        return;
                    }
                    None
                }
            };
            drop(inner);
            if let Some(reply) = reply
                && sender.send(reply).await.is_err()
            {
                return;
            }
        }
    }
}

fn answer(log: Option<WeakConsensus>, call: Call) -> Answering {
    Box::pin(async move {
        let Call { id, kind, body } = call;
        let answer = match log.and_then(|log| log.upgrade()) {
            Some(log) => log.answer(PeerCall { kind, body }).await,
            None => Err("this lane takes no calls".to_owned()),
        };
        (id, answer)
    })
}
