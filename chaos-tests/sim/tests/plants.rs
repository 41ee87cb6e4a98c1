//! Bugs that are planted on purpose are caught, by the invariant that is there for them; without them the same seeds pass.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use causeway_sim::plant::Plant;
use causeway_sim::simulate::{Run, World};

/// The first seed that catches it, and by what.
fn caught(plant: Plant, by: &[&str]) {
    for seed in 80..200 {
        let clean = Run::of(World::Log, seed);
        let planted = Run {
            plant: Some(plant),
            ..clean
        };
        let report = planted.run().unwrap();
        let found: Vec<&str> = report
            .violations
            .iter()
            .map(|found| found.invariant)
            .collect();
        if by.iter().any(|invariant| found.contains(invariant)) {
            // Its replay finds the same, and without the bug nothing is found.
            assert_eq!(planted.run().unwrap().history, report.history);
            assert_eq!(clean.run().unwrap().violations, []);
            return;
        }
    }
    panic!("{plant:?} was not caught by {by:?}");
}

#[test]
fn a_log_that_skips_fsync_loses_what_it_acknowledged() {
    caught(
        Plant::FsyncSkipped,
        // openraft sees a follower's log go back, and panics.
        &["acknowledged", "decided", "linearizable", "no_panic"],
    );
}

#[test]
fn a_pre_vote_that_is_always_granted_deposes_a_healthy_leader() {
    caught(Plant::PreVoteGranted, &["term_stable"]);
}

#[test]
fn a_stale_read_is_not_linearizable() {
    caught(Plant::StaleRead, &["linearizable"]);
}
