//! Introducing oneself unasked: at the addresses of `--join`, and, by what is heard there, to all other members as well, so that
//! an operator may add a replica at whichever he asks.
//!
//! Who is no member introduces itself again and again, until it is one. A member was told once by its data folder to whom it
//! belongs, and by `--join` once more: it asks there once whether that is the same clusterset.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};
use std::time::Duration;

use causeway_api::ReplicaId;
use causeway_api::peer::{Lane, PeerHello, PeerOther};

use super::link::{Dialled, Ended, Live, Watched, introduce};
use causeway_storage::ReplicaNode;

use super::PeerLinks;
use super::links::{Inner, lock};

/// The wait until it introduces itself again, and the longest where it is a member already.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(30);

/// More replicas than a clusterset has; whoever names more is not believed.
const MOST: usize = 16;

/// To whom this replica introduces itself.
#[derive(Default)]
pub(super) struct Knocks {
    /// Those of whom it learned elsewhere.
    learned: BTreeSet<ReplicaId>,
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
    let mut said = String::new();
    let mut pause = PAUSE;
    let mut met = to;
    loop {
        let Some(links) = inner.upgrade() else { return };
        let env = links.env.clone();
        let members = links.members();
        let member = !members.is_empty();
        let known = || members.values().any(|node| node.address == address);
        if member && (to.is_some() || known()) {
            // The links that it has by now say more.
            return;
        }
        let elsewhere = |id| {
            lock(&links.knocks)
                .met
                .get(&id)
                .is_some_and(|at| *at != address)
        };
        if !member && met.is_some_and(elsewhere) {
            drop(links);
            env.sleep(PAUSE).await;
            continue;
        }
        // The lane of calls of a member is in use.
        let lane = if member { Lane::Bulk } else { Lane::Raft };
        match introduce(&links, lane, to, &address).await {
            Ok(_) if member => {
                lock(&links.knocks).refused.remove(&address);
                return;
            }
            Ok((connection, hello)) => {
                let text = format!(
                    "replica {} knows of this one: add it there with causeway replica add {}",
                    hello.replica,
                    links.me().replica
                );
                say(&mut said, &address, text);
                met = Some(hello.replica);
                wait(links, &inner, &address, connection, hello).await;
                pause = PAUSE;
            }
            Err(Ended { reason, wait }) => {
                if member && wait.is_some() && links.members() == members {
                    refuse(&links, &address, &reason);
                }
                say(&mut said, &address, reason);
                pause = match wait {
                    Some(wait) => wait.max(pause),
                    None if member => pause,
                    None => PAUSE,
                };
            }
        }
        env.sleep(env.random().jittered(pause)).await;
        pause = if member {
            LONGEST.min(pause * 2)
        } else {
            PAUSE
        };
    }
}

fn say(said: &mut String, address: &str, text: String) {
    if text != *said {
        tracing::info!(%address, "introducing this replica: {text}");
        *said = text;
    }
}

/// A member is refused where it was told to join: most likely it has the data folder of another clusterset.
fn refuse(links: &Inner, address: &str, reason: &str) {
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

    /// Another member is there: this replica introduces itself to it, too.
    fn learn(self: &Arc<Self>, other: &PeerOther) {
        let here = other.replica == self.me().replica || other.address.is_empty();
        let mut knocks = lock(&self.knocks);
        let known = knocks.met.contains_key(&other.replica) || knocks.learned.len() >= MOST;
        if here || known || !knocks.learned.insert(other.replica) {
            return;
        }
        drop(knocks);
        let knock = knock(
            Arc::downgrade(self),
            other.address.clone(),
            Some(other.replica),
        );
        self.keep_task(self.env.spawn("join", knock));
    }
}
