//! Tests: the power is cut at every operation of a disk, with every kind of survival of what was not synced, and log
//! and snapshots are read again.
//!
//! * `workload`: what is done to log and snapshots: scripted, or from a seed;
//! * `run`: does it once, on a disk that remembers; what was acknowledged when;
//! * `judge`: opens what each loss of power leaves, and judges it;
//! * `whole`: the same for a whole replica: commands, snapshots, a replica that joins.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod judge;
mod run;
mod whole;
mod workload;

use causeway_faults::{Bug, Survival, part_of};

use judge::{Fault, Judge};
use run::run;
use workload::{random, scripted};

/// How many random workloads `verify` runs; more by this variable of the environment.
const SEEDS: u64 = 6;
const SEEDS_VARIABLE: &str = "CAUSEWAY_CRASH_SEEDS";

/// The seeds of the random workloads: a few, or as many as the environment says.
fn seeds(few: u64) -> std::ops::Range<u64> {
    let many = std::env::var(SEEDS_VARIABLE).ok();
    0..many.and_then(|text| text.parse().ok()).unwrap_or(few)
}

fn assert_sound(what: &str, faults: &[Fault]) {
    let first: Vec<String> = faults.iter().take(5).map(ToString::to_string).collect();
    assert!(
        faults.is_empty(),
        "{what}: {} faults, first: {}",
        faults.len(),
        first.join("\n")
    );
}

/// Each kind of change, alone and together, at every operation, with every kind of survival.
#[tokio::test(start_paused = true)]
async fn nothing_acknowledged_is_lost_at_any_operation_of_the_script() {
    let run = run(&scripted(), &[]).await;
    assert!(run.history.len() > 60, "{} operations", run.history.len());
    let mut judge = Judge::new(&run);
    let faults = judge.judge(&Survival::ALL, 1).await;
    assert_sound("the script", &faults);
}

#[tokio::test(start_paused = true)]
async fn nothing_acknowledged_is_lost_at_any_operation_of_random_workloads() {
    for seed in seeds(SEEDS) {
        let run = run(&random(seed, 40), &[]).await;
        let kinds = [Survival::Nothing, Survival::Some, Survival::Torn];
        let faults = Judge::new(&run).judge(&kinds, seed).await;
        assert_sound(
            &format!("seed {seed}: {SEEDS_VARIABLE}={}", seed + 1),
            &faults,
        );
    }
}

/// Many more of them: `cargo xtask verify --long`. In two halves, so that they run on two cores.
async fn many(half: usize) {
    // Every other one of this run's part.
    for seed in part_of(seeds(200)).skip(half).step_by(2) {
        let run = run(&random(1_000 + seed, 120), &[]).await;
        let faults = Judge::new(&run).judge(&Survival::ALL, seed).await;
        assert_sound(&format!("seed {}", 1_000 + seed), &faults);
    }
}

#[tokio::test(start_paused = true)]
#[ignore = "takes half an hour"]
async fn nothing_acknowledged_is_lost_in_many_random_workloads_1() {
    many(0).await;
}

#[tokio::test(start_paused = true)]
#[ignore = "takes half an hour"]
async fn nothing_acknowledged_is_lost_in_many_random_workloads_2() {
    many(1).await;
}

/// The test of the test: with fsync left out, acknowledged entries are lost or the database does not open.
#[tokio::test(start_paused = true)]
async fn a_skipped_fsync_is_seen() {
    let run = run(&scripted(), &[Bug::SyncSkipped]).await;
    let faults = Judge::new(&run).judge(&[Survival::Nothing], 1).await;
    assert!(
        faults
            .iter()
            .any(|fault| fault.reason.contains("acknowledged")),
        "{faults:?}"
    );
    let faults = Judge::new(&run).judge(&[Survival::Torn], 1).await;
    assert!(
        !faults.is_empty(),
        "torn writes without a sync between them"
    );
}

/// A snapshot that gets its name before its content is durable is found torn.
#[tokio::test(start_paused = true)]
async fn a_rename_before_fsync_is_seen() {
    for bug in [Bug::RenameBeforeSync, Bug::FolderSyncSkipped] {
        let run = run(&scripted(), &[bug]).await;
        let kinds = [Survival::Nothing, Survival::Some, Survival::Torn];
        let faults = Judge::new(&run).judge(&kinds, 1).await;
        assert!(
            faults.iter().any(|fault| fault.reason.contains("snapshot")),
            "{bug:?}: {faults:?}"
        );
    }
}

/// After a loss of power a flipped bit is refused by name, or stands where nothing is read; never is it data.
#[tokio::test(start_paused = true)]
async fn flipped_bits_are_refused_or_change_nothing() {
    let run = run(&random(77, 30), &[]).await;
    let (refused, faults) = Judge::new(&run).judge_flips(400, 5).await;
    assert_sound("flips", &faults);
    assert!(refused > 20, "only {refused} flips were found");
}
