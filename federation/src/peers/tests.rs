//! Three decision logs joined by links: in a hall whose wires can be cut, and over TLS on loopback.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use causeway_api::ReplicaId;
use causeway_api::peer::{Fenced, FromPeer, Lane, PeerAddresses, ToPeer};
use causeway_seam::Env;
use causeway_seam::real::{Folder, env, net};
use causeway_seam::transport::Dial;
use causeway_seam::transport::hall::{Hall, Wire};
use causeway_storage::{Consensus, PeerCall, PeerCallKind, Peers, ReplicaNode, Settings};
use tempfile::TempDir;
use tokio::io::AsyncReadExt as _;

use super::*;
use crate::certs::tls::Pems;
use crate::certs::{Authority, Identity, Role, Validity};
use crate::session::{PeerDialer, PeerListener, TonicListener};

const LIMIT: Duration = Duration::from_secs(60);

struct Side {
    links: PeerLinks,
    log: Consensus,
    _folder: TempDir,
}

fn me(id: u64, address: &str) -> Me {
    Me {
        replica: ReplicaId(id),
        domain: format!("d{id}"),
        addresses: PeerAddresses {
            peers: address.to_owned(),
            ..PeerAddresses::default()
        },
        join: Vec::new(),
    }
}

fn node(address: &str) -> ReplicaNode {
    ReplicaNode {
        address: address.to_owned(),
        domain: String::new(),
    }
}

async fn side(env: &Env, me: Me, dialler: Arc<Dialler>, acceptor: Box<Acceptor>) -> Side {
    let folder = tempfile::tempdir().unwrap();
    let disk = Arc::new(Folder::open(folder.path()).unwrap());
    let id = me.replica;
    let links = PeerLinks::new(env, me, Some(dialler));
    let peers = Arc::new(links.clone());
    let log = Consensus::open(env.clone(), disk, id, Settings::default(), peers);
    let log = log.await.unwrap();
    links.attach(&log, Some(acceptor));
    Side {
        links,
        log,
        _folder: folder,
    }
}

type Room = Hall<ToPeer, FromPeer>;

async fn in_hall(env: &Env, hall: &Room, id: u64, address: &str) -> Side {
    let porch = Box::new(hall.listen(address));
    let caller = Arc::new(hall.caller(address, &format!("r{id}")));
    side(env, me(id, address), caller, porch).await
}

async fn until(env: &Env, what: &str, mut holds: impl FnMut() -> bool) {
    let start = env.now();
    while !holds() {
        assert!(env.now().since(start) < LIMIT, "{what}");
        env.sleep(Duration::from_millis(5)).await;
    }
}

async fn vote(from: &Side, to: u64, address: &str) -> Result<Vec<u8>, String> {
    let call = PeerCall {
        kind: PeerCallKind::Vote,
        body: vec![1],
    };
    let answer = from.links.call(ReplicaId(to), &node(address), call).await;
    answer.map_err(|error| error.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_answered_and_round_trips_measured() {
    let env = env();
    let hall = Room::new(&env);
    hall.set_all(Wire {
        delay: Duration::from_millis(5),
        cut: false,
    });
    let a = in_hall(&env, &hall, 1, "a").await;
    let b = in_hall(&env, &hall, 2, "b").await;
    // What cannot be read is answered, too: by the other's log.
    let text = vote(&a, 2, "b").await.unwrap_err();
    assert!(text.contains("cannot be read"), "{text}");
    let trip = || a.links.seen()[&ReplicaId(2)].round_trip();
    until(&env, "a round trip is measured", || trip().is_some()).await;
    assert!(trip().unwrap() >= Duration::from_millis(10));
    let seen = a.links.seen().remove(&ReplicaId(2)).unwrap();
    assert!(seen.reachable() && seen.hello.unwrap().domain == "d2");
    let waiting: Vec<_> = b
        .links
        .waiting()
        .iter()
        .map(|hello| hello.replica)
        .collect();
    assert_eq!(waiting, [ReplicaId(1)], "it is no member");

    hall.set(
        "b",
        "a",
        Wire {
            cut: true,
            ..Wire::default()
        },
    );
    let gone = || !a.links.seen()[&ReplicaId(2)].reachable();
    until(&env, "silence is noticed", gone).await;
    let text = vote(&a, 2, "b").await.unwrap_err();
    assert!(text.contains("r2 is unreachable"), "{text}");
    hall.set("b", "a", Wire::default());
    until(&env, "it is dialled again", || !gone()).await;
    a.links.stop().await;
    b.links.stop().await;
    a.log.stop().await;
    b.log.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_is_used_twice_is_refused() {
    let env = env();
    let hall = Room::new(&env);
    let host = in_hall(&env, &hall, 1, "host").await;
    let first = in_hall(&env, &hall, 2, "first").await;
    let twin = in_hall(&env, &hall, 2, "twin").await;
    assert!(vote(&first, 1, "host").await.is_err());
    until(&env, "the first is there", || {
        first.links.seen()[&ReplicaId(1)].reachable()
    })
    .await;
    let text = vote(&twin, 1, "host").await.unwrap_err();
    assert!(text.contains("id r2 is used twice"), "{text}");
    // Once the first is gone for good, the other may have the id.
    first.links.stop().await;
    drop(first);
    until(&env, "the twin is taken", || {
        twin.links.seen()[&ReplicaId(1)].reachable()
    })
    .await;
    assert_eq!(host.links.waiting()[0].addresses.peers, "twin");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_of_an_older_incarnation_hears_it() {
    let env = env();
    let hall = Room::new(&env);
    let old = in_hall(&env, &hall, 2, "old").await;
    old.log.bootstrap(node("old")).await.unwrap();
    let mut porch = hall.listen("new");
    let fenced = old.links.fenced();
    let link = vote(&old, 1, "new");
    let answer = async {
        let accepted = porch.accept().await.unwrap();
        let fenced = Fenced {
            incarnation: 2,
            by: ReplicaId(1),
            removed: None,
        };
        accepted
            .sender
            .send(FromPeer::Fenced(fenced))
            .await
            .unwrap();
        accepted
    };
    let (text, _accepted) = tokio::join!(link, answer);
    assert!(
        text.unwrap_err()
            .contains("has no part in the clusterset any more")
    );
    assert_eq!(fenced.borrow().as_ref().unwrap().incarnation, 2);
    assert_eq!(old.links.0.highest().incarnation, 1);
    // The word of one that is not newer means nothing.
    let other = in_hall(&env, &hall, 3, "other").await;
    other.log.bootstrap(node("other")).await.unwrap();
    other.links.fence(Fenced {
        incarnation: 1,
        by: ReplicaId(1),
        removed: None,
    });
    assert!(other.links.fenced().borrow().is_none());
}

fn pems(env: &Env, authority: &Authority, role: Role, name: &str) -> Pems {
    let identity = Identity::new(role, name.parse().unwrap());
    let validity = Validity {
        now: env.wall(),
        days: 2,
    };
    let pair = authority.sign(&identity, &["127.0.0.1".to_owned()], validity);
    let pair = pair.unwrap();
    Pems {
        ca: authority.certificate_pem().into(),
        certificate: pair.certificate_pem.into(),
        key: pair.key_pem.into(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn links_run_over_tls_between_those_whom_their_certificates_name() {
    let env = env();
    let validity = Validity {
        now: env.wall(),
        days: 2,
    };
    let authority = Authority::generate(validity).unwrap();
    let mut sides = BTreeMap::new();
    for (id, name) in [(1, "r1"), (2, "r2"), (3, "r9")] {
        let pems = pems(&env, &authority, Role::Replica, name);
        let listener = PeerListener::bind(&env, "127.0.0.1:0", &pems)
            .await
            .unwrap();
        let address = listener.address().to_string();
        let dialler = Arc::new(PeerDialer::new(&env, &pems).unwrap());
        let side = side(&env, me(id, &address), dialler, Box::new(listener)).await;
        sides.insert(id, (side, address));
    }
    let text = vote(&sides[&1].0, 2, &sides[&2].1).await.unwrap_err();
    assert!(text.contains("cannot be read"), "{text}");
    // Its certificate is of another.
    let text = vote(&sides[&3].0, 2, &sides[&2].1).await.unwrap_err();
    assert!(text.contains("the certificate is of replica r9"), "{text}");
    let text = vote(&sides[&1].0, 3, &sides[&3].1).await.unwrap_err();
    assert!(text.contains("the certificate is of replica r9"), "{text}");
    // Not at this address.
    let text = vote(&sides[&1].0, 4, &sides[&2].1).await.unwrap_err();
    assert!(text.contains("r4 was looked for"), "{text}");
    // An agent's certificate, and the port of agents.
    let member = pems(&env, &authority, Role::Member, "ack");
    assert!(PeerDialer::new(&env, &member).is_err());
    let replica = pems(&env, &authority, Role::Replica, "r1");
    let agents = TonicListener::bind(&env, "127.0.0.1:0", &replica)
        .await
        .unwrap();
    let dialler = PeerDialer::new(&env, &replica).unwrap();
    let text = dialler
        .dial(&agents.address().to_string())
        .await
        .unwrap_err();
    assert!(text.to_string().contains("refused"), "{text}");
    let lanes = &sides[&1].0.links.seen()[&ReplicaId(2)].up;
    assert_eq!(lanes.keys().copied().collect::<Vec<_>>(), [Lane::Raft]);
}

#[tokio::test(flavor = "multi_thread")]
async fn expired_and_foreign_certificates_are_refused_on_both_ends() {
    let env = env();
    let now = Validity {
        now: env.wall(),
        days: 2,
    };
    let authority = Authority::generate(now).unwrap();
    let good = pems(&env, &authority, Role::Replica, "r1");
    let listener = PeerListener::bind(&env, "127.0.0.1:0", &good)
        .await
        .unwrap();
    let address = listener.address().to_string();

    // Of another authority; and of another one by a replica that trusts ours.
    let foreign = Authority::generate(now).unwrap();
    let mut theirs = pems(&env, &foreign, Role::Replica, "r2");
    let refused = async |pems: &Pems| {
        let dialler = PeerDialer::new(&env, pems).unwrap();
        dialler.dial(&address).await.unwrap_err().to_string()
    };
    let text = refused(&theirs).await;
    assert!(text.contains("not signed by our authority"), "{text}");
    theirs.ca.clone_from(&good.ca);
    let text = refused(&theirs).await;
    assert!(
        text.contains("does not trust this side's certificate"),
        "{text}"
    );

    // Expired: it neither listens nor dials with it, and says since when and what to do.
    let then = Validity {
        now: causeway_seam::WallClock(env.wall().0 - 30 * 86_400_000),
        days: 2,
    };
    let identity = Identity::new(Role::Replica, "r2".parse().unwrap());
    let pair = authority.sign(&identity, &["127.0.0.1".to_owned()], then);
    let pair = pair.unwrap();
    let expired = Pems {
        ca: good.ca.clone(),
        certificate: pair.certificate_pem.into(),
        key: pair.key_pem.into(),
    };
    let listens = PeerListener::bind(&env, "127.0.0.1:0", &expired).await;
    let dials = PeerDialer::new(&env, &expired);
    for text in [
        listens.unwrap_err().to_string(),
        dials.unwrap_err().to_string(),
    ] {
        assert!(
            text.contains("replica r2")
                && text.contains("make a new certificate with causeway certs"),
            "{text}"
        );
    }
    // One that expired while its replica ran is refused by the other side.
    let config = crate::certs::tls::client(&expired).unwrap();
    let mut config = rustls::ClientConfig::clone(&config);
    config.alpn_protocols = vec![b"h2".to_vec()];
    let stream = net::connect(&address).await.unwrap();
    let name = rustls::pki_types::ServerName::try_from("127.0.0.1").unwrap();
    let connected = tokio_rustls::TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await;
    let error = match connected {
        Err(error) => error,
        Ok(mut stream) => {
            let read = env.timeout(LIMIT, stream.read_u8()).await.unwrap();
            read.unwrap_err()
        }
    };
    assert!(error.to_string().contains("Expired"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_never_finish_their_handshake_are_sent_away() {
    let env = env();
    let validity = Validity {
        now: env.wall(),
        days: 2,
    };
    let authority = Authority::generate(validity).unwrap();
    let good = pems(&env, &authority, Role::Replica, "r1");
    let listener = PeerListener::bind(&env, "127.0.0.1:0", &good)
        .await
        .unwrap();
    let address = listener.address().to_string();
    // More than may be in their handshake at once.
    let mut idle = Vec::new();
    for _ in 0..300 {
        idle.push(net::connect(&address).await.unwrap());
    }
    // Who is honest waits until the first of them are sent away, and no longer.
    let dialler = PeerDialer::new(&env, &pems(&env, &authority, Role::Replica, "r2")).unwrap();
    let start = env.now();
    while let Err(error) = dialler.dial(&address).await {
        assert!(env.now().since(start) < LIMIT, "{error}");
    }
    for mut stream in idle {
        let read = env.timeout(LIMIT, stream.read_u8()).await.unwrap();
        assert!(read.is_err(), "it was not closed");
    }
}
