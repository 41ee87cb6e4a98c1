//! Seeds of every world: what must hold does. A failure prints the one command that replays it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use causeway_faults::part_of;
use causeway_sim::simulate::{Run, World};

fn hold(world: World, seeds: impl Iterator<Item = u64>) {
    let mut failed = Vec::new();
    for seed in seeds {
        let run = Run::of(world, seed);
        let report = run.run().unwrap();
        if let Some(violation) = report.violations.first() {
            failed.push(format!(
                "seed {seed}: {violation}\n  replay it: {}",
                run.command()
            ));
        }
    }
    assert!(failed.is_empty(), "\n{}", failed.join("\n"));
}

// Apart, so that they run on several cores.
#[test]
fn the_log_holds_1() {
    hold(World::Log, 0..100);
}

#[test]
fn the_log_holds_2() {
    hold(World::Log, 100..200);
}

#[test]
fn the_fleet_holds_1() {
    hold(World::Fleet, 0..100);
}

#[test]
fn the_fleet_holds_2() {
    hold(World::Fleet, 100..200);
}

#[test]
#[ignore = "takes many minutes: part of `cargo xtask verify --long`"]
fn many_seeds_hold_1() {
    hold(World::Log, part_of(10_000..11_000));
    hold(World::Fleet, part_of(10_000..10_250));
}

#[test]
#[ignore = "takes many minutes: part of `cargo xtask verify --long`"]
fn many_seeds_hold_2() {
    hold(World::Log, part_of(11_000..12_000));
    hold(World::Fleet, part_of(10_250..10_500));
}
