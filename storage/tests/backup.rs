//! A backup of a running replica, and a new replica that begins from it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods
)]

mod common;

use std::path::Path;
use std::sync::Arc;

use causeway_api::{Generation, ReplicaId};
use causeway_seam::real::{Folder, env};
use causeway_storage::backup::{self, Backup};
use causeway_storage::offline::{Restore, inspect, restore};
use causeway_storage::{Consensus, NoPeers, Settings};
use common::{LIMIT, member, node, open};

async fn running(path: &Path, members: usize) -> Consensus {
    filled(path, Settings::default(), members).await
}

async fn filled(path: &Path, settings: Settings, members: usize) -> Consensus {
    let consensus = open(path, settings).await;
    consensus.bootstrap(node()).await.unwrap();
    for n in 0..members {
        consensus
            .propose(member(&format!("member-{n:03}")))
            .await
            .unwrap();
    }
    consensus
}

async fn taken(consensus: &Consensus) -> Vec<u8> {
    backup::create(consensus, &env(), "1.2.3").await.unwrap()
}

fn as_replica(id: u64) -> Restore {
    Restore {
        replica: ReplicaId(id),
        node: None,
        incarnation_at_least: 0,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_says_what_is_in_it_and_begins_a_new_incarnation_elsewhere() {
    let temp = tempfile::tempdir().unwrap();
    let old = running(&temp.path().join("old"), 20).await;
    let bytes = taken(&old).await;
    let backup = Backup::read(&bytes).unwrap();
    let contents = &backup.contents;
    assert_eq!(contents.members.len(), 20);
    assert_eq!(contents.generation, old.read(|state| state.last_applied));
    assert_eq!(
        (contents.replica, contents.version.as_str()),
        (ReplicaId(1), "1.2.3")
    );
    assert!(contents.confirmed, "a majority of one confirmed it");
    assert_eq!(contents.replicas.len(), 1);
    old.propose(member("lost")).await.unwrap();
    let lost = old.read(|state| state.last_applied);
    old.stop().await;

    let path = temp.path().join("new");
    let folder = Folder::open(&path).unwrap();
    let begun = restore(&folder, &backup, &as_replica(7)).unwrap();
    assert_eq!(begun.generation.incarnation, 2);
    assert!(begun.generation > lost, "newer than what was lost");
    assert_eq!(begun.gone.into_iter().collect::<Vec<_>>(), [ReplicaId(1)]);
    let again = restore(&folder, &backup, &as_replica(7))
        .unwrap_err()
        .to_string();
    assert!(
        again.contains("is not empty") && again.contains("empty folder"),
        "{again}"
    );
    assert_eq!(inspect(&folder).unwrap().generation, begun.generation);

    let disk = Arc::new(folder);
    let new = Consensus::open(
        env(),
        disk,
        ReplicaId(7),
        Settings::default(),
        Arc::new(NoPeers),
    );
    let new = new.await.unwrap();
    new.recovered(LIMIT).await.unwrap();
    assert_eq!(
        new.read(|state| (state.incarnation, state.members.len())),
        (2, 20)
    );
    let newest = new.read(|state| state.members.values().map(|m| m.generation).max());
    assert_eq!(
        newest,
        Some(begun.generation),
        "every row is above the old incarnation"
    );
    let answer = new.propose(member("after")).await.unwrap();
    assert!(answer.generation > begun.generation && answer.generation.incarnation == 2);
    let members: Vec<ReplicaId> = new.status().members.iter().map(|m| m.replica).collect();
    assert_eq!(members, [ReplicaId(7)]);
    // A snapshot and a restart of the new one are as of any other.
    new.snapshot().await;
    new.stop().await;
    let disk = Arc::new(Folder::open(&path).unwrap());
    let new = Consensus::open(
        env(),
        disk,
        ReplicaId(7),
        Settings::default(),
        Arc::new(NoPeers),
    );
    let new = new.await.unwrap();
    new.recovered(LIMIT).await.unwrap();
    assert_eq!(new.read(|state| state.members.len()), 21);
    new.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_incarnation_can_be_raised_above_one_that_was_begun_meanwhile() {
    let temp = tempfile::tempdir().unwrap();
    let old = running(&temp.path().join("old"), 1).await;
    let backup = Backup::read(&taken(&old).await).unwrap();
    old.stop().await;
    let folder = Folder::open(temp.path().join("new")).unwrap();
    let wanted = Restore {
        incarnation_at_least: 9,
        ..as_replica(2)
    };
    let begun = restore(&folder, &backup, &wanted).unwrap();
    assert_eq!(begun.generation.incarnation, 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_decided_is_nothing_to_back_up() {
    let temp = tempfile::tempdir().unwrap();
    let consensus = open(temp.path(), Settings::default()).await;
    let error = backup::create(&consensus, &env(), "1").await.unwrap_err();
    assert!(error.to_string().contains("nothing to back up"), "{error}");
    consensus.stop().await;
}

/// A backup of today's format, kept for all later versions to read. Made by the test below.
#[test]
fn the_first_format_stays_readable() {
    let bytes = std::fs::read(golden()).unwrap();
    let backup = Backup::read(&bytes).unwrap();
    let generation: Generation = "1/1/4".parse().unwrap();
    assert_eq!(backup.contents.generation, generation);
    let names: Vec<String> = backup
        .state()
        .members
        .keys()
        .map(ToString::to_string)
        .collect();
    assert_eq!(names, ["member-000", "member-001"]);
    let temp = tempfile::tempdir().unwrap();
    let folder = Folder::open(temp.path()).unwrap();
    restore(&folder, &backup, &as_replica(3)).unwrap();
    assert_eq!(inspect(&folder).unwrap().members, 2);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "writes the golden file of a new format; never to be run for one that was released"]
async fn write_the_golden_file() {
    // `--include-ignored` runs it as well: that changes nothing in the checkout.
    if std::env::var_os("CAUSEWAY_WRITE_GOLDEN").is_none() || golden().exists() {
        return;
    }
    let temp = tempfile::tempdir().unwrap();
    let settings = Settings {
        // The form of the state that never changes any more.
        feature_level: 1,
        ..Settings::default()
    };
    let consensus = filled(temp.path(), settings, 2).await;
    std::fs::create_dir_all(golden().parent().unwrap()).unwrap();
    std::fs::write(golden(), taken(&consensus).await).unwrap();
    consensus.stop().await;
}

fn golden() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/format-1.cwbackup")
}
