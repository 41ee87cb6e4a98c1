//! Bugs that are planted on purpose are caught, by the invariant that is there for them; without them the same seeds pass.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use causeway_sim::plant::Plant;
use causeway_sim::simulate::{Run, World};

/// The first seed that catches it, and by what.
fn caught(plant: Plant, by: &[&str]) {
    caught_in(World::Log, 80, plant, by);
}

fn caught_in(world: World, from: u64, plant: Plant, by: &[&str]) {
    for seed in from..from + 120 {
        let clean = Run::of(world, seed);
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

#[test]
fn facts_that_are_lost_between_replicas_do_not_converge() {
    // Where the beginning fails already, it says why.
    caught_in(
        World::Fleet,
        0,
        Plant::FactsLost,
        &["facts_equal", "begins"],
    );
}

#[test]
fn writes_that_do_not_say_what_they_replace_put_an_older_generation_over_a_newer_one() {
    caught_in(World::Fleet, 0, Plant::UnguardedWrite, &["generations"]);
}

#[test]
fn a_fleet_whose_logs_skip_fsync_loses_what_it_acknowledged() {
    // What a database cannot repair it does not start from.
    let by = [
        "acknowledged",
        "decided",
        "linearizable",
        "no_panic",
        "states_equal",
        "healed",
        "restarts",
    ];
    caught_in(World::Fleet, 1, Plant::FsyncSkipped, &by);
}
