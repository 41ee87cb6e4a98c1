//! One replica: decisions, restarts, snapshots, refusals.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;

use std::sync::Arc;
use std::time::Duration;

use causeway_api::ReplicaId;
use causeway_seam::real::{Folder, env};
use causeway_state::{Command, Outcome};
use causeway_storage::{BootstrapError, Consensus, Next, NoPeers, ProposeError, Role, Settings};
use common::{LIMIT, digest, member, node, open, try_open};

#[tokio::test(flavor = "multi_thread")]
async fn a_clusterset_is_begun_once_and_only_once() {
    let temp = tempfile::tempdir().unwrap();
    let consensus = open(temp.path(), Settings::default()).await;
    let first = consensus.bootstrap(node()).await.unwrap();
    assert_eq!(first.incarnation, 1);
    let text = consensus.bootstrap(node()).await.unwrap_err().to_string();
    assert!(text.contains("once and only once"), "{text}");
    consensus.stop().await;
    let consensus = open(temp.path(), Settings::default()).await;
    consensus.recovered(LIMIT).await.unwrap();
    assert_eq!(
        consensus.bootstrap(node()).await,
        Err(BootstrapError::Exists { incarnation: 1 })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn decisions_rise_are_read_and_followed() {
    let temp = tempfile::tempdir().unwrap();
    let consensus = open(temp.path(), Settings::default()).await;
    let begun = consensus.bootstrap(node()).await.unwrap();
    let mut decisions = consensus.decisions();
    let answer = consensus.propose(member("ack")).await.unwrap();
    assert!(answer.generation > begun, "{answer:?}");
    assert!(matches!(answer.outcome, Outcome::Accepted { .. }));
    assert_eq!(consensus.read(|state| state.members.len()), 1);
    let Some(Next::Decision(decision)) = decisions.next().await else {
        panic!("the decision is followed");
    };
    assert_eq!(decision.outcome, answer.outcome);
    assert_eq!(decision.request.command, member("ack"));
    assert_eq!(decision.at, answer.at);
    // Told a moment after the answer.
    let mut position = consensus.position();
    let told = position.wait_for(|told| told.index == answer.at.index);
    env().timeout(LIMIT, told).await.unwrap().unwrap();
    consensus.linearizable().await.unwrap();
    assert!(consensus.is_leader());
    let status = consensus.status();
    assert_eq!(
        (status.role, status.leader),
        (Role::Leader, Some(ReplicaId(1)))
    );
    assert_eq!(status.applied, answer.at.index);
    consensus.stop().await;
    assert_eq!(decisions.next().await, None);
    assert!(matches!(
        consensus.propose(member("eks")).await,
        Err(ProposeError::Stopped(_))
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn dropped_in_the_middle_it_comes_back_with_all_that_was_acknowledged() {
    let temp = tempfile::tempdir().unwrap();
    let mut known = 0;
    for round in 0..5 {
        // Small enough that snapshots are written and the log purged on the way.
        let settings = Settings {
            snapshot_every: 10,
            keep_entries: 5,
            ..Settings::default()
        };
        let consensus = open(temp.path(), settings).await;
        if round == 0 {
            consensus.bootstrap(node()).await.unwrap();
        }
        consensus.recovered(LIMIT).await.unwrap();
        assert_eq!(
            consensus.read(|state| state.members.len()),
            known,
            "round {round}"
        );
        for n in 0..13 {
            consensus
                .propose(member(&format!("m{round}-{n}")))
                .await
                .unwrap();
            known += 1;
        }
        let before = digest(&consensus);
        // No shutdown: as if the process were killed.
        drop(consensus);
        let again = open(temp.path(), Settings::default()).await;
        again.recovered(LIMIT).await.unwrap();
        assert_eq!(digest(&again), before, "round {round}");
        again.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_from_a_snapshot_gives_the_same_state() {
    let temp = tempfile::tempdir().unwrap();
    let settings = Settings {
        snapshot_every: 20,
        keep_entries: 0,
        ..Settings::default()
    };
    let consensus = open(temp.path(), settings.clone()).await;
    consensus.bootstrap(node()).await.unwrap();
    for n in 0..60 {
        consensus.propose(member(&format!("m{n}"))).await.unwrap();
    }
    let clock = env();
    let start = clock.now();
    while consensus.status().purged == 0 {
        assert!(clock.now().since(start) < LIMIT, "{:?}", consensus.status());
        clock.sleep(Duration::from_millis(5)).await;
    }
    let before = digest(&consensus);
    consensus.stop().await;
    let consensus = try_open(temp.path(), settings).await.unwrap();
    consensus.recovered(LIMIT).await.unwrap();
    assert_eq!(digest(&consensus), before);
    assert!(consensus.status().snapshot >= 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_proposals_at_once_share_commits_and_all_are_answered() {
    let temp = tempfile::tempdir().unwrap();
    let consensus = open(temp.path(), Settings::default()).await;
    consensus.bootstrap(node()).await.unwrap();
    let proposals = (0..300).map(|n| {
        let consensus = consensus.clone();
        async move { consensus.propose(member(&format!("m{n}"))).await.unwrap() }
    });
    let answers = futures::future::join_all(proposals).await;
    let mut places: Vec<u64> = answers.iter().map(|answer| answer.at.index).collect();
    places.sort_unstable();
    places.dedup();
    assert_eq!(places.len(), 300);
    assert_eq!(consensus.read(|state| state.members.len()), 300);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_follower_hears_that_it_missed_decisions() {
    let temp = tempfile::tempdir().unwrap();
    let settings = Settings {
        decisions_kept: 4,
        ..Settings::default()
    };
    let consensus = open(temp.path(), settings).await;
    consensus.bootstrap(node()).await.unwrap();
    let mut decisions = consensus.decisions();
    for n in 0..20 {
        consensus.propose(member(&format!("m{n}"))).await.unwrap();
    }
    assert_eq!(decisions.next().await, Some(Next::Missed));
    assert!(matches!(decisions.next().await, Some(Next::Decision(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_is_refused_with_the_remedy() {
    let temp = tempfile::tempdir().unwrap();
    let impatient = Settings {
        propose_limit: Duration::from_millis(300),
        ..Settings::default()
    };
    let consensus = open(temp.path(), impatient).await;
    // Nobody leads before there is a clusterset.
    let text = consensus
        .propose(member("ack"))
        .await
        .unwrap_err()
        .to_string();
    assert!(text.contains("no replica leads"), "{text}");
    consensus.stop().await;
    drop(consensus);
    let settings = Settings {
        command_bytes: 1_000,
        ..Settings::default()
    };
    let consensus = open(temp.path(), settings).await;
    consensus.bootstrap(node()).await.unwrap();
    let large = Command::PutMember(causeway_api::spec::MemberSpec {
        failure_domains: (0..200)
            .map(|n| format!("domain-{n}").parse().unwrap())
            .collect(),
        ..causeway_api::spec::MemberSpec::minimal("ack".parse().unwrap())
    });
    let text = consensus.propose(large).await.unwrap_err().to_string();
    assert!(text.contains("at most 1000"), "{text}");
    let text = try_open(temp.path(), Settings::default())
        .await
        .unwrap_err()
        .to_string();
    assert!(
        text.contains("log.redb") && text.contains("Another process"),
        "{text}"
    );
    consensus.stop().await;
    let disk = Arc::new(Folder::open(temp.path()).unwrap());
    let other = Consensus::open(
        env(),
        disk,
        ReplicaId(2),
        Settings::default(),
        Arc::new(NoPeers),
    );
    let text = other.await.unwrap_err().to_string();
    assert!(
        text.contains("data folder of replica r1") && text.contains("this is replica r2"),
        "{text}"
    );
    let unfit = Settings {
        heartbeat_ms: 900,
        ..Settings::default()
    };
    let text = try_open(temp.path(), unfit).await.unwrap_err().to_string();
    assert!(text.contains("settings"), "{text}");
}
