//! Tests of the writes that are made where there is nothing to write.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use causeway_api::ReplicaId;
use causeway_faults::{FaultyDisk, Trouble, env};
use causeway_seam::{Disk, Env, Monotonic};

use super::journal::FILE;
use super::pulse::{DiskPulse, Pulse};
use super::*;

const MS: Duration = Duration::from_millis(1);

async fn open(env: &Env, disk: &FaultyDisk) -> (LogStore, TaskHandle) {
    let shared = Arc::new(disk.clone());
    LogStore::open(env, shared, ReplicaId(1), 2 << 10)
        .await
        .unwrap()
}

fn vote(term: u64) -> Vote {
    Vote {
        leader_id: openraft::vote::leader_id_std::LeaderId { term, voted_for: 1 },
        committed: false,
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_log_goes_to_the_disk_every_other_second_and_leaves_it_as_it_is() {
    let (env, disk) = (env(1), FaultyDisk::new("data", 1));
    let (mut store, _writer) = open(&env, &disk).await;
    store.save_vote(&vote(1)).await.unwrap();
    let content = disk.read(FILE).unwrap();
    let (used, before) = (disk.used(), disk.operations());
    env.sleep(Duration::from_secs(60)).await;
    // A write and a sync each.
    let beats = (disk.operations() - before) / 2;
    assert!((20..=30).contains(&beats), "{beats}");
    assert_eq!((disk.used(), disk.read(FILE).unwrap()), (used, content));
    assert!(store.pulse().read(env.now()).usual.is_some());

    // A log that writes by itself needs none.
    let before = disk.operations();
    for term in 2..62 {
        store.save_vote(&vote(term)).await.unwrap();
        env.sleep(Duration::from_secs(1)).await;
    }
    let written = disk.operations() - before;
    let (mut again, _other) = {
        drop(store);
        open(&env, &disk.restart(causeway_faults::Survival::Nothing)).await
    };
    assert_eq!(again.read_vote().await.unwrap(), Some(vote(61)));
    // Some of them fill the journal, which is carried over then; a beat beside each would be twice as much.
    assert!(written < 60 * 3, "{written}");
}

#[tokio::test(start_paused = true)]
async fn a_beat_that_is_refused_is_told_and_ends_nothing() {
    let (env, disk) = (env(1), FaultyDisk::new("data", 1));
    let (mut store, _writer) = open(&env, &disk).await;
    let refuses = |store: &LogStore| store.pulse().read(env.now()).refuses;
    env.sleep(Duration::from_secs(5)).await;
    assert!(!refuses(&store));
    disk.fail(Trouble::ReadOnly);
    env.sleep(Duration::from_secs(5)).await;
    assert!(refuses(&store));
    disk.heal();
    env.sleep(Duration::from_secs(5)).await;
    assert!(!refuses(&store));
    store.save_vote(&vote(3)).await.unwrap();
    assert_eq!(store.read_vote().await.unwrap(), Some(vote(3)));
}

#[test]
fn a_write_that_does_not_end_is_a_stall_and_one_slow_one_is_none() {
    let at = |ms: u64| Monotonic(Duration::from_millis(ms));
    let pulse = Pulse::default();
    assert_eq!(pulse.read(at(0)), DiskPulse::default());
    assert!(pulse.rests(at(0), MS));
    for n in 0..9 {
        pulse.begin(at(100 * n));
        pulse.end(at(100 * n + 4), false);
    }
    pulse.begin(at(1_000));
    pulse.end(at(4_000), false);
    assert!(!pulse.rests(at(4_000), 3_001 * MS) && pulse.rests(at(4_000), 3_000 * MS));
    let read = pulse.read(at(4_000));
    assert_eq!((read.takes(), read.longest), (Some(4 * MS), 3_000 * MS));
    assert!(!read.stalls());
    pulse.begin(at(10_000));
    let read = |ms| pulse.read(at(ms));
    assert!(!read(11_000).stalls());
    assert!(read(11_001).stalls() && read(12_000).takes() == Some(2_000 * MS));
    assert!(!pulse.rests(at(60_000), MS), "it is at the disk yet");
}
