//! Sessions on loopback with certificates made here: what is carried, and what is refused in which words.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::sync::Arc;
use std::time::Duration;

use causeway_api::facts::FactDelta;
use causeway_api::session::{FromAgent, FromReplica, Hello, Holds, PROTOCOL};
use causeway_api::{FactVersion, Generation};
use causeway_seam::Env;
use causeway_seam::real::{env, net};
use causeway_seam::transport::{Accept, Connection, Dial, TransportError};
use causeway_wire::limits::MESSAGE_BYTES;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{TonicDialer, TonicListener};
use crate::certs::tls::{self, Pems};
use crate::certs::{Authority, Identity, Role, Validity};

const LIMIT: Duration = Duration::from_secs(60);

/// A small limit for messages, so that a large one is small.
const SMALL: usize = 64 << 10;

type AgentEnd = Connection<FromAgent, FromReplica>;
type ReplicaEnd = Connection<FromReplica, FromAgent>;

fn validity(env: &Env) -> Validity {
    Validity {
        now: env.wall(),
        days: 2,
    }
}

fn authority(env: &Env) -> Authority {
    Authority::generate(validity(env)).unwrap()
}

fn pems_of(authority: &Authority, role: Role, name: &str, validity: Validity) -> Pems {
    let identity = Identity::new(role, name.parse().unwrap());
    let pair = authority
        .sign(&identity, &["127.0.0.1".to_owned()], validity)
        .unwrap();
    Pems {
        ca: authority.certificate_pem().into(),
        certificate: pair.certificate_pem.into(),
        key: pair.key_pem.into(),
    }
}

fn pems(env: &Env, authority: &Authority, role: Role, name: &str) -> Pems {
    pems_of(authority, role, name, validity(env))
}

struct World {
    env: Env,
    authority: Authority,
    listener: TonicListener,
    address: String,
}

impl World {
    async fn new() -> Self {
        let env = env();
        let authority = authority(&env);
        let replica = pems(&env, &authority, Role::Replica, "r1");
        let listener = TonicListener::bind_with(&env, "127.0.0.1:0", &replica, SMALL)
            .await
            .unwrap();
        let address = listener.address().to_string();
        Self {
            env,
            authority,
            listener,
            address,
        }
    }

    fn dialer(&self, member: &str) -> TonicDialer {
        let pems = pems(&self.env, &self.authority, Role::Member, member);
        TonicDialer::new(&self.env, &pems).unwrap()
    }

    async fn accepted(&mut self) -> ReplicaEnd {
        self.env
            .timeout(LIMIT, self.listener.accept())
            .await
            .unwrap()
            .unwrap()
    }

    async fn session(&mut self, member: &str) -> (AgentEnd, ReplicaEnd) {
        let agent = self.dialer(member).dial(&self.address).await.unwrap();
        let replica = self.accepted().await;
        (agent, replica)
    }

    async fn next<In>(
        &self,
        receiver: &mut tokio::sync::mpsc::Receiver<Result<In, TransportError>>,
    ) -> Option<Result<In, TransportError>> {
        self.env.timeout(LIMIT, receiver.recv()).await.unwrap()
    }

    async fn refused(&self, dialer: &TonicDialer) -> String {
        match dialer.dial(&self.address).await {
            Err(error @ TransportError::Refused { .. }) => error.to_string(),
            Ok(_) => panic!("it was not refused"),
            Err(other) => panic!("it was not refused but failed: {other}"),
        }
    }
}

fn hello(member: &str) -> Hello {
    Hello {
        member: member.parse().unwrap(),
        protocol: PROTOCOL,
        version: "0.1.0".into(),
        cluster_uid: "uid".into(),
        epoch: 1,
        highest: Generation::default(),
        facts: FactVersion::default(),
        holds: Holds::default(),
        sequence: 1,
        clusterset: 0,
        roll: causeway_api::session::Roll::default(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_go_both_ways_under_the_certificates_identity() {
    let mut world = World::new().await;
    let (mut agent, mut replica) = world.session("ack").await;
    assert_eq!(replica.identity.as_deref(), Some("ack"));
    assert_eq!(agent.identity, None);
    agent
        .sender
        .send(FromAgent::Hello(hello("ack")))
        .await
        .unwrap();
    let heard = world.next(&mut replica.receiver).await.unwrap().unwrap();
    assert_eq!(heard, FromAgent::Hello(hello("ack")));
    for id in 0..200 {
        replica
            .sender
            .send(FromReplica::AskDiff { id })
            .await
            .unwrap();
        let heard = world.next(&mut agent.receiver).await.unwrap().unwrap();
        assert_eq!(heard, FromReplica::AskDiff { id });
    }
    // Either side may end it; the other hears of it.
    drop(agent);
    assert!(world.next(&mut replica.receiver).await.unwrap().is_err());
    assert!(world.next(&mut replica.receiver).await.is_none());
    let (mut agent, replica) = world.session("ack").await;
    replica.sender.send(FromReplica::FactsWanted).await.unwrap();
    drop(replica);
    let last_word = world.next(&mut agent.receiver).await.unwrap().unwrap();
    assert_eq!(last_word, FromReplica::FactsWanted);
    assert!(world.next(&mut agent.receiver).await.unwrap().is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_authority_is_refused_by_both_sides() {
    let world = World::new().await;
    let foreign = authority(&world.env);
    let both = pems(&world.env, &foreign, Role::Member, "ack");
    let dialer = TonicDialer::new(&world.env, &both).unwrap();
    let text = world.refused(&dialer).await;
    assert!(text.contains("not signed by our authority"), "{text}");
    // It trusts the replica, and the replica does not trust it.
    let mut one = both;
    one.ca = world.authority.certificate_pem().into();
    let dialer = TonicDialer::new(&world.env, &one).unwrap();
    let text = world.refused(&dialer).await;
    assert!(
        text.contains("does not trust this side's certificate"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_without_a_certificate_is_refused() {
    let world = World::new().await;
    let mut roots = rustls::RootCertStore::empty();
    let ca = world.authority.certificate_pem().as_bytes().to_vec();
    for certificate in tls::certificates("authority", &ca).unwrap() {
        roots.add(certificate).unwrap();
    }
    let mut config = rustls::ClientConfig::builder_with_provider(tls::provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let dialer = TonicDialer::with(&world.env, Arc::new(config), MESSAGE_BYTES);
    let text = world.refused(&dialer).await;
    assert!(text.contains("demands a certificate"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_another_role_is_refused_before_it_is_used() {
    let env = env();
    let authority = authority(&env);
    let operator = pems(&env, &authority, Role::Operator, "ada");
    let text = TonicDialer::new(&env, &operator).unwrap_err().to_string();
    assert!(
        text.contains("operator ada") && text.contains("one of a member"),
        "{text}"
    );
    let member = pems(&env, &authority, Role::Member, "ack");
    let text = TonicListener::bind(&env, "127.0.0.1:0", &member)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        text.contains("member ack") && text.contains("one of a replica"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn another_role_that_dials_all_the_same_is_refused() {
    let world = World::new().await;
    let operator = pems(&world.env, &world.authority, Role::Operator, "ada");
    let mut config = rustls::ClientConfig::clone(&tls::client(&operator).unwrap());
    config.alpn_protocols = vec![b"h2".to_vec()];
    let dialer = TonicDialer::with(&world.env, Arc::new(config), MESSAGE_BYTES);
    let text = world.refused(&dialer).await;
    assert!(
        text.contains("operator ada") && text.contains("for members"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_certificate_is_refused_with_its_dates() {
    let env = env();
    let authority = authority(&env);
    let then = Validity {
        now: causeway_seam::WallClock(env.wall().0 - 30 * 86_400_000),
        days: 2,
    };
    let expired = pems_of(&authority, Role::Member, "ack", then);
    let text = TonicDialer::new(&env, &expired).unwrap_err().to_string();
    assert!(
        text.contains("member ack")
            && text.contains("valid from 20")
            && text.contains("causeway certs"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_too_large_ends_its_own_session_only() {
    let mut world = World::new().await;
    let (mut agent, mut replica) = world.session("ack").await;
    let (other_agent, mut other_replica) = world.session("eks").await;
    let mut delta = FactDelta::empty("ack".parse().unwrap(), None, FactVersion::default());
    for n in 0..10_000 {
        let name = format!("namespace-{n}").parse().unwrap();
        delta
            .namespaces
            .push(causeway_api::facts::Change::gone(name));
    }
    agent
        .sender
        .send(FromAgent::Facts(Box::new(delta)))
        .await
        .unwrap();
    let text = world
        .next(&mut replica.receiver)
        .await
        .unwrap()
        .unwrap_err()
        .to_string();
    assert!(
        text.contains("too large") && text.contains("stays in force"),
        "{text}"
    );
    let Some(Ok(FromReplica::Refused { reason, .. })) = world.next(&mut agent.receiver).await
    else {
        panic!("the agent is told");
    };
    assert!(reason.contains("too large"), "{reason}");
    other_agent.sender.send(FromAgent::Heartbeat).await.unwrap();
    assert_eq!(
        world
            .next(&mut other_replica.receiver)
            .await
            .unwrap()
            .unwrap(),
        FromAgent::Heartbeat
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_to_send_is_said_where_it_is_sent() {
    let mut world = World::new().await;
    let (mut agent, mut replica) = world.session("ack").await;
    let networks =
        (0..10_000).map(|n| (format!("network-{n}").parse().unwrap(), Default::default()));
    let delta = causeway_api::view::ViewDelta {
        networks: networks.collect(),
        ..Default::default()
    };
    replica
        .sender
        .send(FromReplica::View(Box::new(delta)))
        .await
        .unwrap();
    let text = world
        .next(&mut replica.receiver)
        .await
        .unwrap()
        .unwrap_err()
        .to_string();
    assert!(
        text.contains("was to be sent") && text.contains("stays in force"),
        "{text}"
    );
    assert!(world.next(&mut agent.receiver).await.unwrap().is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_of_a_newer_protocol_hears_why() {
    let mut world = World::new().await;
    let (mut agent, mut replica) = world.session("ack").await;
    let newer = Hello {
        protocol: PROTOCOL + 6,
        ..hello("ack")
    };
    agent.sender.send(FromAgent::Hello(newer)).await.unwrap();
    let Some(Ok(FromReplica::Refused { reason, retry })) = world.next(&mut agent.receiver).await
    else {
        panic!("the agent is told");
    };
    assert!(
        reason.contains("protocol 7") && reason.contains("upgrade the controller") && !retry,
        "{reason}"
    );
    assert!(world.next(&mut replica.receiver).await.unwrap().is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn plaintext_is_refused_on_both_sides() {
    let world = World::new().await;
    let mut plain = net::connect(&world.address).await.unwrap();
    plain
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    let read = world
        .env
        .timeout(LIMIT, plain.read_to_end(&mut answer))
        .await
        .unwrap();
    // An alert at most, and no HTTP.
    assert!(read.is_err() || answer.len() < 16, "{answer:?}");

    let tcp = net::listen("127.0.0.1:0").await.unwrap();
    let address = tcp.local_addr().unwrap().to_string();
    let _server = world.env.spawn("plain server", async move {
        while let Ok((mut stream, _)) = tcp.accept().await {
            // What is unread when it closes would reset the connection.
            let _ = stream.read(&mut [0; 4_096]).await;
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    let text = world
        .dialer("ack")
        .dial(&address)
        .await
        .unwrap_err()
        .to_string();
    assert!(text.contains("does not speak TLS"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_there_and_no_address_are_told_apart() {
    let world = World::new().await;
    let dialer = world.dialer("ack");
    // Held without listening, so that nobody else is given it.
    let held = tokio::net::TcpSocket::new_v4().unwrap();
    held.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let silent = held.local_addr().unwrap().to_string();
    let gone = dialer.dial(&silent).await.unwrap_err();
    assert!(matches!(gone, TransportError::Unreachable { .. }), "{gone}");
    let bad = dialer.dial("controller").await.unwrap_err();
    assert!(
        matches!(bad, TransportError::Refused { .. }) && bad.to_string().contains("host:port"),
        "{bad}"
    );
    // The name that is dialled must stand in the certificate.
    let port = world.listener.address().port();
    let other = dialer
        .dial(&format!("localhost:{port}"))
        .await
        .unwrap_err()
        .to_string();
    assert!(
        other.contains("for other hosts") || other.contains("unreachable"),
        "{other}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_ends_all_sessions_and_frees_the_port() {
    let mut world = World::new().await;
    let (mut agent, mut replica) = world.session("ack").await;
    let World {
        env,
        authority,
        listener,
        address,
    } = world;
    env.timeout(LIMIT, listener.stop()).await.unwrap();
    let ended = env.timeout(LIMIT, agent.receiver.recv()).await.unwrap();
    assert!(ended.is_none_or(|last| last.is_err()));
    let ended = env.timeout(LIMIT, replica.receiver.recv()).await.unwrap();
    assert!(ended.is_none_or(|last| last.is_err()));
    let pems = pems(&env, &authority, Role::Replica, "r1");
    // A process that a test beside this one is just starting holds a copy of what was closed here for a moment.
    let begun = env.now();
    while let Err(error) = TonicListener::bind(&env, &address, &pems).await {
        assert!(env.now().since(begun) < LIMIT, "{error}");
        env.sleep(Duration::from_millis(20)).await;
    }
}
