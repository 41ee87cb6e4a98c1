//! Commands larger than an entry: plans go in parts and take effect together; what is larger than any change can be is
//! refused before it reaches the log.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;

use causeway_api::verdict::{Ballot, ObserverId, Vote};
use causeway_api::{ReplicaId, ServiceKey};
use causeway_state::{Command, Outcome, PlanProposal, Refusal};
use causeway_storage::{ProposeError, Settings};
use common::{digest, member, node, open};

/// The name of a service that is nowhere, and as long as a name may be.
fn withdrawn(number: usize) -> PlanProposal {
    let filler = "x".repeat(200);
    PlanProposal {
        service: ServiceKey::new("namespace", &format!("{filler}-{number}")).unwrap(),
        plan: None,
        previous: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_of_a_hundred_mebibytes_is_refused_and_the_log_goes_on() {
    let temp = tempfile::tempdir().unwrap();
    let consensus = open(temp.path(), Settings::default()).await;
    consensus.bootstrap(node()).await.unwrap();
    let before = consensus.propose(member("first")).await.unwrap().at.index;
    let vote = Vote {
        observer: ObserverId::Replica(ReplicaId(1)),
        domain: "d1".parse().unwrap(),
        subject: "session/ack".parse().unwrap(),
        ballot: Ballot::Reachable,
        evidence: "x".repeat(100 << 20),
    };
    let error = consensus
        .propose(Command::CastVotes(vec![vote]))
        .await
        .unwrap_err();
    assert!(
        matches!(error, ProposeError::TooLarge { found, .. } if found > 100 << 20),
        "{error}"
    );
    let text = error.to_string();
    assert!(text.contains("send it in several"), "{text}");

    // What may go in parts has a bound, too.
    let plans = (0..500_000).map(withdrawn).collect();
    let error = consensus
        .propose(Command::CommitPlans(plans))
        .await
        .unwrap_err();
    assert!(
        matches!(error, ProposeError::TooLarge { found, .. } if found > 100 << 20),
        "{error}"
    );
    let next = consensus.propose(member("ack")).await.unwrap();
    assert_eq!(next.at.index, before + 1, "nothing of it is in the log");
    consensus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_change_goes_in_parts_and_outlives_a_restart() {
    let temp = tempfile::tempdir().unwrap();
    let settings = Settings {
        command_bytes: 4_000,
        snapshot_every: 20,
        keep_entries: 0,
        ..Settings::default()
    };
    let consensus = open(temp.path(), settings.clone()).await;
    consensus.bootstrap(node()).await.unwrap();
    let before = consensus.propose(member("first")).await.unwrap().at.index;
    let many: Vec<PlanProposal> = (0..1_000).map(withdrawn).collect();
    let answer = consensus.propose(Command::CommitPlans(many)).await.unwrap();
    // Nothing was planned that could be withdrawn: the whole was applied, and changed nothing.
    assert_eq!(answer.outcome, Outcome::Unchanged);
    assert!(answer.at.index > before + 100);
    assert!(consensus.read(|state| state.stagings.is_empty()));
    let held = digest(&consensus);
    consensus.stop().await;
    let again = open(temp.path(), settings).await;
    again.recovered(common::LIMIT).await.unwrap();
    assert_eq!(digest(&again), held);
    again.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn below_the_level_nothing_goes_that_the_version_before_does_not_know() {
    let temp = tempfile::tempdir().unwrap();
    let old = Settings {
        feature_level: 1,
        ..Settings::default()
    };
    let consensus = open(temp.path(), old.clone()).await;
    consensus.bootstrap(node()).await.unwrap();
    let silence = Command::Silence {
        replica: ReplicaId(1),
    };
    let text = consensus
        .propose(silence.clone())
        .await
        .unwrap_err()
        .to_string();
    assert!(
        text.contains("needs feature level 2") && text.contains("upgrade"),
        "{text}"
    );
    let raise = Command::RaiseLevel { level: 2 };
    assert!(
        consensus.propose(raise.clone()).await.is_err(),
        "it does not know it"
    );
    let many = (0..300).map(withdrawn).collect();
    let outcome = consensus
        .propose(Command::CommitPlans(many))
        .await
        .unwrap()
        .outcome;
    assert!(
        matches!(outcome, Outcome::Refused(Refusal::TooLarge { .. })),
        "{outcome:?}"
    );
    consensus.stop().await;

    // The same folder under the newer version, which raises it; the older one is told why it cannot go on.
    let newer = open(temp.path(), Settings::default()).await;
    newer.recovered(common::LIMIT).await.unwrap();
    newer.propose(raise).await.unwrap();
    let beyond = Command::RaiseLevel { level: 9 };
    let text = newer.propose(beyond).await.unwrap_err().to_string();
    assert!(text.contains("needs feature level 9"), "{text}");
    assert_eq!(
        newer.propose(silence).await.unwrap().outcome,
        Outcome::Unchanged
    );
    newer.stop().await;
}
