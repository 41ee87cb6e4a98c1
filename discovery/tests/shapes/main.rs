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

use detectors::Kind;
use fleet::run;
use network::{OBSERVERS, SHAPES};

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
        for seed in 0..seeds() {
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
