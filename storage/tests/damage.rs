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

/// The journal may hold what was acknowledged last: without it, or with a part of it, nobody knows.
#[tokio::test(flavor = "multi_thread")]
async fn a_journal_that_is_gone_cut_or_altered_is_refused() {
    let temp = tempfile::tempdir().unwrap();
    filled(temp.path()).await;
    let file = temp.path().join("log.journal");
    let whole = std::fs::read(&file).unwrap();
    let mut altered = whole.clone();
    altered[9] ^= 0x10;
    let mut scribbled = whole.clone();
    scribbled[513] = 7;
    for (content, says) in [
        (&whole[..whole.len() / 2], "it was cut"),
        (&altered, "damaged"),
        (&scribbled, "the record at byte"),
    ] {
        std::fs::write(&file, content).unwrap();
        let text = refusal(temp.path()).await;
        let remedy = text.contains("log.journal") && text.contains("backup");
        assert!(remedy && text.contains(says), "{says}: {text}");
    }
    std::fs::remove_file(&file).unwrap();
    let text = refusal(temp.path()).await;
    assert!(
        text.contains("log.journal: it is not there") && text.contains("backup"),
        "{text}"
    );
    // Tables alone are half of a folder, and so is a journal that holds something.
    std::fs::write(&file, &scribbled).unwrap();
    for entry in std::fs::read_dir(temp.path()).unwrap() {
        let path = entry.unwrap().path();
        if path != file {
            std::fs::remove_file(path).unwrap();
        }
    }
    let text = refusal(temp.path()).await;
    assert!(text.contains("the database beside it is not"), "{text}");
}

/// Changes the database as nobody should.
fn tamper(path: &Path, change: impl FnOnce(&redb::WriteTransaction)) {
    let database = redb::Database::open(path.join("log.redb")).unwrap();
    let write = database.begin_write().unwrap();
    change(&write);
    write.commit().unwrap();
}

const LOG: redb::TableDefinition<'_, u64, &[u8]> = redb::TableDefinition::new("log");
const META: redb::TableDefinition<'_, &str, &[u8]> = redb::TableDefinition::new("meta");

async fn refusal(path: &Path) -> String {
    let opened = try_open(path, Settings::default()).await;
    opened.unwrap_err().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_with_a_hole_is_refused() {
    let temp = tempfile::tempdir().unwrap();
    filled(temp.path()).await;
    tamper(temp.path(), |write| {
        let mut log = write.open_table(LOG).unwrap();
        log.remove(17).unwrap().unwrap();
    });
    let text = refusal(temp.path()).await;
    assert!(
        text.contains("log.redb") && text.contains("hole") && text.contains("backup"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_was_changed_is_refused() {
    let temp = tempfile::tempdir().unwrap();
    filled(temp.path()).await;
    // The last vote: a replica that read another one could vote twice.
    tamper(temp.path(), |write| {
        let mut meta = write.open_table(META).unwrap();
        let vote = redb::ReadableTable::get(&meta, "vote");
        let mut row = vote.unwrap().unwrap().value().to_vec();
        *row.last_mut().unwrap() ^= 1;
        meta.insert("vote", row.as_slice()).unwrap();
    });
    let text = refusal(temp.path()).await;
    assert!(
        text.contains("checksum") && text.contains("backup"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_of_another_version_is_refused() {
    let temp = tempfile::tempdir().unwrap();
    filled(temp.path()).await;
    for (format, says) in [(2, "before the first release"), (4, "upgrade")] {
        tamper(temp.path(), |write| {
            let mut meta = write.open_table(META).unwrap();
            // Form 1 of a row: its version, its CRC-32 with the version in front, (format, replica 1) by postcard.
            let mut sum = crc32fast::Hasher::new();
            sum.update(&[1, format, 1]);
            let row = [&[1][..], &sum.finalize().to_le_bytes(), &[format, 1]].concat();
            meta.insert("owner", row.as_slice()).unwrap();
        });
        let text = refusal(temp.path()).await;
        let format = format!("format {format}");
        assert!(text.contains(&format) && text.contains(says), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn half_of_a_folder_is_refused() {
    let temp = tempfile::tempdir().unwrap();
    filled(temp.path()).await;
    let snapshot = std::fs::read_dir(temp.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|e| e == "snapshot"))
        .unwrap();
    let log = temp.path().join("log.redb");
    let aside = temp.path().join("aside");
    std::fs::rename(&log, &aside).unwrap();
    let text = refusal(temp.path()).await;
    assert!(
        text.contains("log.redb: it is not there") && text.contains("backup"),
        "{text}"
    );
    std::fs::rename(&aside, &log).unwrap();
    // What the log no longer has is in the snapshot alone.
    tamper(temp.path(), |write| {
        let mut log = write.open_table(LOG).unwrap();
        log.retain_in(..=10, |_, _| false).unwrap();
        let mut meta = write.open_table(META).unwrap();
        let mut sum = crc32fast::Hasher::new();
        sum.update(&[1, 1, 10]);
        let row = [&[1][..], &sum.finalize().to_le_bytes(), &[1, 10]].concat();
        meta.insert("purged", row.as_slice()).unwrap();
    });
    std::fs::remove_file(snapshot).unwrap();
    let text = refusal(temp.path()).await;
    assert!(
        text.contains("a snapshot is missing") && text.contains("entry 10"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_in_use_and_one_of_another_replica_are_refused() {
    let temp = tempfile::tempdir().unwrap();
    let running = common::open(temp.path(), Settings::default()).await;
    let text = refusal(temp.path()).await;
    assert!(text.contains("Another process has it open"), "{text}");
    running.stop().await;
    drop(running);
    let disk = std::sync::Arc::new(causeway_seam::real::Folder::open(temp.path()).unwrap());
    let opened = causeway_storage::Consensus::open(
        causeway_seam::real::env(),
        disk,
        causeway_api::ReplicaId(2),
        Settings::default(),
        std::sync::Arc::new(causeway_storage::NoPeers),
    );
    let text = opened.await.unwrap_err().to_string();
    assert!(
        text.contains("of replica r1, and this is replica r2")
            && text.contains("never use an id twice"),
        "{text}"
    );
}
