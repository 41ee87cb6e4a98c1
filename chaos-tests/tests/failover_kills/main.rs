//! Three regions, each with a real API server, an agent and a replica: replicas are killed (SIGKILL) in turn and all
//! together, while nothing happens, while something changes and in the middle of a failover; and two are lost for good,
//! while the third goes on alone. No object of a mesh flaps, and none goes back to older decisions. Needs
//! `cargo xtask assets`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod set;
mod witness;

use anyhow::{Context as _, ensure};
use causeway_chaos_tests::causeway::DEADLINE;
use causeway_chaos_tests::causeway::replica::{leader, voters};
use causeway_chaos_tests::eventually;
use set::{ALL, Set};
use witness::Write;

fn others(id: u64) -> Vec<u64> {
    ALL.into_iter().filter(|other| *other != id).collect()
}

/// Whoever is killed, in turn and all together: nothing is written, and what changes afterwards arrives.
async fn in_turn_and_together(set: &mut Set) -> anyhow::Result<()> {
    let marks = set.marks().await?;
    for id in ALL {
        set.replica(id).kill();
        set.settled(&others(id), &ALL, &[]).await?;
        set.replica(id).start()?;
        set.settled(&ALL, &ALL, &[]).await?;
    }
    for id in ALL {
        set.replica(id).kill();
    }
    for id in ALL {
        set.replica(id).start()?;
    }
    set.settled(&ALL, &ALL, &[]).await?;
    set.quiet_since(&marks)
        .await
        .context("only replicas were killed")?;
    set.scale(&ALL, &ALL, (2, 3)).await
}

/// A member is lost, and the leader is killed while that is found out, and again when it is in force: its entries are
/// withdrawn once and put back once.
async fn amid_a_failover(set: &mut Set) -> anyhow::Result<()> {
    let marks = set.marks().await?;
    let site = set.site(2);
    site.agent.kill();
    site.gateway.close().await;
    let first = set.leader(&ALL).await?;
    set.replica(first).kill();
    let rest = others(first);
    set.verdict(rest[0], "m2", &["Lost"]).await?;
    set.replica(first).start()?;
    gone(set, &marks, true).await?;
    let second = set.leader(&ALL).await?;
    set.replica(second).kill();
    set.replica(second).start()?;
    set.settled(&ALL, &[1, 3], &[]).await?;

    let site = set.site(2);
    site.gateway.open().await?;
    site.agent.start()?;
    // On a machine that stood still the hold-down may be over before anybody has looked.
    let returning = ["Recovering", "Serving"];
    set.verdict(others(second)[0], "m2", &returning).await?;
    // All at once, during the hold-down.
    for id in ALL {
        set.replica(id).kill();
    }
    for id in ALL {
        set.replica(id).start()?;
    }
    gone(set, &marks, false).await?;
    set.settled(&ALL, &ALL, &[]).await?;
    for (number, witness) in [(1, &set.witnesses[0]), (3, &set.witnesses[2])] {
        witness.only_since(marks[number - 1], "net2").await?;
        let writes = witness.since(marks[number - 1]);
        for (name, writes) in &writes {
            let deleted = writes.iter().filter(|write| **write == Write::Deleted);
            ensure!(
                deleted.count() <= 1,
                "m{number}: {name} flapped: {writes:?}"
            );
        }
    }
    // The lost one's own mesh is as it was.
    set.witnesses[1].quiet_since(marks[1]).await
}

/// Waits until the entry of the second network is gone from the others, or is there.
async fn gone(set: &Set, marks: &[usize], wanted: bool) -> anyhow::Result<()> {
    for number in [0, 2] {
        eventually(DEADLINE, &format!("withdrawn: {wanted}"), || async {
            let writes = set.witnesses[number].since(marks[number]);
            let entry = writes.get("WorkloadEntry shop/cw-web.net2");
            let last = entry.and_then(|writes| writes.last());
            let gone = last == Some(&Write::Deleted);
            ensure!(last.is_some() && gone == wanted, "{writes:?}");
            Ok(())
        })
        .await?;
    }
    Ok(())
}

/// Two replicas are gone for good, and the third goes on alone; then they come back as they were.
async fn recovered_alone(set: &mut Set) -> anyhow::Result<()> {
    let marks = set.marks().await?;
    for id in ALL {
        set.replica(id).kill();
    }
    let data = set.replica(1).data();
    let data = data.to_str().context("a path")?;
    let arguments = ["replica", "recover", "--data-dir", data];
    let looked = set.replica(1).cli.run(&arguments).await?;
    let text = format!("{}{}", looked.out, looked.err);
    ensure!(text.contains("--acknowledge-lost-decisions"), "{looked:?}");
    let done = [&arguments[..], &["--acknowledge-lost-decisions"]].concat();
    set.replica(1).does(&done).await?;
    set.replica(1).start()?;
    let alone = |list: &serde_json::Value| voters(list) == [1] && leader(list) == Some("r1");
    set.replica(1).until("it leads alone", alone).await?;
    set.settled(&[1], &ALL, &[]).await?;
    set.quiet_since(&marks).await.context("a recovery")?;
    set.scale(&[1], &ALL, (3, 3)).await?;

    // The others return: they hear that they have no part in it, and say how to rejoin; no agent obeys them.
    let marks = set.marks().await?;
    for id in [2, 3] {
        set.replica(id).start()?;
    }
    for id in [2, 3] {
        let marked = set.replica(id).data().join("fenced");
        eventually(DEADLINE, "it hears of the newer incarnation", || async {
            ensure!(marked.is_file(), "no file {}", marked.display());
            Ok(())
        })
        .await?;
        let says = |list: &serde_json::Value| list.to_string().contains("incarnation 2");
        set.replica(id).until("it says so", says).await?;
        eventually(DEADLINE, "its log has the remedy", || async {
            let log = set.replica(id).log();
            ensure!(log.contains("causeway replica add"), "{log}");
            Ok(())
        })
        .await?;
    }
    set.settled(&[1], &ALL, &[]).await?;
    let quiet = set.quiet_since(&marks).await;
    quiet.context("old replicas returned")?;
    set.scale(&[1], &ALL, (3, 2)).await?;
    for id in [2, 3] {
        set.replica(id).kill();
        set.replica(id).start()?;
        let words = ["has no part in its clusterset any more"];
        set.replica(id).refuses_to_start(&words).await?;
    }
    set.replica(1).until("it leads alone still", alone).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whichever_replica_is_killed_no_object_flaps() -> anyhow::Result<()> {
    let mut set = Box::pin(Set::start()).await?;
    in_turn_and_together(&mut set).await?;
    amid_a_failover(&mut set).await.context("amid a failover")?;
    recovered_alone(&mut set).await.context("recovered")?;
    for witness in &set.witnesses {
        witness.never_went_back().await?;
    }
    Ok(())
}
