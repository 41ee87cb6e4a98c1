//! How long a replica takes to start: with 10⁵ entries in its log, and with a snapshot of 50 MiB. `cargo xtask bench restart`.
//!
//! From opening the data folder until all that was decided is in force. The floor is reading the bytes of the folder's files
//! once, from the same cache of the operating system.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::cast_precision_loss
)]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use causeway_api::ReplicaId;
use causeway_api::spec::MemberSpec;
use causeway_measure::{Measure, median, paired};
use causeway_seam::real::{Folder, env};
use causeway_state::Command;
use causeway_storage::{Consensus, NoPeers, ReplicaNode, Settings};
use tokio::task::JoinSet;

const ENTRIES: u64 = 100_000;
/// Bytes of a command in the long log.
const SMALL: usize = 256;
const SNAPSHOT_BYTES: u64 = 50 << 20;
const LARGE: usize = 100_000;
const ROUNDS: usize = 9;
const LIMIT: Duration = Duration::from_secs(120);

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let temp = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let long = temp.path().join("log");
        fill(&long, ENTRIES, SMALL, 64, false).await;
        measure("10⁵ entries in the log", &long).await;
        let large = temp.path().join("snapshot");
        let members = SNAPSHOT_BYTES / LARGE as u64;
        fill(&large, members, LARGE, members, true).await;
        measure("a snapshot of 50 MiB", &large).await;
    });
}

async fn open(path: &Path) -> Consensus {
    let settings = Settings {
        // Only when asked for.
        snapshot_every: 10 * ENTRIES,
        keep_entries: 0,
        propose_limit: LIMIT,
        ..Settings::default()
    };
    let disk = Arc::new(Folder::open(path).unwrap());
    let opened = Consensus::open(env(), disk, ReplicaId(1), settings, Arc::new(NoPeers));
    opened.await.unwrap()
}

/// A folder of a replica that was stopped after so many commands of so many bytes, about so many members.
async fn fill(path: &Path, commands: u64, bytes: usize, members: u64, snapshot: bool) {
    let log = open(path).await;
    log.bootstrap(ReplicaNode::default()).await.unwrap();
    let mut tasks = JoinSet::new();
    for number in 0..commands {
        let mut spec = MemberSpec::minimal(format!("m-{:04}", number % members).parse().unwrap());
        let domain = |n: usize| format!("{number:012}-{n:06}").parse().unwrap();
        spec.failure_domains = (0..bytes / 20).map(domain).collect();
        let log = log.clone();
        tasks.spawn(async move {
            log.propose(Command::PutMember(spec)).await.unwrap();
        });
        if tasks.len() >= 64 {
            tasks.join_next().await.unwrap().unwrap();
        }
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    if snapshot {
        log.snapshot().await;
        let start = Instant::now();
        while log.status().purged < commands {
            assert!(start.elapsed() < LIMIT, "{:?}", log.status());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    log.stop().await;
}

async fn measure(what: &str, path: &Path) {
    let (mut ours, mut floor) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let mut bytes = 0;
        for file in std::fs::read_dir(path).unwrap() {
            bytes += std::fs::read(file.unwrap().path()).unwrap().len();
        }
        assert!(bytes > 1_000_000, "{bytes}");
        floor.push(start.elapsed().as_secs_f64() * 1e3);
        let start = Instant::now();
        let log = open(path).await;
        log.recovered(LIMIT).await.unwrap();
        ours.push(start.elapsed().as_secs_f64() * 1e3);
        log.stop().await;
    }
    Measure::of("restart", what, median(&ours), "ms")
        .beside(median(&floor))
        .ratio(paired(&ours, &floor))
        .print();
}
