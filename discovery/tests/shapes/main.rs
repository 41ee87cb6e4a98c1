//! Detectors judged by shapes of trouble, hundreds of seeds each: no false move, no missed loss.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    dead_code
)]

mod detectors;
mod fleet;
mod network;
mod witnesses;

use causeway_api::verdict::Subject;
use detectors::Kind;
use fleet::run;
use network::{OBSERVERS, SHAPES};
use witnesses::{THREE, TWO, TWO_SPLIT, Trouble};

/// How much later than without witnesses inside a loss may be concluded, in milliseconds: a session is given up later than a
/// gateway is suspected, and the silence of its agent counts from then on.
const LATER_MS: u64 = 2_500;

/// The first seed; `FIRST_SEED` asks for others.
fn first() -> u64 {
    let asked = std::env::var("FIRST_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    asked.unwrap_or(0)
}

/// Seeds of each shape; `SEEDS` asks for more, and `cargo xtask bench suspicion` takes others.
fn seeds() -> u64 {
    let asked = std::env::var("SEEDS")
        .ok()
        .and_then(|seeds| seeds.parse().ok());
    asked.unwrap_or(200)
}

/// Every shape that is `at` in a round of four: apart, so that they run on several cores.
fn a_quorum_makes_no_false_move_and_misses_no_loss(at: usize) {
    for shape in SHAPES.into_iter().skip(at).step_by(4) {
        for seed in first()..first() + seeds() {
            let score = run(shape, seed, Kind::Adaptive, OBSERVERS.len());
            let good = score.false_moves == 0 && score.missed == 0 && score.hasty == 0;
            assert!(good, "{shape:?} with seed {seed}: {score:?}");
        }
    }
}

#[test]
fn no_false_move_and_no_missed_loss_in_shapes_1() {
    a_quorum_makes_no_false_move_and_misses_no_loss(0);
}

#[test]
fn no_false_move_and_no_missed_loss_in_shapes_2() {
    a_quorum_makes_no_false_move_and_misses_no_loss(1);
}

#[test]
fn no_false_move_and_no_missed_loss_in_shapes_3() {
    a_quorum_makes_no_false_move_and_misses_no_loss(2);
}

#[test]
fn no_false_move_and_no_missed_loss_in_shapes_4() {
    a_quorum_makes_no_false_move_and_misses_no_loss(3);
}

#[test]
fn witnesses_that_fell_with_their_region_do_not_delay_its_loss() {
    let mut worst = std::collections::BTreeMap::new();
    for (layout, name) in [(TWO, "two"), (TWO_SPLIT, "two, split"), (THREE, "three")] {
        for seed in first()..first() + seeds() {
            let dark = Trouble::Dark(60_000);
            let alone = witnesses::run(layout, dark, seed, false).lost;
            let with = witnesses::run(layout, dark, seed, true).lost;
            let members = layout.members.iter().enumerate();
            let due: Vec<Subject> = members
                .filter(|(_, region)| **region == 1)
                .map(|(at, _)| witnesses::gateway(at))
                .collect();
            let found: Vec<Subject> = with.keys().cloned().collect();
            assert_eq!(found, due, "{name} with seed {seed}");
            for (subject, at) in with {
                let later = at.saturating_sub(alone[&subject]);
                let row = worst.entry(name).or_insert((0, 0));
                *row = (*row).max((later, seed));
            }
        }
    }
    for (name, (later, seed)) in worst {
        assert!(later <= LATER_MS, "{name}: {later} ms with seed {seed}");
    }
}

#[test]
fn silence_that_is_shorter_than_the_hold_moves_nothing() {
    for seed in first()..first() + seeds() {
        for layout in [TWO, TWO_SPLIT] {
            for trouble in [
                // The region goes dark for a moment.
                Trouble::Dark(9_000),
                // Outside nobody reaches it while its own agents do, and these restart.
                Trouble::GatewaysOnly(60_000, 0),
                Trouble::GatewaysOnly(60_000, 9_000),
            ] {
                let lost = witnesses::run(layout, trouble, seed, true).lost;
                assert_eq!(lost.len(), 0, "{trouble:?} with seed {seed}: {lost:?}");
            }
        }
        for layout in [TWO, TWO_SPLIT, THREE] {
            for percent in [5, 20, 40] {
                let trouble = Trouble::Grey(percent, 30_000);
                let lost = witnesses::run(layout, trouble, seed, true).lost;
                assert_eq!(lost.len(), 0, "{trouble:?} with seed {seed}: {lost:?}");
            }
        }
    }
}
