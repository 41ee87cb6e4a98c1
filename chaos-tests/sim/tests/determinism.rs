//! The same seed gives the same bytes, in two processes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::process::Command;

/// The histories of many seeds, from a process of its own that runs as many of them at once.
fn histories(world: &str, seeds: u64, jobs: u64) -> Vec<u8> {
    let output = Command::new(env!("CARGO_BIN_EXE_causeway-simulate"))
        .args([
            "--world",
            world,
            "--histories",
            "--seeds",
            &seeds.to_string(),
        ])
        .args(["--from", "1000", "--jobs", &jobs.to_string()])
        .output()
        .expect("the simulator starts");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

fn same(world: &str, seeds: u64) {
    let first = histories(world, seeds, 1);
    let second = histories(world, seeds, 2);
    assert!(first.len() > 10_000);
    if first != second {
        let lines = |bytes: &[u8]| {
            String::from_utf8_lossy(bytes)
                .lines()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let (first, second) = (lines(&first), lines(&second));
        let at = first.iter().zip(&second).position(|(a, b)| a != b);
        panic!(
            "line {at:?} differs: {:?}",
            at.map(|at| (first.get(at), second.get(at)))
        );
    }
}

#[test]
fn the_log_s_histories_are_the_same_bytes() {
    same("log", 10);
}

#[test]
fn the_fleet_s_histories_are_the_same_bytes() {
    same("fleet", 3);
}
