//! Space that the log no longer needs goes back to the file system when the replica starts.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods
)]

mod common;

use causeway_api::spec::MemberSpec;
use causeway_state::Command;
use causeway_storage::Settings;
use common::{LIMIT, digest, node, open};

/// A declaration of about a hundred kilobytes.
fn large(number: usize) -> Command {
    let mut spec = MemberSpec::minimal("large".parse().unwrap());
    let domain = |n: usize| format!("domain-{number:04}-{n:06}").parse().unwrap();
    spec.failure_domains = (0..5_000).map(domain).collect();
    Command::PutMember(spec)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_purged_is_given_back_at_the_next_start() {
    let temp = tempfile::tempdir().unwrap();
    let settings = Settings {
        snapshot_every: 100_000,
        keep_entries: 0,
        ..Settings::default()
    };
    let size = || {
        std::fs::metadata(temp.path().join("log.redb"))
            .unwrap()
            .len()
    };
    let consensus = open(temp.path(), settings.clone()).await;
    consensus.bootstrap(node()).await.unwrap();
    for number in 0..150 {
        consensus.propose(large(number)).await.unwrap();
    }
    let full = size();
    assert!(full > 15_000_000, "{full}");
    consensus.snapshot().await;
    let clock = causeway_seam::real::env();
    let start = clock.now();
    while consensus.status().purged < 100 {
        assert!(clock.now().since(start) < LIMIT, "{:?}", consensus.status());
        clock.sleep(std::time::Duration::from_millis(10)).await;
    }
    let state = digest(&consensus);
    consensus.stop().await;
    drop(consensus);

    let consensus = open(temp.path(), settings).await;
    consensus.recovered(LIMIT).await.unwrap();
    let left = size();
    assert!(left < full / 2, "{full} bytes before, {left} after");
    assert_eq!(digest(&consensus), state);
    consensus.propose(large(999)).await.unwrap();
    consensus.stop().await;
}
