//! False moves, missed losses and false votes on the same traces: our detector, a fixed timeout, plain phi accrual, and
//! three failures in a row, with parameters by which each takes equally long to find a loss on a good path.
//!
//! Seeds begin at a million: only the first five of them were looked at while the detector was made. `SEEDS` asks for more than 300 of each
//! shape.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    dead_code,
    missing_docs
)]

#[path = "../../tests/shapes/detectors.rs"]
mod detectors;
#[path = "../../tests/shapes/fleet.rs"]
mod fleet;
#[path = "../../tests/shapes/network.rs"]
mod network;

use causeway_measure::Measure;
use detectors::Kind;
use fleet::{Score, run};
use network::{OBSERVERS, SHAPES, Shape};

/// The first seed.
const FIRST: u64 = 1_000_000;

fn main() {
    let asked = std::env::var("SEEDS")
        .ok()
        .and_then(|seeds| seeds.parse().ok());
    let seeds: u64 = asked.unwrap_or(300);
    let kinds = [
        ("ours", Kind::Adaptive),
        ("a timeout", Kind::Timeout(2_050)),
        ("phi accrual", Kind::Phi(26.0)),
        ("three in a row", Kind::InARow(3)),
    ];
    let all: Vec<(&str, Total)> = kinds
        .iter()
        .map(|(name, kind)| (*name, total(*kind, seeds)))
        .collect();
    let (_, ours) = &all[0];
    for (name, theirs) in &all[1..] {
        let rows = [
            (
                "a loss on a good path is voted on after, median",
                ours.detection(),
                theirs.detection(),
                "ms",
                None,
            ),
            (
                "false moves of a quorum",
                f64::from(ours.quorum.false_moves),
                f64::from(theirs.quorum.false_moves),
                "moves",
                Some("0"),
            ),
            (
                "missed losses of a quorum",
                f64::from(ours.quorum.missed),
                f64::from(theirs.quorum.missed),
                "losses",
                Some("0"),
            ),
            (
                "moves within a hold-down of a quorum",
                f64::from(ours.quorum.hasty),
                f64::from(theirs.quorum.hasty),
                "moves",
                Some("0"),
            ),
            (
                "false moves of one observer alone",
                f64::from(ours.alone.false_moves),
                f64::from(theirs.alone.false_moves),
                "moves",
                None,
            ),
            (
                "false votes",
                f64::from(ours.quorum.false_votes),
                f64::from(theirs.quorum.false_votes),
                "votes",
                None,
            ),
            (
                "changes of votes",
                f64::from(ours.quorum.votes),
                f64::from(theirs.quorum.votes),
                "votes",
                None,
            ),
        ];
        for (measure, ours, peer, unit, aim) in rows {
            let measure = format!("{measure}, beside {name}");
            Measure::of("suspicion", measure, ours, unit)
                .beside(peer)
                .aim(aim)
                .print();
        }
    }
}

#[derive(Default)]
struct Total {
    quorum: Score,
    alone: Score,
    detection_ms: Vec<u64>,
}

impl Total {
    fn detection(&self) -> f64 {
        let mut all = self.detection_ms.clone();
        all.sort_unstable();
        all.get(all.len() / 2).map_or(0.0, |ms| *ms as f64)
    }
}

fn total(kind: Kind, seeds: u64) -> Total {
    let mut total = Total::default();
    for shape in SHAPES {
        let mut of_shape = Score::default();
        let mut of_alone = Score::default();
        for seed in FIRST..FIRST + seeds {
            let score = run(shape, seed, kind, OBSERVERS.len());
            if shape == Shape::RegionDark || shape == Shape::GatewayOnly {
                total.detection_ms.extend(&score.detection_ms);
            }
            add(&mut of_shape, &score);
            // One observer in the first region: what it cannot tell from a loss is no fault of a detector.
            if !matches!(shape, Shape::Pair | Shape::OneWay) {
                add(&mut of_alone, &run(shape, seed, kind, 1));
            }
        }
        eprintln!(
            "{kind:?} {shape:?}: quorum {} false moves, {} missed, {} hasty, {} false votes, {} votes; alone {} false moves, {} missed",
            of_shape.false_moves,
            of_shape.missed,
            of_shape.hasty,
            of_shape.false_votes,
            of_shape.votes,
            of_alone.false_moves,
            of_alone.missed
        );
        add(&mut total.quorum, &of_shape);
        add(&mut total.alone, &of_alone);
    }
    total
}

fn add(sum: &mut Score, score: &Score) {
    sum.false_moves += score.false_moves;
    sum.missed += score.missed;
    sum.hasty += score.hasty;
    sum.false_votes += score.false_votes;
    sum.votes += score.votes;
}
