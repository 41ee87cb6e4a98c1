//! No hold is credited with time that passed before it began, whoever casts the votes and whatever else is pending.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use causeway_api::facts::{GatewayAddress, GatewayFact};
use causeway_api::spec::Placement;
use causeway_api::verdict::{Ballot, ObserverId, Subject, Vote};
use causeway_api::{MemberName, ReplicaId};
use causeway_state::{ClientId, Command, Request};

use super::Consensus;
use super::cluster_tests::{Cluster, member, node};
use crate::decisions::{Decisions, Next};
use crate::peers::{PeerCall, PeerCallKind};
use crate::settings::Settings;

/// What passes between two votes.
const PAUSE: Duration = Duration::from_millis(70);

fn place(name: &str) -> Command {
    let gateway = GatewayFact {
        network: name.parse().unwrap(),
        addresses: vec![GatewayAddress::Ip("192.0.2.1".parse().unwrap())],
        port: 15443,
    };
    Command::PlaceMember {
        member: MemberName::new(name).unwrap(),
        placement: Placement {
            cluster_uid: format!("uid-{name}"),
            region: None,
            zones: BTreeSet::new(),
            network: name.parse().unwrap(),
            gateways: BTreeMap::from([("eastwest".parse().unwrap(), gateway)]),
        },
    }
}

fn vote(name: &str, ballot: Ballot) -> Command {
    Command::CastVotes(vec![Vote {
        observer: ObserverId::Replica(ReplicaId(1)),
        domain: "d".parse().unwrap(),
        subject: format!("gateway/{name}/eastwest").parse().unwrap(),
        ballot,
        evidence: "connect: timed out".into(),
    }])
}

/// The milliseconds that were counted until the next vote on somebody.
async fn counted_until(decisions: &mut Decisions, name: &str) -> u64 {
    let wanted: Subject = format!("gateway/{name}/eastwest").parse().unwrap();
    let mut counted = 0;
    loop {
        let Some(Next::Decision(decision)) = decisions.next().await else {
            panic!("decisions were missed");
        };
        match &decision.request.command {
            Command::Tick { elapsed_ms } => counted += u64::from(*elapsed_ms),
            Command::CastVotes(votes) if votes.iter().any(|vote| vote.subject == wanted) => {
                return counted;
            }
            _ => {}
        }
    }
}

async fn decide(replica: &Consensus, command: Command) {
    replica.propose(command).await.unwrap();
}

/// As another replica forwards it.
async fn forward(replica: &Consensus, command: Command) {
    let request = Request {
        client: ClientId {
            replica: ReplicaId(2),
            nonce: 7,
        },
        serial: 1,
        command,
    };
    let body = postcard::to_stdvec(&request).unwrap();
    let kind = PeerCallKind::Propose;
    replica.answer(PeerCall { kind, body }).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_passed_before_a_hold_is_counted_before_it() {
    let cluster = Cluster::of(|_| Settings::default()).await;
    // The only voter leads for certain, however busy the machine is.
    let leader = cluster.replica(1);
    leader.bootstrap(node(1)).await.unwrap();
    for name in ["a", "b", "c"] {
        decide(&leader, member(name)).await;
        decide(&leader, place(name)).await;
        decide(&leader, vote(name, Ballot::Reachable)).await;
    }
    let mut decisions = leader.decisions();
    assert!(leader.read(|state| state.next_deadline().is_none()));
    decide(&leader, vote("a", Ballot::Unreachable)).await;
    assert_eq!(counted_until(&mut decisions, "a").await, 0);
    // Nobody ticks here but who casts votes: on the leader, and through another replica.
    for name in ["b", "c"] {
        let begun = cluster.env.now();
        cluster.env.sleep(PAUSE).await;
        let passed = cluster.env.now().since(begun).as_millis();
        match name {
            "b" => decide(&leader, vote(name, Ballot::Unreachable)).await,
            _ => forward(&leader, vote(name, Ballot::Unreachable)).await,
        }
        let counted = counted_until(&mut decisions, name).await;
        // A second is the most that a tick carries.
        let least = u64::try_from(passed).unwrap().min(1_000);
        assert!(counted >= least, "{name}: {counted} ms of {passed} ms");
    }
    // Whoever ticks goes on from there.
    cluster.env.sleep(PAUSE).await;
    let time = || leader.read(|state| state.cluster_time);
    let before = time();
    leader.advance_time().await.unwrap();
    let counted = u128::from(time().since_ms(before));
    assert!(counted >= PAUSE.as_millis(), "{counted}");
    let waits = cluster.replica(2);
    waits.advance_time().await.unwrap();
    assert_eq!(waits.read(|state| state.cluster_time).0, 0);
}
