//! A whole replica whose power is cut: commands, snapshots and purges; and the verbs that begin a new incarnation.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use causeway_api::spec::MemberSpec;
use causeway_api::{MemberName, ReplicaId};
use causeway_faults::{FaultyDisk, Survival};
use causeway_seam::Disk;
use causeway_state::Command;

use crate::backup::Backup;
use crate::offline::{Restore, inspect, recover, restore};
use crate::{Consensus, NoPeers, ReplicaNode, Settings, StorageError};

const LIMIT: Duration = Duration::from_secs(60);

fn settings() -> Settings {
    Settings {
        snapshot_every: 8,
        keep_entries: 2,
        // A few commands fill it.
        journal_bytes: 2 << 10,
        ..Settings::default()
    }
}

fn member(number: usize) -> Command {
    let name = MemberName::new(format!("member-{number:03}").as_str()).unwrap();
    Command::PutMember(MemberSpec::minimal(name))
}

async fn open(disk: &FaultyDisk) -> Result<Consensus, StorageError> {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    let peers = Arc::new(NoPeers);
    let opened = Consensus::open(
        causeway_faults::env(3),
        disk,
        ReplicaId(1),
        settings(),
        peers,
    );
    let consensus = opened.await?;
    Ok(consensus)
}

fn members(consensus: &Consensus) -> BTreeSet<String> {
    consensus.read(|state| state.members.keys().map(ToString::to_string).collect())
}

/// Bootstrap, thirty commands, snapshots and purges among them; with what was acknowledged after how many operations.
async fn filled(disk: &FaultyDisk) -> Vec<(u64, usize)> {
    let consensus = open(disk).await.unwrap();
    consensus.bootstrap(ReplicaNode::default()).await.unwrap();
    let mut acknowledged = vec![(disk.operations(), 0)];
    for number in 0..30 {
        consensus.propose(member(number)).await.unwrap();
        acknowledged.push((disk.operations(), number + 1));
    }
    consensus.stop().await;
    acknowledged
}

/// Whatever was acknowledged is there after a loss of power at any operation, and the replica goes on.
#[tokio::test(start_paused = true)]
async fn a_replica_keeps_what_it_acknowledged_at_any_operation() {
    let disk = FaultyDisk::new("data", 1);
    disk.record();
    let acknowledged = filled(&disk).await;
    let history = disk.history();
    assert!(history.len() > 100, "{} operations", history.len());
    let mut known = BTreeSet::new();
    for moment in history.moments() {
        let operations = moment.operations();
        let until = acknowledged.iter().filter(|(at, _)| *at <= operations);
        let safe = until.map(|(_, count)| *count).max();
        for survival in [Survival::Nothing, Survival::Torn] {
            let (disk, content) = moment.cut(survival, operations);
            if !known.insert((content, safe)) {
                continue;
            }
            let what = format!("after {operations} operations, {survival:?}");
            let consensus = open(&disk)
                .await
                .unwrap_or_else(|error| panic!("{what}: {error}"));
            if let Some(safe) = safe {
                consensus.recovered(LIMIT).await.unwrap();
                let found = members(&consensus);
                let wanted = (0..found.len().max(safe)).map(|n| format!("member-{n:03}"));
                assert_eq!(found, wanted.collect(), "{what}: {safe} acknowledged");
                consensus.propose(member(99)).await.unwrap();
            }
            consensus.stop().await;
        }
    }
}

/// A recovery that is cut short left what was there, or the new incarnation whole.
#[tokio::test(start_paused = true)]
async fn a_recovery_is_whole_or_not_at_all() {
    let disk = FaultyDisk::new("data", 1);
    filled(&disk).await;
    let disk = disk.kill();
    disk.record();
    // Alone already, so only a higher incarnation is a reason.
    recover(&disk, 5).unwrap();
    let mut seen = BTreeSet::new();
    for moment in disk.history().moments() {
        for survival in Survival::ALL {
            let (disk, _) = moment.cut(survival, moment.operations());
            let found = inspect(&disk).unwrap();
            assert_eq!(found.members, 30, "{survival:?}");
            seen.insert(found.generation.incarnation);
            let next = disk.kill();
            let consensus = open(&next).await.unwrap();
            consensus.recovered(LIMIT).await.unwrap();
            let now = consensus.read(|state| state.incarnation);
            assert_eq!(now, found.generation.incarnation);
            consensus.propose(member(99)).await.unwrap();
            consensus.stop().await;
        }
    }
    assert_eq!(seen, BTreeSet::from([1, 5]));
}

/// A restoration that is cut short is a folder that is refused, or whole.
#[tokio::test(start_paused = true)]
async fn a_restoration_is_whole_or_refused() {
    let source = FaultyDisk::new("source", 1);
    let consensus = open(&source).await.unwrap();
    consensus.bootstrap(ReplicaNode::default()).await.unwrap();
    consensus.propose(member(1)).await.unwrap();
    let env = causeway_faults::env(1);
    let bytes = crate::backup::create(&consensus, &env, "0").await.unwrap();
    consensus.stop().await;
    let backup = Backup::read(&bytes).unwrap();

    let target = FaultyDisk::new("target", 1);
    target.record();
    let wanted = Restore {
        replica: ReplicaId(1),
        node: None,
        incarnation_at_least: 0,
    };
    restore(&target, &backup, &wanted).unwrap();
    let (mut whole, mut refused, mut empty) = (0, 0, 0);
    for moment in target.history().moments() {
        for survival in Survival::ALL {
            let (disk, _) = moment.cut(survival, moment.operations());
            match open(&disk).await {
                Ok(consensus) if consensus.read(|state| state.incarnation) == 0 => {
                    // Nothing got its name yet: this is an empty folder.
                    empty += 1;
                    assert!(!consensus.status().members.iter().any(|m| m.voter));
                    consensus.stop().await;
                }
                Ok(consensus) => {
                    consensus.recovered(LIMIT).await.unwrap();
                    assert_eq!(consensus.read(|s| (s.incarnation, s.members.len())), (2, 1));
                    whole += 1;
                    consensus.stop().await;
                }
                Err(error) => {
                    assert!(error.to_string().contains("backup"), "{error}");
                    refused += 1;
                }
            }
        }
    }
    assert!(
        whole > 0 && refused > 0 && empty > 0,
        "{whole} {refused} {empty}"
    );
}
