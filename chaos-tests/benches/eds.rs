//! From a change of an EndpointSlice in one cluster to what istiod tells a proxy in another: fed by Causeway, against an
//! istiod that reads the first cluster by itself through a remote secret. `cargo xtask bench eds`.
//!
//! Both istiods see the same changes at the same time. Quiet: one change at a time. Under churn: how old what a proxy was
//! told last is, looked at every few milliseconds: the time since the first change that it doesn't know of.

#![allow(clippy::indexing_slicing, dead_code)]

mod support;

use std::time::{Duration, Instant};

use support::{Caller, Stage, median, ms, paired, print, quantile};
use tokio::time::{MissedTickBehavior, interval, sleep};

const BENCH: &str = "eds";
const ROUNDS: usize = 30;
const WARM_UP: usize = 3;
/// Longer than istiod waits for more changes.
const REST: Duration = Duration::from_millis(400);
/// Changes under churn, and how many a second.
const CHANGES: usize = 750;
const RATE: u32 = 50;
/// How often the proxies' knowledge is looked at.
const LOOK: Duration = Duration::from_millis(5);

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    for (debounce, words) in [(None, "default debounce"), (Some("0"), "debounce 0")] {
        let stage = Box::pin(Stage::start(debounce)).await?;
        stage.add_peer().await?;
        let [ours, peer] = [stage.caller(2).await?, stage.caller(3).await?];
        quiet(&stage, [&ours, &peer], words).await?;
        Box::pin(churn(&stage, [&ours, &peer], words)).await?;
    }
    Ok(())
}

async fn quiet(stage: &Stage, callers: [&Caller; 2], words: &str) -> anyhow::Result<()> {
    let mut times = [const { Vec::new() }; 2];
    for round in 0..WARM_UP + ROUNDS {
        let count = u32::try_from(5 + round % 40)?;
        sleep(REST).await;
        let written = tokio::time::Instant::now();
        stage.web.ready(count as usize).await?;
        for (caller, times) in callers.iter().zip(&mut times) {
            let told = caller.told("web", |found| found == count).await?;
            if round >= WARM_UP {
                times.push(ms(told.duration_since(written)));
            }
        }
    }
    let [ours, peer] = times;
    let ratio = (Some(paired(&ours, &peer)), None);
    print(
        BENCH,
        &format!("quiet, {words}: change → told, median"),
        (median(&ours), Some(median(&peer))),
        "ms",
        ratio,
    );
    let [ours, peer] = [ours, peer].map(|times| quantile(&times, 1.0));
    print(
        BENCH,
        &format!("quiet, {words}: change → told, longest"),
        (ours, Some(peer)),
        "ms",
        (Some(ours / peer), None),
    );
    Ok(())
}

/// A change's number is told in two digits: the ready endpoints of `tens` and `web`, less one.
const BASE: usize = 50;

async fn churn(stage: &Stage, callers: [&Caller; 2], words: &str) -> anyhow::Result<()> {
    stage.tens.ready(1).await?;
    stage.web.ready(1).await?;
    for caller in callers {
        caller.told("tens", |count| count == 1).await?;
        caller.told("web", |count| count == 1).await?;
    }
    sleep(Duration::from_secs(1)).await;
    let before = callers.map(|caller| caller.now("web").pushes);

    // The times at which changes were written; number 0 was there before.
    let mut written = vec![Instant::now()];
    let mut ages = [const { Vec::new() }; 2];
    let mut numbers = [0; 2];
    let mut changes = interval(Duration::from_secs(1) / RATE);
    changes.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let writer = async {
        let (say, written) = tokio::sync::mpsc::unbounded_channel();
        let work = async move {
            for number in 1..=CHANGES {
                changes.tick().await;
                let _ = say.send(Instant::now());
                if number % BASE == 0 {
                    stage.tens.ready(1 + number / BASE).await?;
                }
                stage.web.ready(1 + number % BASE).await?;
            }
            anyhow::Ok(())
        };
        (work, written)
    };
    let (work, mut said) = writer.await;
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            biased;
            done = &mut work => { done?; break }
            _ = looks.tick() => {
                while let Ok(at) = said.try_recv() {
                    written.push(at);
                }
                for ((caller, ages), number) in callers.iter().zip(&mut ages).zip(&mut numbers) {
                    *number = known(caller, *number, written.len() - 1);
                    ages.push(ms(age(&written, *number)));
                }
            }
        }
    }
    let pushes = [0, 1].map(|at| callers[at].now("web").pushes - before[at]);
    let passed = written.first().map(Instant::elapsed).unwrap_or_default();
    eprintln!(
        "{CHANGES} changes in {:.1} s; {} pushes by ours, {} by the peer",
        passed.as_secs_f64(),
        pushes[0],
        pushes[1]
    );

    let name = |what: &str| format!("{RATE} changes/s, {words}: {what}");
    for (what, part) in [
        ("age of what is known, median", 0.5),
        ("age of what is known, longest", 1.0),
    ] {
        let [ours, peer] = [0, 1].map(|at| quantile(&ages[at], part));
        print(
            BENCH,
            &name(what),
            (ours, Some(peer)),
            "ms",
            (Some(ours / peer), None),
        );
    }
    #[allow(clippy::cast_precision_loss)]
    let [ours, peer] = pushes.map(|count| count as f64);
    print(BENCH, &name("pushes"), (ours, Some(peer)), "", (None, None));
    let last = u32::try_from(1 + CHANGES % BASE)?;
    for caller in callers {
        caller.told("web", |count| count == last).await?;
    }
    Ok(())
}

/// The number of the last change that a caller knows of, where it knew of `before` already and `last` is the last that was
/// written.
fn known(caller: &Caller, before: usize, last: usize) -> usize {
    let digit = |service| (caller.now(service).count as usize).saturating_sub(1);
    let number = digit("tens") * BASE + digit("web");
    // Where one digit came without the other, it is off by one turn: nobody knows of the future, or forgets.
    if number > last {
        number.saturating_sub(BASE).max(before)
    } else if number < before {
        (number + BASE).clamp(before, last)
    } else {
        number
    }
}

/// How long there's been something newer than the change of this number.
fn age(written: &[Instant], known: usize) -> Duration {
    written
        .get(known + 1)
        .map(Instant::elapsed)
        .unwrap_or_default()
}
