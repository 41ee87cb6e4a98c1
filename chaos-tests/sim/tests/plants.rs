//! Bugs that are planted on purpose are caught, by the invariant that is there for them; without them the same seeds pass.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use causeway_sim::plant::Plant;
use causeway_sim::simulate::{Run, World};

/// The first seed that catches it, and by what.
fn caught(plant: Plant, by: &[&str]) {
    caught_in(World::Log, 80, plant, by);
}

fn caught_in(world: World, from: u64, plant: Plant, by: &[&str]) {
    catch(world, from, plant, by, |found| {
        by.iter().any(|invariant| found.contains(invariant))
    });
}

/// The same, by each of these.
fn all_caught_in(world: World, from: u64, plant: Plant, by: &[&str]) {
    catch(world, from, plant, by, |found| {
        by.iter().all(|invariant| found.contains(invariant))
    });
}

fn catch(world: World, from: u64, plant: Plant, by: &[&str], enough: impl Fn(&[&str]) -> bool) {
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
        if enough(&found) {
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

// Of those below the first seed is one that is known to catch it; later ones are played where it no longer does.

#[test]
fn changes_of_networks_that_are_lost_on_the_way_leave_agents_behind() {
    // Where the beginning fails already, it says so.
    let by = ["newest_view", "begins"];
    caught_in(World::Fleet, 0, Plant::ViewsLost, &by);
}

#[test]
fn entries_that_are_made_anew_leave_callers_without_any() {
    caught_in(
        World::Fleet,
        12,
        Plant::RewrittenFromNothing,
        &["not_empty"],
    );
}

#[test]
fn time_that_has_not_passed_is_seen() {
    caught_in(World::Fleet, 0, Plant::HastyTime, &["honest_time"]);
}

#[test]
fn who_returns_too_early_is_seen_by_verdicts_by_services_that_move_twice_and_by_what_flaps() {
    let (world, plant) = (World::Fleet, Plant::HoldDownMisread);
    all_caught_in(world, 10, plant, &["hold_down", "one_move", "no_flap"]);
}

#[test]
fn endpoints_that_are_counted_on_for_more_than_they_carry_are_overfilled() {
    caught_in(World::Fleet, 0, Plant::CapacityMisread, &["carries"]);
}

#[test]
fn gateways_that_are_counted_on_for_more_than_they_carry_are_overfilled() {
    caught_in(World::Fleet, 1, Plant::GatewayMisread, &["gateways"]);
}

#[test]
fn without_a_limit_more_moves_than_it_allows() {
    caught_in(World::Fleet, 53, Plant::LimitLost, &["velocity"]);
}

#[test]
fn an_evacuation_that_is_only_rehearsed_evacuates_nothing() {
    caught_in(
        World::Fleet,
        12,
        Plant::EvacuationRehearsed,
        &["shifts_kept"],
    );
}
