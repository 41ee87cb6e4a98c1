//! Replicas that are joined on the lane of facts alone: each has a decision log of its own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::time::Duration;

use causeway_api::FactVersion;
use causeway_api::facts::{Change, NamespaceFact};
use causeway_api::ids::ReplicaId;
use causeway_api::peer::{Lane, PeerAddresses, PeerHello, Range, ToPeer};
use causeway_api::session::{FromAgent, FromReplica, Hello, Holds, PROTOCOL};
use causeway_api::spec::MemberSpec;
use causeway_seam::TaskHandle;
use causeway_seam::real;
use causeway_seam::transport::{Connection, TransportError};
use causeway_state::command::Command;

use super::*;
use crate::peers::facts::LaneEnd;
use crate::replica::serve;
use crate::replica::shared::alone::Alone;

mod crowd;

const LIMIT: Duration = Duration::from_secs(60);

struct Site {
    shared: Alone,
}

async fn site(id: u64, members: &[&str]) -> Site {
    let site = Site {
        shared: Alone::new(id).await,
    };
    for member in members {
        let put = Command::PutMember(MemberSpec::minimal(member.parse().unwrap()));
        site.shared.propose(put).await.unwrap();
    }
    site
}

fn introduction(id: ReplicaId) -> PeerHello {
    PeerHello {
        replica: id,
        to: None,
        lane: Lane::Facts,
        protocols: Range::default(),
        features: Range::default(),
        version: String::new(),
        boot: 0,
        folder: 0,
        clusterset: 0,
        highest: causeway_api::Generation::default(),
        domain: String::new(),
        addresses: PeerAddresses::default(),
        others: Vec::new(),
    }
}

/// Joins two replicas in one direction; ended when dropped.
fn join(giver: &Site, taker: &Site) -> [TaskHandle; 2] {
    let (to, from_giver) = mpsc::channel(4);
    let (back, from_taker) = mpsc::channel(4);
    let env = &giver.shared.env;
    let dialled = lane(&giver.shared).dialled(LaneEnd {
        peer: introduction(taker.shared.id),
        sender: to,
        receiver: from_taker,
    });
    let accepted = lane(&taker.shared).accepted(LaneEnd {
        peer: introduction(giver.shared.id),
        sender: back,
        receiver: from_giver,
    });
    [env.spawn("gives", dialled), env.spawn("takes", accepted)]
}

/// An agent's session, without the agent.
struct Agent {
    up: mpsc::Sender<Result<FromAgent, TransportError>>,
    down: mpsc::Receiver<FromReplica>,
    member: MemberName,
    _beats: TaskHandle,
}

impl Agent {
    async fn at(site: &Site, member: &str, epoch: u64, sequence: u64) -> Self {
        let (up, receiver) = mpsc::channel(64);
        let (sender, down) = mpsc::channel(64);
        let connection = Connection {
            remote: "agent".to_owned(),
            identity: Some(member.to_owned()),
            sender,
            receiver,
        };
        let session = serve::session(site.shared.clone(), connection);
        let env = site.shared.env.clone();
        let (beats, clock) = (up.clone(), env.clone());
        let beat = async move {
            while beats.send(Ok(FromAgent::Heartbeat)).await.is_ok() {
                clock.sleep(Duration::from_millis(500)).await;
            }
        };
        let hello = Hello {
            member: member.parse().unwrap(),
            protocol: PROTOCOL,
            version: "0.1.0".to_owned(),
            cluster_uid: format!("uid-{member}"),
            epoch,
            sequence,
            clusterset: 0,
            roll: causeway_api::session::Roll::default(),
            highest: causeway_api::Generation::default(),
            facts: FactVersion::default(),
            holds: Holds::default(),
        };
        up.send(Ok(FromAgent::Hello(hello))).await.unwrap();
        // It ends by itself once the agent is gone.
        env.spawn("session", session).detach();
        let mut agent = Self {
            up,
            down,
            member: member.parse().unwrap(),
            _beats: env.spawn("beats", beat),
        };
        match agent.hear().await {
            Some(FromReplica::Welcome(_)) => agent,
            other => panic!("no welcome: {other:?}"),
        }
    }

    async fn say(&self, message: FromAgent) {
        self.up.send(Ok(message)).await.unwrap();
    }

    async fn hear(&mut self) -> Option<FromReplica> {
        self.down.recv().await
    }

    async fn facts(&mut self, base: Option<u64>, version: u64, namespace: &str) {
        let at = |sequence| FactVersion { epoch: 1, sequence };
        let mut delta = FactDelta::empty(self.member.clone(), base.map(at), at(version));
        delta.namespaces = vec![Change::set(
            namespace.parse().unwrap(),
            NamespaceFact::default(),
        )];
        while self.down.try_recv().is_ok() {}
        self.say(FromAgent::Facts(Box::new(delta))).await;
    }
}

/// Waits until something holds.
async fn until(site: &Site, what: &str, mut holds: impl FnMut() -> bool) {
    let env = &site.shared.env;
    let start = env.now();
    while !holds() {
        assert!(env.now().since(start) < LIMIT, "{what}");
        env.sleep(Duration::from_millis(5)).await;
    }
}

fn namespaces(site: &Site, member: &str) -> usize {
    let facts = site.shared.facts();
    let held = facts.owner(&member.parse().unwrap());
    held.map_or(0, |held| held.namespaces.len())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_replica_hears_all_hold_and_a_new_one_fills_from_one() {
    let (a, b, c) = (
        site(1, &["m1", "m2"]).await,
        site(2, &["m1", "m2"]).await,
        site(3, &["m1"]).await,
    );
    let _links = [join(&a, &b), join(&b, &a)];
    let mut one = Agent::at(&a, "m1", 1, 1).await;
    let mut two = Agent::at(&b, "m2", 1, 1).await;
    one.facts(None, 1, "shop").await;
    two.facts(None, 1, "shop").await;
    one.facts(Some(1), 2, "bank").await;
    until(&b, "facts of m1 at b", || namespaces(&b, "m1") == 2).await;
    until(&a, "facts of m2 at a", || namespaces(&a, "m2") == 1).await;

    // It does not know m2, and takes nothing of it.
    let links = [join(&b, &c)];
    until(&c, "facts of m1 at c", || namespaces(&c, "m1") == 2).await;
    until(&c, "nothing waits", || c.shared.exchange.pending() == 0).await;
    assert_eq!(namespaces(&c, "m2"), 0);
    drop(links);

    // What it missed comes with the next connection.
    one.facts(Some(2), 3, "tools").await;
    until(&b, "more at b", || namespaces(&b, "m1") == 3).await;
    let _links = [join(&b, &c)];
    until(&c, "more at c", || namespaces(&c, "m1") == 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_takes_nothing_holds_nobody_up() {
    let (a, b) = (site(1, &["m1"]).await, site(2, &["m1"]).await);
    let (to, _stuck) = mpsc::channel::<ToPeer>(1);
    let (_back, from_taker) = mpsc::channel(1);
    let stuck = lane(&a.shared).dialled(LaneEnd {
        peer: introduction(ReplicaId(3)),
        sender: to,
        receiver: from_taker,
    });
    let _stuck_task = a.shared.env.spawn("stuck", stuck);
    let _links = join(&a, &b);
    let mut one = Agent::at(&a, "m1", 1, 1).await;
    one.facts(None, 1, "n1").await;
    for n in 1..200 {
        one.facts(Some(n), n + 1, &format!("n{}", n + 1)).await;
    }
    until(&b, "all facts at b", || namespaces(&b, "m1") == 200).await;
    let inner = a.shared.exchange.inner();
    let most = inner
        .giving
        .values()
        .map(|giving| lock(&giving.giver).len());
    assert!(
        most.max().unwrap() <= 2,
        "names are all that is kept for it"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_sessions_of_an_agent_the_newer_one_counts() {
    let (a, b) = (site(1, &["m1"]).await, site(2, &["m1"]).await);
    let _links = [join(&a, &b), join(&b, &a)];
    let member: MemberName = "m1".parse().unwrap();
    let mut first = Agent::at(&a, "m1", 3, 1).await;
    until(&b, "the session is known at b", || {
        b.shared.exchange.is_heard_elsewhere(&member)
    })
    .await;
    let second = Agent::at(&b, "m1", 3, 2).await;
    while first.hear().await.is_some() {}
    until(&a, "a knows the new home", || {
        let seen = a.shared.exchange.elsewhere(&member);
        seen.is_some_and(|seen| seen.home == ReplicaId(2) && seen.presence.open)
    })
    .await;
    until(&a, "its session is b's alone", || {
        let at = |site: &Site| site.shared.sessions.of(&member).is_some();
        !at(&a) && at(&b)
    })
    .await;
    until(&b, "a takes back that it has a session", || {
        !b.shared.exchange.is_heard_elsewhere(&member)
    })
    .await;
    drop(second);
    until(&a, "the end is known at a", || {
        let seen = a.shared.exchange.elsewhere(&member);
        seen.is_some_and(|seen| !seen.presence.open)
    })
    .await;
    until(&a, "a knows of no session", || {
        !a.shared.exchange.is_heard_elsewhere(&member)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_is_asked_through_its_home() {
    let (a, b) = (site(1, &["m1"]).await, site(2, &["m1"]).await);
    let _links = [join(&a, &b)];
    let member: MemberName = "m1".parse().unwrap();
    let mut agent = Agent::at(&a, "m1", 1, 1).await;
    until(&b, "the session is known at b", || {
        b.shared.exchange.is_heard_elsewhere(&member)
    })
    .await;
    let home = b.shared.exchange.elsewhere(&member).unwrap();
    let asking = b.shared.ask_home(&member, &home);
    let answering = async {
        loop {
            if let FromReplica::AskDiff { id } = agent.hear().await.unwrap() {
                let entries = Vec::new();
                agent.say(FromAgent::Diff { id, entries }).await;
                return;
            }
        }
    };
    let (answer, ()) = tokio::join!(asking, answering);
    assert_eq!(answer, Ok(Vec::new()));

    drop(agent);
    until(&a, "the session ended", || {
        a.shared.sessions.of(&member).is_none()
    })
    .await;
    let refused = b.shared.ask_home(&member, &home).await.unwrap_err();
    assert!(refused.contains("no session with replica r1"), "{refused}");
}
