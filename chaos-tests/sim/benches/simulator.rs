//! How much a simulator of one core simulates: virtual hours and events a second; and what a quiet clusterset commits.

use std::time::{Duration, Instant};

use causeway_measure::Measure;
use causeway_sim::fleet::quiet::COUNTED;
use causeway_sim::simulate::{Run, World};

/// How long each world is measured.
const MEASURED: Duration = Duration::from_secs(10);

fn main() -> std::io::Result<()> {
    for (world, name) in [(World::Log, "log"), (World::Fleet, "fleet")] {
        // Once before, so that everything is in memory.
        Run::of(world, 1).run()?;
        let begun = Instant::now();
        let (mut seeds, mut events, mut lasted) = (0_u32, 0_u64, Duration::ZERO);
        while begun.elapsed() < MEASURED {
            let report = Run::of(world, 50_000 + u64::from(seeds)).run()?;
            seeds += 1;
            events += report.events;
            lasted += report.lasted;
        }
        let took = begun.elapsed().as_secs_f64();
        let say = |measure: &str, ours: f64, unit: &str| {
            Measure::of("simulator", format!("{measure}, {name}"), ours, unit).print();
        };
        say(
            "virtual time in a second of one core",
            lasted.as_secs_f64() / 3600.0 / took,
            "h",
        );
        #[expect(clippy::cast_precision_loss, reason = "a rate, for people")]
        say("events in a second of one core", events as f64 / took, "");
        say("seeds in a second of one core", f64::from(seeds) / took, "");
    }
    quiet()
}

/// What a clusterset commits to which nothing happens, in an hour of its time.
fn quiet() -> std::io::Result<()> {
    let report = Run::of(World::Quiet, 1).run()?;
    let counted = report.history.lines().rev().find_map(|line| {
        let (_, text) = line.split_once(" quiet ")?;
        text.trim().split_once(' ')?.0.parse::<u64>().ok()
    });
    let entries = counted.ok_or_else(|| std::io::Error::other("nothing was counted"))?;
    #[expect(clippy::cast_precision_loss, reason = "a rate, for people")]
    let an_hour = entries as f64 * 3600.0 / COUNTED.as_secs_f64();
    let measure = "entries that a quiet clusterset commits in an hour";
    Measure::of("simulator", measure, an_hour, "")
        .aim("0")
        .print();
    Ok(())
}
