//! Sessions and facts of members that are being removed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use causeway_api::session::Holds;
use causeway_api::spec::MemberSpec;
use causeway_api::{Generation, MemberName};
use causeway_state::command::Command;
use tokio::sync::mpsc;

use super::*;
use crate::replica::shared::alone::Alone;

type FromTheAgent = mpsc::Sender<Result<FromAgent, TransportError>>;

/// A replica's shared parts with its log, and a member `a`.
struct World {
    shared: Alone,
    a: MemberName,
}

impl World {
    async fn new() -> Self {
        let world = Self {
            shared: Alone::new(1).await,
            a: "a".parse().unwrap(),
        };
        let put = Command::PutMember(MemberSpec::minimal(world.a.clone()));
        world.shared.propose(put).await.unwrap();
        world
    }

    fn hello(&self) -> Hello {
        Hello {
            protocol: PROTOCOL,
            version: "0.1.0".to_owned(),
            member: self.a.clone(),
            cluster_uid: "uid-a".to_owned(),
            epoch: 1,
            sequence: 0,
            clusterset: 0,
            roll: causeway_api::session::Roll::default(),
            highest: Generation::default(),
            facts: FactVersion::default(),
            holds: Holds::default(),
        }
    }

    async fn remove(&self) {
        let remove = Command::RemoveMember(self.a.clone());
        self.shared.propose(remove).await.unwrap();
    }

    fn snapshot(&self) -> FactDelta {
        let version = FactVersion {
            epoch: 1,
            sequence: 1,
        };
        FactDelta::empty(self.a.clone(), None, version)
    }

    fn holds_facts(&self) -> bool {
        self.shared.facts().owner(&self.a).is_some()
    }

    /// An agent dials; both its ends, and the session's task.
    fn dial(&self) -> (FromTheAgent, mpsc::Receiver<FromReplica>, TaskHandle) {
        let (to_replica, receiver) = mpsc::channel(8);
        let (sender, from_replica) = mpsc::channel(8);
        let connection = Connection {
            remote: "agent".to_owned(),
            identity: Some(self.a.to_string()),
            sender,
            receiver,
        };
        let session = session(self.shared.clone(), connection);
        (
            to_replica,
            from_replica,
            self.shared.env.spawn("session", session),
        )
    }
}

#[tokio::test]
async fn late_facts_do_not_bring_a_removed_member_back() {
    let world = World::new().await;
    let session = world
        .shared
        .sessions
        .enter(&world.shared.env, world.hello());
    let held = take_facts(&world.shared, &session, world.snapshot());
    assert!(matches!(held, Some(FromReplica::FactsHeld(_))), "{held:?}");
    assert!(world.holds_facts());
    world.remove().await;
    world.shared.forget_removed(&world.a);
    assert!(!world.holds_facts());
    // They had been sent before anybody could tell the agent.
    assert_eq!(take_facts(&world.shared, &session, world.snapshot()), None);
    assert!(!world.holds_facts(), "nobody would ever drop them again");
    assert_eq!(session.ended().await, End::Removed);
}

#[tokio::test]
async fn a_session_that_was_admitted_just_before_the_removal_ends() {
    let world = World::new().await;
    let (up, mut down, mut task) = world.dial();
    up.send(Ok(FromAgent::Hello(world.hello()))).await.unwrap();
    let welcome = down.recv().await;
    assert!(
        matches!(welcome, Some(FromReplica::Welcome(_))),
        "{welcome:?}"
    );
    // Nobody follows decisions here: it is as if the removal had been followed before the session was entered.
    world.remove().await;
    up.send(Ok(FromAgent::Facts(Box::new(world.snapshot()))))
        .await
        .unwrap();
    task.ended().await;
    assert!(world.shared.sessions.of(&world.a).is_none() && !world.holds_facts());
}

#[tokio::test]
async fn a_session_is_ended_for_what_happened_first() {
    let world = World::new().await;
    let first = world
        .shared
        .sessions
        .enter(&world.shared.env, world.hello());
    world.remove().await;
    world.shared.forget_removed(&world.a);
    let _second = world
        .shared
        .sessions
        .enter(&world.shared.env, world.hello());
    assert_eq!(first.ended().await, End::Removed);
    assert!(End::Removed.to_string().contains("removed"));
}
