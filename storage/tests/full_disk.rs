//! A disk that takes no more writes stops the replica with a message, and loses nothing that was acknowledged.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;

use std::sync::Arc;

use causeway_api::ReplicaId;
use causeway_api::spec::MemberSpec;
use causeway_faults::{FaultyDisk, Survival, Trouble, env};
use causeway_state::Command;
use causeway_storage::{Consensus, NoPeers, ProposeError, Role, Settings, StorageError};
use common::{LIMIT, member, node};

async fn try_open(disk: &FaultyDisk, settings: &Settings) -> Result<Consensus, StorageError> {
    let shared = Arc::new(disk.clone());
    let peers = Arc::new(NoPeers);
    Consensus::open(env(5), shared, ReplicaId(1), settings.clone(), peers).await
}

/// A replica with ten members.
async fn ten(disk: &FaultyDisk, settings: &Settings) -> Consensus {
    let consensus = try_open(disk, settings).await.unwrap();
    consensus.bootstrap(node()).await.unwrap();
    for n in 0..10 {
        let command = member(&format!("kept-{n}"));
        consensus.propose(command).await.unwrap();
    }
    consensus
}

/// Waits until the log says that it has stopped, and why.
async fn stopped_with(consensus: &Consensus) -> String {
    let clock = env(1);
    let start = clock.now();
    loop {
        let status = consensus.status();
        if let (Role::Stopped, Some(why)) = (status.role, &status.stopped) {
            return why.clone();
        }
        assert!(clock.now().since(start) < LIMIT, "{status:?}");
        clock.sleep(std::time::Duration::from_millis(5)).await;
    }
}

/// Stopped for `reason`, with all that it knew; and after a restart with the disk well again it goes on.
async fn stopped(consensus: Consensus, disk: &FaultyDisk, settings: &Settings, reason: &str) {
    assert!(
        consensus.read(|state| state.members.len()) >= 10,
        "what is known is still told"
    );
    let said = stopped_with(&consensus).await;
    assert!(said.contains(reason), "{said}");
    assert!(!consensus.is_leader());
    consensus.stop().await;
    drop(consensus);
    // The power goes at the worst moment, too.
    disk.set_capacity(None);
    let disk = disk.restart(Survival::Nothing);
    let consensus = try_open(&disk, settings).await.unwrap();
    consensus.recovered(LIMIT).await.unwrap();
    let members = consensus.read(|state| state.members.len());
    assert!((10..=12).contains(&members), "{members}");
    consensus.propose(member("more")).await.unwrap();
    consensus.stop().await;
}

#[tokio::test(start_paused = true)]
async fn each_trouble_of_the_disk_stops_the_replica_and_loses_nothing() {
    for (trouble, reason) in [
        (Trouble::Writes, "input/output error"),
        (Trouble::Syncs, "input/output error"),
        (Trouble::ReadOnly, "read-only file system"),
    ] {
        let settings = Settings::default();
        let disk = FaultyDisk::new("data", 3);
        let consensus = ten(&disk, &settings).await;
        disk.fail(trouble);
        let error = consensus.propose(member("lost")).await.unwrap_err();
        assert!(
            matches!(error, ProposeError::Stopped(_)),
            "{trouble:?}: {error}"
        );
        assert!(error.to_string().contains(reason), "{trouble:?}: {error}");
        // It does not come back by itself, since what a later write builds upon may be missing.
        disk.heal();
        let again = consensus.propose(member("lost")).await.unwrap_err();
        assert!(
            matches!(again, ProposeError::Stopped(_)),
            "{trouble:?}: {again}"
        );
        stopped(consensus, &disk, &settings, reason).await;
    }
}

/// A member that takes some kilobytes, so that the disk is full soon.
fn bulky(number: usize) -> Command {
    let mut spec = MemberSpec::minimal(format!("more-{number}").parse().unwrap());
    let domain = |n: usize| format!("domain-{n:06}").parse().unwrap();
    spec.failure_domains = (0..1_000).map(domain).collect();
    Command::PutMember(spec)
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_fills_up_stops_the_replica_and_loses_nothing() {
    let settings = Settings::default();
    let disk = FaultyDisk::new("data", 3);
    let consensus = ten(&disk, &settings).await;
    disk.set_capacity(Some(disk.used()));
    let mut decided = 10;
    let error = loop {
        match consensus.propose(bulky(decided)).await {
            Ok(_) => decided += 1,
            Err(error) => break error,
        }
        assert!(decided < 100_000, "the disk never was full");
    };
    assert!(error.to_string().contains("no space left"), "{error}");
    let said = stopped_with(&consensus).await;
    assert!(said.contains("no space left"), "{said}");
    consensus.stop().await;
    drop(consensus);
    disk.set_capacity(None);
    let disk = disk.restart(Survival::Torn);
    let consensus = try_open(&disk, &settings).await.unwrap();
    consensus.recovered(LIMIT).await.unwrap();
    let members = consensus.read(|state| state.members.len());
    assert!(
        (decided..=decided + 1).contains(&members),
        "{decided} decided, {members} found"
    );
    consensus.stop().await;
}

/// There is room for the log and none for a snapshot beside the old one.
#[tokio::test(start_paused = true)]
async fn no_room_for_a_snapshot_stops_the_replica_and_loses_nothing() {
    let settings = Settings::default();
    let disk = FaultyDisk::new("data", 3);
    let consensus = ten(&disk, &settings).await;
    disk.set_capacity(Some(disk.used() + 10));
    consensus.snapshot().await;
    stopped(consensus, &disk, &settings, "no space left").await;
}

#[tokio::test(start_paused = true)]
async fn a_folder_that_cannot_be_read_or_made_is_refused() {
    let settings = Settings::default();
    let disk = FaultyDisk::new("data", 3);
    disk.fail(Trouble::ReadOnly);
    let text = try_open(&disk, &settings).await.unwrap_err().to_string();
    assert!(
        text.contains("log.journal") && text.contains("writable"),
        "{text}"
    );
    disk.heal();
    ten(&disk, &settings).await.stop().await;
    let disk = disk.kill();
    disk.fail(Trouble::Reads);
    let text = try_open(&disk, &settings).await.unwrap_err().to_string();
    assert!(text.contains("input/output error"), "{text}");
}
