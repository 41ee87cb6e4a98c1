//! Replicas that introduce themselves where they were told to join, in a hall.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::sync::Arc;
use std::time::Duration;

use causeway_api::ReplicaId;
use causeway_api::peer::{FromPeer, Lane, PeerAddresses, PeerOther, ToPeer};
use causeway_seam::Env;
use causeway_seam::real::{Folder, env};
use causeway_seam::transport::hall::Hall;
use causeway_storage::{Change, Consensus, ReplicaNode, Settings};
use tempfile::TempDir;

use super::link::introduce;
use super::links::lock;
use super::{Me, PeerLinks, knock};

const LIMIT: Duration = Duration::from_secs(60);

type Room = Hall<ToPeer, FromPeer>;

struct Side {
    links: PeerLinks,
    log: Consensus,
    _folder: TempDir,
}

fn node(address: &str) -> ReplicaNode {
    ReplicaNode {
        address: address.to_owned(),
        domain: String::new(),
    }
}

/// A replica that joins by these addresses, or begins a clusterset of its own before anybody hears of it.
async fn side(env: &Env, hall: &Room, id: u64, join: &[&str], begins: bool) -> Side {
    let address = format!("a{id}");
    let me = Me {
        replica: ReplicaId(id),
        domain: String::new(),
        addresses: PeerAddresses {
            peers: address.clone(),
            ..PeerAddresses::default()
        },
        join: join.iter().map(|&join| join.to_owned()).collect(),
    };
    let folder = tempfile::tempdir().unwrap();
    let disk = Arc::new(Folder::open(folder.path()).unwrap());
    let porch = Box::new(hall.listen(&address));
    let caller = Arc::new(hall.caller(&address, &format!("r{id}")));
    let links = PeerLinks::new(env, me, Some(caller));
    let peers = Arc::new(links.clone());
    let log = Consensus::open(env.clone(), disk, ReplicaId(id), Settings::default(), peers);
    let log = log.await.unwrap();
    if begins {
        log.bootstrap(node(&address)).await.unwrap();
        let named = || log.read(|state| state.clusterset != 0);
        until(env, "it has a name", named).await;
    }
    links.attach(&log, Some(porch));
    Side {
        links,
        log,
        _folder: folder,
    }
}

async fn until(env: &Env, what: &str, mut holds: impl FnMut() -> bool) {
    let start = env.now();
    while !holds() {
        assert!(env.now().since(start) < LIMIT, "{what}");
        env.sleep(Duration::from_millis(5)).await;
    }
}

fn waits(at: &Side, id: u64) -> bool {
    let waiting = at.links.waiting();
    waiting.iter().any(|hello| hello.replica == ReplicaId(id))
}

async fn stop(sides: Vec<Side>) {
    for side in sides {
        side.links.stop().await;
        side.log.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_joins_at_one_is_known_to_all() {
    let env = env();
    let hall = Room::new(&env);
    let one = side(&env, &hall, 1, &[], true).await;
    let two = side(&env, &hall, 2, &["a1"], false).await;
    until(&env, "the second waits", || waits(&one, 2)).await;
    let add = Change::Add {
        replica: ReplicaId(2),
        node: node("a2"),
        folder: two.log.folder(),
        replaces: None,
        accept_domain_risk: true,
    };
    one.log.change(add).await.unwrap();
    until(&env, "the second is a member", || {
        two.log.members().len() == 2
    })
    .await;

    let three = side(&env, &hall, 3, &["a1"], false).await;
    until(&env, "the third waits at the first", || waits(&one, 3)).await;
    until(&env, "and at the second", || waits(&two, 3)).await;
    // It was told of both, and of the second by the first as well: neither link takes the other's place for good.
    let four = side(&env, &hall, 4, &["a1", "a2"], false).await;
    let both = || waits(&one, 4) && waits(&two, 4);
    until(&env, "the fourth waits at both", both).await;
    stop(vec![one, two, three, four]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_of_another_clusterset_is_refused_where_it_was_told_to_join() {
    let env = env();
    let hall = Room::new(&env);
    let one = side(&env, &hall, 1, &[], true).await;
    let stray = side(&env, &hall, 4, &["a1"], true).await;
    let says = |said: Option<String>| {
        said.is_some_and(|said| {
            said.contains("replica r4 belongs to another clusterset than r1")
                && said.contains("--replica-id")
        })
    };
    until(&env, "the stray one knows", || {
        says(stray.links.misplaced())
    })
    .await;
    let here = || says(one.links.turned_away(ReplicaId(4)));
    until(&env, "the one that it came to knows", here).await;
    assert!(!waits(&one, 4), "nothing is exchanged with it");
    assert!(stray.log.is_leader(), "its own clusterset goes on");
    stop(vec![one, stray]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_member_is_by_now_nobody_refuses_any_more() {
    let env = env();
    let hall = Room::new(&env);
    let one = side(&env, &hall, 1, &[], true).await;
    let inner = &one.links.0;
    knock::refuse(inner, "a1", "a stranger is there");
    knock::refuse(inner, "a2", "a stranger is there");
    assert!(one.links.misplaced().is_some());
    let again = knock::knock(Arc::downgrade(inner), "a1".to_owned(), None);
    env.timeout(LIMIT, again).await.expect("it ends");
    let left = one.links.misplaced().unwrap();
    assert!(left.contains("a2") && !left.contains("a1"), "{left}");
    stop(vec![one]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_was_wrong_is_corrected() {
    let env = env();
    let hall = Room::new(&env);
    let one = side(&env, &hall, 1, &[], true).await;
    let two = side(&env, &hall, 2, &[], false).await;
    let learn = |address: &str| {
        two.links.0.learn(&PeerOther {
            replica: ReplicaId(1),
            address: address.to_owned(),
        });
    };
    learn("nowhere");
    learn("a1");
    until(&env, "it waits where the other is", || waits(&one, 2)).await;
    stop(vec![one, two]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_only_asks_takes_no_place() {
    let env = env();
    let hall = Room::new(&env);
    let one = side(&env, &hall, 1, &[], true).await;
    let two = side(&env, &hall, 2, &[], false).await;
    let here = |lane| lock(&one.links.0.guests).hellos(lane).count();
    let introduce = |to| introduce(&two.links.0, Lane::Bulk, to, "a1");
    let Ok(own) = introduce(Some(ReplicaId(1))).await else {
        panic!("it is refused");
    };
    assert_eq!(here(Lane::Bulk), 1);
    let held = || {
        let guests = lock(&one.links.0.guests);
        let mut all = guests.hellos(Lane::Bulk);
        all.any(|hello| hello.to.is_some())
    };
    assert!(introduce(None).await.is_ok(), "it is answered");
    assert!(held(), "its own link keeps its place");
    drop(own);
    stop(vec![one, two]).await;
}
