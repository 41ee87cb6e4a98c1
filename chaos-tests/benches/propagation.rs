//! From a change of an EndpointSlice in one cluster to the object that follows from it in another, against the least that
//! it can take; and the CPU that a change costs. `cargo xtask bench propagation`.
//!
//! The floor is made of what anybody who carries the change over has to wait for, measured in the same round: the
//! delivery of that very write by a bare watch of the first cluster, and one server-side apply of a like object to the
//! second.

#![allow(clippy::indexing_slicing, dead_code)]

mod support;

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use causeway_chaos_tests::{causeway::declared, objects};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Value, json};
use support::{
    Caller, Stage, cpu, entry_name,
    floor::{self, Floor},
    median, ms, paired, print, quantile,
    watch::{self, Watch},
};
use tokio::{
    runtime::Builder,
    time::{MissedTickBehavior, interval, sleep},
};

const BENCH: &str = "propagation";
/// Rounds that count, after a few that warm up.
const ROUNDS: usize = 60;
const WARM_UP: usize = 5;
/// Between rounds, so that none meets what the one before left to do.
const REST: Duration = Duration::from_millis(350);
/// Events of which the CPU is counted, and how many a second.
const EVENTS: usize = 1000;
const RATES: [u32; 2] = [50, 200];
/// So many writes of events are on their way at once at most.
const WRITERS: usize = 8;
/// How long the idle processes are looked at.
const IDLE: Duration = Duration::from_secs(10);

fn main() -> anyhow::Result<()> {
    let one = &mut Builder::new_current_thread();
    if one.enable_all().build()?.block_on(floor::play())? {
        return Ok(());
    }
    let many = &mut Builder::new_multi_thread();
    many.worker_threads(2)
        .enable_all()
        .build()?
        .block_on(bench())
}

async fn bench() -> anyhow::Result<()> {
    let mut stage = Box::pin(Stage::start(None)).await?;
    times(&stage).await?;
    Box::pin(work(&mut stage)).await
}

/// How long it takes.
async fn times(stage: &Stage) -> anyhow::Result<()> {
    let (from, to) = (stage.set.site(1)?.client(), stage.set.site(2)?.client());
    let slices = declared::api(from, "discovery.k8s.io/v1", "EndpointSlice", Some("shop"));
    let entries = declared::api(to, "networking.istio.io/v1", "WorkloadEntry", Some("shop"));
    let mut slice = Watch::start(slices, "web-1", watch::ready).await?;
    let mut entry = Watch::start(entries, &entry_name("web"), watch::weight).await?;
    objects::put_namespace(to, &objects::namespace("floor", &[])).await?;
    let like = like(&stage.entry("web").await?)?;

    let [mut ours, mut floor, mut delivery, mut apply] = [const { Vec::new() }; 4];
    for round in 0..WARM_UP + ROUNDS {
        let count = 5 + round % 40;
        let written = Instant::now();
        stage.web.ready(count).await?;
        let delivered = slice.until(count as u64).await?.duration_since(written);
        let there = entry.until(count as u64).await?.duration_since(written);
        sleep(REST / 2).await;
        let mut like = like.clone();
        set(&mut like, "/spec/weight", json!(count));
        set(
            &mut like,
            "/metadata/annotations/causeway.dev~1generation",
            json!(format!("1-1-{round}")),
        );
        let begun = Instant::now();
        declared::put(to, like).await?;
        let applied = begun.elapsed();
        sleep(REST).await;
        if round >= WARM_UP {
            ours.push(ms(there));
            floor.push(ms(delivered + applied));
            delivery.push(ms(delivered));
            apply.push(ms(applied));
        }
    }
    eprintln!(
        "median: delivery {:.2} ms, apply {:.2} ms; 90 of 100: ours {:.2} ms, floor {:.2} ms",
        median(&delivery),
        median(&apply),
        quantile(&ours, 0.9),
        quantile(&floor, 0.9),
    );
    let ratio = (Some(paired(&ours, &floor)), Some("≤ 1.5"));
    print(
        BENCH,
        "slice written → entry seen, median",
        (median(&ours), Some(median(&floor))),
        "ms",
        ratio,
    );
    let [ours, floor] = [ours, floor].map(|times| quantile(&times, 0.9));
    print(
        BENCH,
        "slice written → entry seen, 90th percentile",
        (ours, Some(floor)),
        "ms",
        (Some(ours / floor), None),
    );
    Ok(())
}

/// An object like the entry, which istiod gives to nobody.
fn like(entry: &Value) -> anyhow::Result<Value> {
    let mut like = json!({
        "apiVersion": "networking.istio.io/v1", "kind": "WorkloadEntry",
        "metadata": { "name": "like", "namespace": "floor", "annotations": entry.pointer("/metadata/annotations") },
        "spec": entry.get("spec").context("an entry without a spec")?,
    });
    set(&mut like, "/spec/labels", json!({ "app": "floor" }));
    Ok(like)
}

fn set(object: &mut Value, pointer: &str, value: Value) {
    if let Some(old) = object.pointer_mut(pointer) {
        *old = value;
    }
}

/// What it costs: events at a steady rate, less what the processes use without any.
async fn work(stage: &mut Stage) -> anyhow::Result<()> {
    stage.add_peer().await?;
    // Proxies that have to be told, as there would be.
    let callers = [stage.caller(2).await?, stage.caller(3).await?];
    let processes = stage.processes()?;
    sleep(Duration::from_secs(3)).await;
    let (before, begun) = (used(&processes)?, Instant::now());
    sleep(IDLE).await;
    let idle = rates(&before, &used(&processes)?, begun.elapsed());

    for rate in RATES {
        events(stage, rate, &callers, (&processes, &idle)).await?;
        sleep(Duration::from_secs(1)).await;
    }
    Ok(())
}

type Processes = BTreeMap<&'static str, u32>;
type Seconds = BTreeMap<&'static str, f64>;

async fn events(
    stage: &Stage,
    rate: u32,
    callers: &[Caller],
    (processes, idle): (&Processes, &Seconds),
) -> anyhow::Result<()> {
    // The least that carrying the same events takes, at the same time.
    let floor = Floor::start(&stage.set.fleet.cluster("m1")?.kubeconfig()?, rate).await?;
    sleep(Duration::from_secs(1)).await;
    let parts = floor.processes()?;
    let floor_before = used(&parts)?;
    let (before, begun) = (used(processes)?, Instant::now());
    let mut ticks = interval(Duration::from_secs(1) / rate);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let ticks = stream::unfold(ticks, |mut ticks| async {
        ticks.tick().await;
        Some(((), ticks))
    });
    // Two slices in turn: writes of one wait for each other.
    let write = |(event, ())| match event % 2 {
        0 => stage.web.ready(5 + event / 2 % 40),
        _ => stage.tens.ready(5 + event / 2 % 40),
    };
    let writes = ticks.take(EVENTS - 1).enumerate().map(write);
    writes.buffer_unordered(WRITERS).try_collect::<()>().await?;
    stage.web.ready(50).await?;
    for caller in callers {
        caller.told("web", |count| count == 50).await?;
    }
    let passed = begun.elapsed();
    let (after, floor_after) = (used(processes)?, used(&parts)?);
    eprintln!("{EVENTS} events in {:.1} s", passed.as_secs_f64());
    let bare = |name: &str, count: f64| {
        let spent = floor_after.get(name).unwrap_or(&0.0) - floor_before.get(name).unwrap_or(&0.0);
        spent / count * 1e6
    };
    let messages = passed.as_secs_f64() * f64::from(rate);
    let json = bare("bare watch", EVENTS as f64);
    // As the agent asks for it.
    let watch = bare("bare watch of protobuf", EVENTS as f64);
    let [sender, receiver] = ["bare sender", "bare receiver"].map(|name| bare(name, messages));

    // In µs for each event, all and without the idle share.
    let each = |name: &str| -> (f64, f64) {
        let spent = after.get(name).unwrap_or(&0.0) - before.get(name).unwrap_or(&0.0);
        let share = idle.get(name).unwrap_or(&0.0) * passed.as_secs_f64();
        (
            spent / EVENTS as f64 * 1e6,
            (spent - share) / EVENTS as f64 * 1e6,
        )
    };
    let (owner, replica) = (each("owner"), each("controller"));
    let (importer, fed, peer) = (each("importer").1, each("fed").1, each("peer").1);
    let say = |what: &str, (ours, other): (f64, Option<f64>), aim: Option<&str>| {
        let ratio = other.map(|other| ours / other);
        print(
            BENCH,
            &format!("CPU for an event, at most {rate}/s: {what}"),
            (ours, other),
            "µs",
            (ratio, aim),
        );
    };
    say(
        "owner's agent and replica, against a bare watch and a bare stream",
        (owner.1 + replica.1, Some(watch + sender + receiver)),
        Some("≤ 100 µs"),
    );
    say(
        "the same with what they use when idle",
        (owner.0 + replica.0, None),
        None,
    );
    say(
        "of it the owner's agent, against a bare watch and a bare sender",
        (owner.1, Some(watch + sender)),
        None,
    );
    say(
        "of the floor the bare watch alone, against one of JSON",
        (watch, Some(json)),
        None,
    );
    say(
        "of it the replica, against a bare receiver",
        (replica.1, Some(receiver)),
        None,
    );
    say("importer's agent, which writes", (importer, None), None);
    say(
        "istiod, fed by us and reading by itself",
        (fed, Some(peer)),
        None,
    );
    Ok(())
}

fn used(processes: &Processes) -> anyhow::Result<Seconds> {
    processes
        .iter()
        .map(|(name, id)| Ok((*name, cpu(*id)?)))
        .collect()
}

/// Cores in use.
fn rates(before: &Seconds, after: &Seconds, passed: Duration) -> Seconds {
    let rate = |(name, from): (&&'static str, &f64)| {
        (
            *name,
            (after.get(name).unwrap_or(from) - from) / passed.as_secs_f64(),
        )
    };
    before.iter().map(rate).collect()
}
