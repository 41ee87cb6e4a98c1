//! The disk itself: what survives, what is torn, what is refused.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use causeway_seam::Disk;

use crate::{Bug, FaultyDisk, SECTOR_BYTES, Survival, Trouble};

const NAME: &str = "file";

/// A database's file of four sectors of ones, synced; then twos, not synced.
fn half_written(seed: u64) -> FaultyDisk {
    let disk = FaultyDisk::new("test", seed);
    let file = disk.database(NAME).unwrap();
    file.write(0, &[1; 4 * SECTOR_BYTES]).unwrap();
    file.sync_data().unwrap();
    file.write(0, &[2; 2 * SECTOR_BYTES]).unwrap();
    file.write(2 * 512, &[2; 2 * SECTOR_BYTES]).unwrap();
    disk
}

fn sectors(disk: &FaultyDisk) -> Vec<u8> {
    let content = disk.read(NAME).unwrap().unwrap();
    let sectors: Vec<&[u8]> = content.chunks(SECTOR_BYTES).collect();
    assert!(
        sectors.iter().all(|s| s.iter().all(|byte| *byte == s[0])),
        "a sector is whole"
    );
    sectors.iter().map(|sector| sector[0]).collect()
}

#[test]
fn what_survives_is_as_told() {
    let after = |survival, seed| sectors(&half_written(seed).restart(survival));
    assert_eq!(after(Survival::Nothing, 1), [1, 1, 1, 1]);
    assert_eq!(after(Survival::Everything, 1), [2, 2, 2, 2]);
    let all = |survival| {
        let mut seen: Vec<Vec<u8>> = (0..200).map(|seed| after(survival, seed)).collect();
        seen.sort();
        seen.dedup();
        seen
    };
    assert_eq!(all(Survival::Some).len(), 4, "two writes, whole or not");
    assert_eq!(all(Survival::Torn).len(), 16, "four sectors, each or not");
    let prefixes = all(Survival::Prefix);
    assert!(
        prefixes.contains(&vec![2, 2, 1, 1]) && !prefixes.contains(&vec![1, 2, 2, 2]),
        "{prefixes:?}"
    );
    assert_eq!(
        after(Survival::Torn, 9),
        after(Survival::Torn, 9),
        "a seed decides"
    );
}

#[test]
fn a_killed_process_loses_nothing_and_the_power_still_may() {
    let disk = half_written(3).kill();
    assert_eq!(sectors(&disk), [2, 2, 2, 2]);
    assert_eq!(sectors(&disk.restart(Survival::Nothing)), [1, 1, 1, 1]);
}

#[test]
fn the_power_goes_at_the_chosen_operation_and_the_old_process_is_gone() {
    let disk = FaultyDisk::new("test", 1);
    let file = disk.database(NAME).unwrap();
    assert_eq!(disk.operations(), 2);
    disk.cut_power_at(3);
    file.write(0, &[1; SECTOR_BYTES]).unwrap();
    file.sync_data().unwrap_err();
    file.write(0, &[2; SECTOR_BYTES]).unwrap_err();
    assert!(!disk.has_power());
    let next = disk.restart(Survival::Everything);
    assert_eq!(sectors(&next), [1]);
    file.write(0, &[2; SECTOR_BYTES]).unwrap_err();
    let again = next.database(NAME).unwrap();
    drop(file);
    assert!(next.database(NAME).is_err(), "the next process has it open");
    drop(again);
    next.database(NAME).unwrap();
}

/// At every moment of a replacement a file has its old content or its new one; and the planted bugs show.
#[test]
fn a_replaced_file_is_whole_at_every_moment() {
    let broken = |bug: Option<Bug>| {
        let disk = FaultyDisk::new("test", 1);
        disk.replace(NAME, &[1; 2_000]).unwrap();
        if let Some(bug) = bug {
            disk.plant(bug);
        }
        disk.record();
        disk.replace(NAME, &[2; 3_000]).unwrap();
        let history = disk.history();
        let mut broken = Vec::new();
        for moment in history.moments() {
            for survival in Survival::ALL {
                for seed in 0..20 {
                    let (disk, _) = moment.cut(survival, seed);
                    let content = disk.read(NAME).unwrap().unwrap_or_default();
                    let done = moment.operations() == u64::try_from(history.len()).unwrap();
                    let fine = content == [2; 3_000] || (content == [1; 2_000] && !done);
                    if !fine {
                        broken.push((moment.operations(), survival));
                    }
                }
            }
        }
        broken
    };
    assert_eq!(broken(None), []);
    assert!(!broken(Some(Bug::RenameBeforeSync)).is_empty());
    assert!(!broken(Some(Bug::FolderSyncSkipped)).is_empty());
}

#[test]
fn a_full_disk_refuses_and_keeps_room_for_nothing_half_done() {
    let disk = FaultyDisk::new("test", 1);
    disk.set_capacity(Some(2_500));
    disk.replace(NAME, &[1; 1_000]).unwrap();
    let error = disk.replace(NAME, &[2; 2_000]).unwrap_err().to_string();
    assert!(
        error.contains("no space left") && error.contains("free space"),
        "{error}"
    );
    assert_eq!(disk.list().unwrap(), [NAME]);
    assert_eq!(disk.used(), 1_000);
    disk.replace(NAME, &[3; 1_400]).unwrap();
}

#[test]
fn a_failed_sync_leaves_its_writes_in_doubt_for_good() {
    let disk = half_written(1);
    disk.lock().open.clear();
    let file = disk.database(NAME).unwrap();
    disk.fail(Trouble::Syncs);
    file.sync_data().unwrap_err();
    disk.heal();
    file.sync_data().unwrap();
    assert_eq!(sectors(&disk), [2, 2, 2, 2], "as long as the cache lives");
    assert_eq!(sectors(&disk.restart(Survival::Nothing)), [1, 1, 1, 1]);
}

#[test]
fn troubles_are_told_apart() {
    let disk = half_written(1);
    disk.fail(Trouble::Reads);
    assert!(disk.read(NAME).is_err());
    disk.heal();
    disk.fail(Trouble::ReadOnly);
    let error = disk.replace(NAME, b"x").unwrap_err().to_string();
    assert!(error.contains("read-only"), "{error}");
    disk.heal();
    assert!(disk.flip(NAME, 8 * 600));
    assert_eq!(disk.read(NAME).unwrap().unwrap()[600], 3);
    assert!(disk.cut(NAME, 512) && !disk.flip(NAME, 8 * 600));
}
