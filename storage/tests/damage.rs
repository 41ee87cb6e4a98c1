//! Damaged files are refused by name, with the remedy, and never read as data.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods
)]

mod common;

use std::path::Path;

use causeway_storage::Settings;
use common::{LIMIT, digest, member, node, open, try_open};

/// A folder with a log and a snapshot; returns the state's digest.
async fn filled(path: &Path) -> String {
    let settings = Settings {
        snapshot_every: 1_000,
        ..Settings::default()
    };
    let consensus = open(path, settings).await;
    consensus.bootstrap(node()).await.unwrap();
    for n in 0..30 {
        consensus
            .propose(member(&format!("member-{n}")))
            .await
            .unwrap();
    }
    consensus.snapshot().await;
    let clock = causeway_seam::real::env();
    let start = clock.now();
    while consensus.status().snapshot == 0 {
        assert!(clock.now().since(start) < LIMIT);
        clock.sleep(std::time::Duration::from_millis(5)).await;
    }
    let digest = digest(&consensus);
    consensus.stop().await;
    digest
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_snapshot_is_refused() {
    let temp = tempfile::tempdir().unwrap();
    filled(temp.path()).await;
    let files = std::fs::read_dir(temp.path())
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let file = files
        .into_iter()
        .find(|path| path.extension().is_some_and(|e| e == "snapshot"))
        .unwrap();
    let mut content = std::fs::read(&file).unwrap();
    let middle = content.len() / 2;
    content[middle] ^= 0x10;
    std::fs::write(&file, content).unwrap();
    let text = try_open(temp.path(), Settings::default())
        .await
        .unwrap_err()
        .to_string();
    assert!(
        text.contains(".snapshot") && text.contains("checksum") && text.contains("backup"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_database_is_refused() {
    let temp = tempfile::tempdir().unwrap();
    filled(temp.path()).await;
    let file = temp.path().join("log.redb");
    let content = std::fs::read(&file).unwrap();
    std::fs::write(&file, &content[..content.len() / 3]).unwrap();
    let text = try_open(temp.path(), Settings::default())
        .await
        .unwrap_err()
        .to_string();
    assert!(
        text.contains("log.redb") && text.contains("backup"),
        "{text}"
    );
}

/// A flipped bit either stands where nothing is read, and the state is what it was, or the folder is refused.
#[tokio::test(flavor = "multi_thread")]
async fn flipped_bits_in_the_database_never_change_the_state() {
    let temp = tempfile::tempdir().unwrap();
    let before = filled(temp.path()).await;
    let file = temp.path().join("log.redb");
    let whole = std::fs::read(&file).unwrap();
    // Spread over the file, the same in each run; mostly the part that is in use.
    let places = (0..60_usize).map(|n| (n * 7_919 + n * n * 131) % whole.len());
    let mut refused = 0;
    for at in places {
        let mut content = whole.clone();
        content[at] ^= 0x04;
        std::fs::write(&file, content).unwrap();
        match try_open(temp.path(), Settings::default()).await {
            Ok(consensus) => {
                consensus.recovered(LIMIT).await.unwrap();
                assert_eq!(digest(&consensus), before, "byte {at}");
                consensus.stop().await;
            }
            Err(error) => {
                let text = error.to_string();
                assert!(
                    text.contains("log.redb") || text.contains("log did not start"),
                    "{text}"
                );
                refused += 1;
            }
        }
    }
    assert!(refused > 0, "no flip was found in {} bytes", whole.len());
}
