//! Introducing oneself unasked: at the addresses of `--join`, and, by what is heard there, to all other members as well, so that
//! an operator may add a replica at whichever he asks.
//!
//! Who is no member introduces itself again and again, until it is one. A member was told once by its data folder to whom it
//! belongs, and by `--join` once more: it asks there once whether that is the same clusterset.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use causeway_api::ReplicaId;
use causeway_api::peer::{Lane, PeerHello, PeerOther};

use super::link::{Dialled, Ended, Live, Watched, introduce};
use causeway_storage::ReplicaNode;

use super::PeerLinks;
use super::accept::ASKED;
use super::links::{Inner, lock};

/// The wait until it introduces itself again, and the longest where it is a member already.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(30);

/// More replicas than a clusterset has; whoever names more is not believed.
const MOST: usize = 16;

/// To whom this replica introduces itself.
#[derive(Default)]
pub(super) struct Knocks {
    /// Where those are of whom it learned elsewhere, as was heard last.
    learned: BTreeMap<ReplicaId, String>,
    /// Where it met them last. Two addresses of one replica must not take the place there from each other for ever.
    met: BTreeMap<ReplicaId, String>,
    /// Why it is refused, though it is a member, by the address where it is.
    refused: BTreeMap<String, String>,
}

impl Knocks {
    /// Why this replica is refused where it was told to join, if it is.
    pub(super) fn refused(&self) -> Option<String> {
        let mut all = self.refused.iter();
        all.next().map(|(address, reason)| {
            format!(
                "it is a member of one clusterset, and {address}, where it was told to join (--join), does not take it: {reason}"
            )
        })
    }
}

/// Introduces this replica at an address; `to`: whose it is, where that is known.
pub(super) async fn knock(inner: Weak<Inner>, address: String, to: Option<ReplicaId>) {
    let mut knocker = Knocker {
        address,
        to,
        met: to,
        said: String::new(),
        pause: PAUSE,
    };
    loop {
        let Some(links) = inner.upgrade() else { return };
        let env = links.env.clone();
        match knocker.once(links, &inner).await {
            Some(pause) => env.sleep(pause).await,
            None => return,
        }
    }
}

/// Who introduces this replica at one address.
struct Knocker {
    address: String,
    to: Option<ReplicaId>,
    /// Whom it met there.
    met: Option<ReplicaId>,
    said: String,
    /// The wait until it tries again.
    pause: Duration,
}

impl Knocker {
    /// Once; says how long to wait until the next time, if there is to be one.
    async fn once(&mut self, links: Arc<Inner>, inner: &Weak<Inner>) -> Option<Duration> {
        let env = links.env.clone();
        let members = links.members();
        let member = !members.is_empty();
        if self.is_over(&links, &members) {
            links.taken(&self.address);
            return None;
        }
        if !member && self.met_elsewhere(&links) {
            return Some(PAUSE);
        }
        // On the lane of its calls it would take the place of its own link there.
        let lane = if member { ASKED } else { Lane::Raft };
        match introduce(&links, lane, self.to, &self.address).await {
            Ok(_) if member => {
                links.taken(&self.address);
                return None;
            }
            Ok((connection, hello)) => {
                let text = format!(
                    "replica {} knows of this one: add it there with causeway replica add {}",
                    hello.replica,
                    links.me().replica
                );
                say(&mut self.said, &self.address, text);
                self.met = Some(hello.replica);
                wait(links, inner, &self.address, connection, hello).await;
                self.pause = PAUSE;
            }
            Err(Ended { reason, wait }) => {
                if member && wait.is_some() && links.members() == members {
                    refuse(&links, &self.address, &reason);
                }
                say(&mut self.said, &self.address, reason);
                self.pause = match wait {
                    Some(wait) => wait.max(self.pause),
                    None if member => self.pause,
                    None => PAUSE,
                };
            }
        }
        let pause = env.random().jittered(self.pause);
        self.pause = if member {
            LONGEST.min(self.pause * 2)
        } else {
            PAUSE
        };
        Some(pause)
    }

    /// Whether there is nobody to introduce this replica to any more: the links that it has as a member say more, or whom it is
    /// to meet is at another address.
    fn is_over(&self, links: &Inner, members: &BTreeMap<ReplicaId, ReplicaNode>) -> bool {
        let known = || members.values().any(|node| node.address == self.address);
        let moved = |id| lock(&links.knocks).learned.get(&id) != Some(&self.address);
        (!members.is_empty() && (self.to.is_some() || known())) || self.to.is_some_and(moved)
    }

    fn met_elsewhere(&self, links: &Inner) -> bool {
        let elsewhere = |id| {
            let knocks = lock(&links.knocks);
            knocks.met.get(&id).is_some_and(|at| *at != self.address)
        };
        self.met.is_some_and(elsewhere)
    }
}

fn say(said: &mut String, address: &str, text: String) {
    if text != *said {
        tracing::info!(%address, "introducing this replica: {text}");
        *said = text;
    }
}

/// A member is refused where it was told to join: most likely it has the data folder of another clusterset.
pub(super) fn refuse(links: &Inner, address: &str, reason: &str) {
    let mut knocks = lock(&links.knocks);
    let before = (knocks.refused).insert(address.to_owned(), reason.to_owned());
    drop(knocks);
    if before.as_deref() != Some(reason) {
        tracing::error!(%address, "this replica has a part in a clusterset, and is refused where it was told to join: {reason}");
        links.note_change();
    }
}

/// Stays until the link ends, and goes on to those of whom it hears.
async fn wait(
    links: Arc<Inner>,
    inner: &Weak<Inner>,
    address: &str,
    connection: Dialled,
    hello: PeerHello,
) {
    let there = hello.replica;
    lock(&links.knocks).met.insert(there, address.to_owned());
    for other in hello.others.iter().take(MOST) {
        links.learn(other);
    }
    let env = links.env.clone();
    let peer = links.peer(there, address);
    {
        let mut seen = lock(&peer.seen);
        seen.highest = hello.highest;
        seen.heard = Some(env.now());
        seen.hello = Some(hello);
    }
    let live = Arc::new(Live::new(connection.sender.clone()));
    let watched = Watched {
        inner: inner.clone(),
        env,
        peer: &peer,
        live,
    };
    drop(links);
    watched.hear(connection, None).await;
    if let Some(links) = inner.upgrade() {
        let mut knocks = lock(&links.knocks);
        if knocks.met.get(&there).is_some_and(|at| *at == address) {
            knocks.met.remove(&there);
        }
    }
}

impl PeerLinks {
    /// Why a replica that came lately was refused, unless it was taken since.
    #[must_use]
    pub fn turned_away(&self, replica: ReplicaId) -> Option<String> {
        lock(&self.0.guests).turned_away(replica, self.0.env.now())
    }

    /// Why this replica, which is a member, is refused where it was told to join, if it is.
    #[must_use]
    pub fn misplaced(&self) -> Option<String> {
        lock(&self.0.knocks).refused()
    }
}

impl Inner {
    /// Where the members are whom a replica that is none does not know.
    pub(super) fn others(&self, than: ReplicaId) -> Vec<PeerOther> {
        let members = self.members();
        if members.contains_key(&than) {
            return Vec::new();
        }
        let others = members
            .into_iter()
            .filter(|(id, _)| *id != self.me().replica);
        others
            .map(|(replica, ReplicaNode { address, .. })| PeerOther { replica, address })
            .collect()
    }

    /// It is not refused at an address any more.
    fn taken(&self, address: &str) {
        if lock(&self.knocks).refused.remove(address).is_some() {
            self.note_change();
        }
    }

    /// Another member is there: this replica introduces itself to it, too.
    pub(super) fn learn(self: &Arc<Self>, other: &PeerOther) {
        let here = other.replica == self.me().replica || other.address.is_empty();
        let mut knocks = lock(&self.knocks);
        let held = knocks.learned.get(&other.replica);
        let known = held == Some(&other.address) || knocks.met.contains_key(&other.replica);
        let full = held.is_none() && knocks.learned.len() >= MOST;
        if here || known || full {
            return;
        }
        // Whoever knocks at its former address ends by that.
        (knocks.learned).insert(other.replica, other.address.clone());
        drop(knocks);
        let knock = knock(
            Arc::downgrade(self),
            other.address.clone(),
            Some(other.replica),
        );
        self.keep_task(self.env.spawn("join", knock));
    }
}
