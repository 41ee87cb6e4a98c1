//! Wires between replicas are cut in all ways.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use causeway_chaos_tests::eventually;
use causeway_chaos_tests::proxy::Wire;
use causeway_storage::Consistency;
use serde_json::Value;
use tokio::time::sleep;

use super::history::{History, Op};
use super::load::Load;
use super::trio::{DEADLINE, Trio};

const ALL: [u64; 3] = [1, 2, 3];

/// For how long a wire stays as it is at least: longer than many elections take, and shorter than links are given up.
const WHILE: Duration = Duration::from_millis(1_500);

fn name(id: u64) -> String {
    format!("r{id}")
}

fn others(id: u64) -> Vec<u64> {
    ALL.into_iter().filter(|other| *other != id).collect()
}

fn around(trio: &Trio, id: u64, wire: Wire) {
    trio.wires.around(&name(id), ["r1", "r2", "r3"], wire);
}

/// Cuts as `cut` says under load, given the leader and the others; those of `live` go on meanwhile, and all afterwards.
async fn under<F>(trio: &Trio, what: &str, cut: F) -> anyhow::Result<()>
where
    F: AsyncFn(&Load, u64, &[u64]) -> anyhow::Result<()>,
{
    let load = Load::new(trio, &ALL)?;
    load.during(trio, async {
        load.goes_on(&ALL).await?;
        let leader = trio.leader(&ALL).await?;
        cut(&load, leader, &others(leader)).await?;
        trio.wires.heal();
        load.goes_on(&ALL).await
    })
    .await
    .with_context(|| what.to_owned())?;
    eprintln!("{what}: {} answers", load.history.answered());
    Ok(())
}

fn term(list: &Value) -> Option<u64> {
    list["term"].as_u64()
}

fn reachable(list: &Value, id: u64) -> bool {
    let rows = list["replicas"].as_array().cloned().unwrap_or_default();
    rows.iter()
        .any(|row| row["id"] == id && row["reachable"] == true)
}

/// A replica that is cut off from all others answers a *local* read from what it has: the checker, looking at what real
/// replicas answer, finds that this is not linearizable.
pub(crate) async fn stale_reads_are_found(trio: &Trio) -> anyhow::Result<()> {
    let history = History::new(1);
    let number = trio.fresh(1)?[0];
    let leader = trio.leader(&ALL).await?;
    let behind = others(leader)[0];
    let there = others(leader)[1];
    let asks = async |replica, op, consistency| {
        eventually(DEADLINE, "an answer", || async {
            let known = trio.ask(&history, (1, replica), number, op, consistency);
            ensure!(known.await?, "r{replica} does not know");
            Ok(())
        })
        .await
    };
    asks(behind, Op::Read, Consistency::Linearizable).await?;
    around(trio, behind, Wire::Cut);
    asks(there, Op::Move(2), Consistency::Local).await?;
    history.judge().context("until then")?;
    asks(behind, Op::Read, Consistency::Local).await?;
    let found = history.judge();
    trio.wires.heal();
    let found = found.err().context("a stale read was not found")?;
    ensure!(found.to_string().contains("no order"), "{found:#}");
    Ok(())
}

/// A replica that was cut off comes back: it has raised no term meanwhile, deposes nobody, and no question fails for it.
pub(crate) async fn a_healed_cut_changes_nothing(trio: &Trio) -> anyhow::Result<()> {
    let mut last = String::new();
    // A machine that stands still for longer than an election moves the lead by itself; a replica without pre-vote would
    // depose the leader each time.
    for _ in 0..5 {
        let load = Load::new(trio, &ALL)?;
        let seen = load.during(trio, once(trio, &load)).await?;
        match seen {
            None => return Ok(()),
            Some(seen) => last = seen,
        }
    }
    anyhow::bail!("five times in a row: {last}")
}

async fn once(trio: &Trio, load: &Load) -> anyhow::Result<Option<String>> {
    let leader = trio.leader(&ALL).await?;
    let (cut, stays) = (others(leader)[0], others(leader)[1]);
    load.goes_on(&ALL).await?;
    let before = trio.replica(leader).list().await?;
    around(trio, cut, Wire::Cut);
    let alone = trio
        .replica(cut)
        .until("it reaches nobody", |list| {
            !reachable(list, leader) && !reachable(list, stays)
        })
        .await?;
    let unsure = load.unsure(&[leader, stays]);
    // Several elections long.
    sleep(WHILE).await;
    let later = trio.replica(cut).list().await?;
    ensure!(
        term(&later) == term(&alone),
        "r{cut} raised the term by itself: {later:#}"
    );
    load.goes_on(&[leader, stays]).await?;
    trio.wires.heal();
    load.goes_on(&ALL).await?;
    let after = trio.replica(leader).list().await?;
    let failed = load.unsure(&[leader, stays]) - unsure;
    let quiet = term(&after) == term(&before) && after["leader"] == before["leader"] && failed == 0;
    Ok((!quiet).then(|| format!("{failed} questions failed; before {before:#}, after {after:#}")))
}

/// All kinds of cuts, one after the other.
pub(crate) async fn every_cut(trio: &Trio) -> anyhow::Result<()> {
    under(trio, "the leader is cut off", async |load, leader, rest| {
        around(trio, leader, Wire::Cut);
        load.goes_on(rest).await
    })
    .await?;
    under(
        trio,
        "connections of the leader are reset",
        async |load, leader, rest| {
            around(trio, leader, Wire::Reset);
            load.goes_on(rest).await
        },
    )
    .await?;
    under(
        trio,
        "nobody hears the leader",
        async |load, leader, rest| {
            for other in rest {
                trio.wires.set(&name(leader), &name(*other), Wire::Cut);
            }
            load.goes_on(rest).await
        },
    )
    .await?;
    under(
        trio,
        "the leader hears nobody",
        async |load, leader, rest| {
            for other in rest {
                trio.wires.set(&name(*other), &name(leader), Wire::Cut);
            }
            load.goes_on(rest).await
        },
    )
    .await?;
    under(trio, "one pair is cut", async |load, leader, rest| {
        trio.wires.between(&name(leader), &name(rest[0]), Wire::Cut);
        sleep(WHILE).await;
        load.goes_on(&[rest[1]]).await
    })
    .await?;
    under(trio, "wires flap", async |load, leader, rest| {
        for turn in 0..12_usize {
            let victim = [leader, rest[0], rest[1]][turn % 3];
            around(trio, victim, [Wire::Cut, Wire::Reset][turn % 2]);
            sleep(Duration::from_millis(250)).await;
            around(trio, victim, Wire::Open);
            sleep(Duration::from_millis(100)).await;
        }
        load.goes_on(rest).await
    })
    .await?;
    under(trio, "all wires are slow", async |load, _, _| {
        let slow = Wire::Slow {
            delay: Duration::from_millis(40),
            rate: 200_000,
        };
        for id in ALL {
            around(trio, id, slow);
        }
        sleep(WHILE).await;
        load.goes_on(&ALL).await
    })
    .await?;
    under(
        trio,
        "the leader stands still and goes on",
        async |load, leader, rest| {
            trio.replica(leader).pause()?;
            let gone_on = load.goes_on(rest).await;
            // What it was asked meanwhile it answers now: as one that leads no longer.
            trio.replica(leader).resume()?;
            gone_on
        },
    )
    .await
}
