//! Durable commits a second, and how long one takes, of three replicas against three etcds: each a process of its own with its
//! own files on one disk, under the same numbers of clients. `cargo xtask bench commits`.
//!
//! etcd's clients speak gRPC with TLS to its leader. Ours are tasks of a follower's process, whose proposals go over gRPC and
//! mTLS to the leader, as those of every replica do: the same number of steps over the network. Members of either speak TLS
//! among each other, both sides with a certificate. By default with 1,
//! 10, 100 and 1,000 clients; `CLIENTS=1 cargo xtask bench commits` takes only those.

#![allow(clippy::indexing_slicing, clippy::cast_precision_loss)]

#[path = "commits/etcd.rs"]
mod etcd;
#[path = "commits/load.rs"]
mod load;
#[path = "commits/replicas.rs"]
mod replicas;

use std::time::Duration;

use anyhow::Context as _;
use causeway_chaos_tests::Scratch;
use causeway_measure::{Measure, median, paired};
use load::Load;
use tokio::runtime::Builder;

const BENCH: &str = "commits";
/// What is written, in bytes.
pub(crate) const BYTES: usize = 256;
/// Each with the ratio that is aimed at.
const CLIENTS: [(usize, Option<f64>); 4] =
    [(1, Some(1.2)), (10, None), (100, None), (1_000, Some(2.0))];
const ROUNDS: usize = 3;
/// How long each measures, after a warm-up.
pub(crate) const MEASURED: Duration = Duration::from_millis(2_500);
pub(crate) const WARM_UP: Duration = Duration::from_millis(500);

fn main() -> anyhow::Result<()> {
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let _ = rustls::crypto::ring::default_provider().install_default();
    if let Some(told) = replicas::told() {
        return runtime.block_on(replicas::play(&told?));
    }
    runtime.block_on(bench())
}

async fn bench() -> anyhow::Result<()> {
    let scratch = Scratch::new()?;
    let mut ours = replicas::Replicas::start(&scratch).await?;
    let mut theirs = etcd::Etcds::start(&scratch).await?;
    for (clients, aim) in wanted()? {
        let (mut own, mut peer) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            own.push(ours.load(clients).await?);
            peer.push(theirs.load(clients).await?);
        }
        tell(clients, aim, &own, &peer);
    }
    ours.stop().await
}

/// The numbers of clients that are measured: those of the environment's `CLIENTS`, or all.
fn wanted() -> anyhow::Result<Vec<(usize, Option<f64>)>> {
    let Ok(text) = std::env::var("CLIENTS") else {
        return Ok(CLIENTS.to_vec());
    };
    let numbers = text.split([',', ' ']).filter(|number| !number.is_empty());
    let wanted = numbers.map(|number| {
        let number: usize = number.parse().with_context(|| format!("CLIENTS={text}"))?;
        let known = CLIENTS.iter().find(|(clients, _)| *clients == number);
        Ok((number, known.and_then(|(_, aim)| *aim)))
    });
    wanted.collect()
}

fn tell(clients: usize, aim: Option<f64>, ours: &[Load], theirs: &[Load]) {
    let s = if clients == 1 { "" } else { "s" };
    let rate = |load: &Load| load.commits_a_second;
    let aim = aim.map(|aim| format!("≥ {aim}"));
    print(
        &format!("{clients} client{s}: commits"),
        "1/s",
        ours,
        theirs,
        rate,
        aim.as_deref(),
    );
    let median = |load: &Load| load.median_us / 1_000.0;
    print(
        &format!("{clients} client{s}: median"),
        "ms",
        ours,
        theirs,
        median,
        None,
    );
    let switches = |load: &Load| load.switches;
    print(
        &format!("{clients} client{s}: switches of threads"),
        "for each commit",
        ours,
        theirs,
        switches,
        None,
    );
}

fn print(
    measure: &str,
    unit: &str,
    ours: &[Load],
    theirs: &[Load],
    of: impl Fn(&Load) -> f64,
    aim: Option<&str>,
) {
    let all = |loads: &[Load]| loads.iter().map(&of).collect::<Vec<f64>>();
    let (ours, theirs) = (all(ours), all(theirs));
    Measure::of(BENCH, measure, median(&ours), unit)
        .beside(median(&theirs))
        .ratio(paired(&ours, &theirs))
        .aim(aim)
        .print();
}
