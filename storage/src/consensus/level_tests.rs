//! Replicas of two versions side by side, and replicas whose states differ.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use causeway_state::command::UnknownCommand;
use causeway_state::{ClientId, Command, LogPosition, Request, State, level, snapshot};

use super::cluster_tests::{Cluster, member};
use crate::decisions::Next;
use crate::settings::Settings;
use crate::status::Role;

fn old() -> Settings {
    Settings {
        feature_level: 1,
        ..Settings::default()
    }
}

fn form(cluster: &Cluster, id: u64) -> u32 {
    cluster.replica(id).read(snapshot::form_of)
}

/// The second half of the replicas know only the level before: all write its form, and hold the same bytes. Each in turn
/// is then upgraded on its own data folder, and only when the last one is does the level rise.
#[tokio::test(flavor = "multi_thread")]
async fn half_of_the_replicas_on_the_form_before_never_differ() {
    let cluster = Cluster::of(|_| old()).await;
    cluster.join().await;
    cluster.agree().await;
    for id in [1, 2] {
        cluster.stop(id).await;
        cluster.start(id, Settings::default()).await;
        cluster
            .until("somebody leads", || {
                (1..=3).any(|id| cluster.replica(id).is_leader())
            })
            .await;
        let leader = (1..=3).find(|id| cluster.replica(*id).is_leader()).unwrap();
        for n in 0..30 {
            let command = member(&format!("upgraded-{id}-{n}"));
            cluster.replica(leader).propose(command).await.unwrap();
        }
        cluster.agree().await;
        // What a leader knows of its voters.
        let known = (1..=3).map(|id| {
            let knows = cluster.replica(id).knows_level();
            (causeway_api::ReplicaId(id), Some(knows))
        });
        assert_eq!(
            level::to_raise(1, known),
            None,
            "one is of the version before"
        );
        for id in 1..=3 {
            assert_eq!(form(&cluster, id), 1);
        }
    }
    cluster.stop(3).await;
    cluster.start(3, Settings::default()).await;
    let voters = (1..=3).map(|id| {
        (
            causeway_api::ReplicaId(id),
            Some(cluster.replica(id).knows_level()),
        )
    });
    let level = level::to_raise(1, voters).unwrap();
    let leader = propose(&cluster, Command::RaiseLevel { level }).await;
    propose(&cluster, member("after")).await;
    cluster.agree().await;
    for id in 1..=3 {
        assert_eq!(form(&cluster, id), 2, "replica {id}");
    }
    // A snapshot in the newer form, installed by one that was away.
    cluster.wires.cut.lock().unwrap().insert(other_than(leader));
    for n in 0..60 {
        propose(&cluster, member(&format!("later-{n}"))).await;
    }
    cluster.wires.cut.lock().unwrap().clear();
    cluster.agree().await;
    for id in 1..=3 {
        cluster.stop(id).await;
    }
}

fn other_than(leader: u64) -> u64 {
    leader % 3 + 1
}

/// Proposes it to whoever leads; returns who did.
async fn propose(cluster: &Cluster, command: Command) -> u64 {
    for _ in 0..100 {
        cluster
            .until("somebody leads", || {
                (1..=3).any(|id| cluster.replica(id).is_leader())
            })
            .await;
        let leader = (1..=3).find(|id| cluster.replica(*id).is_leader());
        let Some(leader) = leader else { continue };
        if cluster
            .replica(leader)
            .propose(command.clone())
            .await
            .is_ok()
        {
            return leader;
        }
    }
    panic!("nobody took it")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_of_the_version_before_stops_and_says_why_and_goes_on_once_upgraded() {
    let cluster = Cluster::of(|id| if id == 3 { old() } else { Settings::default() }).await;
    // The first one begins, and raises the level at once, since nobody else votes yet.
    cluster
        .replica(1)
        .bootstrap(super::cluster_tests::node(1))
        .await
        .unwrap();
    assert_eq!(form(&cluster, 1), 2);
    let nodes = [2, 3].map(|id| (id, super::cluster_tests::node(id)));
    let add = openraft::ChangeMembers::AddNodes(nodes.into());
    cluster
        .replica(1)
        .raft()
        .change_membership(add, true)
        .await
        .unwrap();
    cluster.replica(1).propose(member("ack")).await.unwrap();
    cluster
        .until("the third stops", || {
            cluster.replica(3).status().role == Role::Stopped
        })
        .await;
    let why = cluster.replica(3).status().stopped.unwrap();
    assert!(
        why.contains("needs feature level 2") && why.contains("upgrade"),
        "{why}"
    );
    cluster
        .replica(1)
        .propose(member("others-go-on"))
        .await
        .unwrap();

    cluster.stop(3).await;
    cluster.start(3, Settings::default()).await;
    cluster.agree().await;
    for id in 1..=3 {
        cluster.stop(id).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_of_a_newer_version_is_stored_and_passed_on_but_never_applied() {
    let cluster = Cluster::of(|_| Settings::default()).await;
    cluster.join().await;
    cluster.agree().await;
    let request = Request {
        client: ClientId {
            replica: causeway_api::ReplicaId(1),
            nonce: 1,
        },
        serial: 1,
        command: Command::Unknown(UnknownCommand {
            level: 77,
            bytes: vec![1, 2, 3],
        }),
    };
    let before = cluster.replica(2).read(State::digest);
    // Behind the back of what admits: as a newer leader would. One that leads no longer only says so.
    let proposal = crate::types::Proposal(std::sync::Arc::new(request));
    loop {
        let raft = cluster.replica(cluster.leader().await).raft();
        let written = raft.client_write(proposal.clone()).await;
        let error = written.expect_err("the leader itself stops");
        if error.forward_to_leader().is_none() {
            break;
        }
    }
    let stopped = |id: &u64| cluster.replica(*id).status().role == Role::Stopped;
    // Whoever hears that it was decided stops; the last one may hear of it no more, and has no quorum.
    cluster
        .until("two stop", || (1..=3).filter(stopped).count() >= 2)
        .await;
    for id in (1..=3).filter(stopped) {
        let why = cluster.replica(id).status().stopped.unwrap();
        assert!(why.contains("feature level 77"), "{why}");
    }
    for id in 1..=3 {
        assert_eq!(cluster.replica(id).read(State::digest), before);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_whose_state_differs_is_found() {
    let cluster = Cluster::of(|_| Settings::default()).await;
    cluster.join().await;
    let leader = propose(&cluster, member("ack")).await;
    cluster.agree().await;
    let replica = cluster.replica(leader);
    replica.compare(true).await.unwrap();
    replica.compare(true).await.unwrap();
    let mut decisions = replica.decisions();
    replica.compare(true).await.unwrap();
    replica.propose(member("next")).await.unwrap();
    let Some(Next::Decision(next)) = decisions.next().await else {
        panic!("the decision is followed");
    };
    assert_eq!(
        next.request.command,
        member("next"),
        "nothing was decided since: there is nothing to compare"
    );
    replica.propose(member("more")).await.unwrap();
    cluster
        .until("all were compared", || {
            (1..=3).all(|id| cluster.replica(id).agreed().is_some())
        })
        .await;
    assert!((1..=3).all(|id| cluster.replica(id).divergence().is_none()));

    // A defect that nobody sees: one replica forgets a member.
    let victim = other_than(leader);
    cluster.replica(victim).inner.shared.sabotage(|state| {
        state.members.pop_first();
    });
    replica.compare(true).await.unwrap();
    replica.compare(false).await.unwrap();
    cluster
        .until("the difference is found", || {
            cluster.replica(victim).divergence().is_some()
        })
        .await;
    let found = cluster.replica(victim).divergence().unwrap();
    assert_ne!(found.ours, found.theirs);
    assert!(
        found.to_string().contains("differs from the leader's"),
        "{found}"
    );
    for id in (1..=3).filter(|id| *id != victim) {
        assert!(cluster.replica(id).divergence().is_none());
    }
    assert_eq!(
        replica.agreed().map(|at: LogPosition| at.index),
        Some(found.at.index)
    );
    for id in 1..=3 {
        cluster.stop(id).await;
    }
}
