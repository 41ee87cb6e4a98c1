//! Three controllers as processes of their own, without any cluster: they join, lose their leader, replace one that is
//! dead, and go on alone in a new incarnation, of which the others hear when they come back.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::time::Duration;

use anyhow::{Context as _, ensure};
use causeway_chaos_tests::causeway::certificates::Certificates;
use causeway_chaos_tests::causeway::replica::{self, Replica, Role, leader, voters};
use causeway_chaos_tests::{Scratch, eventually};
use serde_json::Value;

const DEADLINE: Duration = Duration::from_secs(60);

/// Starts a replica.
async fn start(
    scratch: &Scratch,
    certificates: &Certificates,
    (id, domain): (u64, &str),
    join: Option<&Replica>,
) -> anyhow::Result<Replica> {
    let role = Role {
        id,
        domain,
        door: None,
        join: join.map(Replica::peers),
        kubeconfig: None,
        more: &[],
    };
    let replica = Replica::prepare(scratch, certificates, replica::ports()?, role).await?;
    replica.start()?;
    Ok(replica)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_join_lose_their_leader_replace_one_and_recover() -> anyhow::Result<()> {
    let scratch = Scratch::new()?;
    let pki = Certificates::new(&scratch, "pki").await?;
    let one = start(&scratch, &pki, (1, "eu"), None).await?;
    one.until("the first leads", |list| leader(list) == Some("r1"))
        .await?;
    let two = start(&scratch, &pki, (2, "us"), Some(&one)).await?;
    let three = start(&scratch, &pki, (3, "ap"), Some(&one)).await?;

    // They are seen to wait; what is asked of nobody is refused.
    let waits = |list: &Value| {
        let rows = list["replicas"].as_array().cloned().unwrap_or_default();
        rows.iter().filter(|row| row["role"] == "waiting").count() == 2
    };
    one.until("two wait", waits).await?;
    let error = one.refused(&["replica", "add", "9"]).await?;
    ensure!(error.contains("--join"), "{error}");
    one.does(&["replica", "add", "2"]).await?;
    one.does(&["replica", "add", "3"]).await?;
    let list = one
        .until("three vote", |list| voters(list) == [1, 2, 3])
        .await?;
    ensure!(list["domain_risk"].is_null(), "{list:#}");
    let error = one.refused(&["replica", "remove", "3"]).await?;
    ensure!(error.contains("--replace r3"), "{error}");

    // The lead passes when it is asked to, and when its holder is killed.
    two.does(&["replica", "transfer", "--to", "2"]).await?;
    let list = three
        .until("the second leads", |list| leader(list) == Some("r2"))
        .await?;
    let before = list["term"].as_u64().context("a term")?;
    two.kill();
    let list = three
        .until("another leads", |list| {
            leader(list).is_some_and(|leader| leader != "r2")
        })
        .await?;
    let after = list["term"].as_u64().context("a term")?;
    ensure!(after > before, "{list:#}");
    three
        .does(&["replica", "list", "--consistency", "linearizable"])
        .await?;

    // It comes back. Who leads then is not asked: a disk that stalls moves the lead.
    two.start()?;
    one.until("the second is back", |list| {
        list["replicas"][1]["reachable"] == true
    })
    .await?;

    // A dead one is replaced in one step by another in its place.
    three.kill();
    let four = start(&scratch, &pki, (4, "ap"), Some(&one)).await?;
    one.until("the fourth waits", |list| {
        let rows = list["replicas"].as_array().cloned().unwrap_or_default();
        rows.iter().any(|row| row["id"] == 4)
    })
    .await?;
    one.does(&["replica", "add", "4", "--replace", "3"]).await?;
    one.until("the fourth votes", |list| voters(list) == [1, 2, 4])
        .await?;
    four.does(&["replica", "list", "--consistency", "linearizable"])
        .await?;

    // The one that was replaced comes back as it was: the others tell it, and nobody waits for what it is asked to change.
    three.start()?;
    three
        .until("it says that it was removed", |list| {
            let rows = list["replicas"].as_array().cloned().unwrap_or_default();
            rows.iter().any(|row| {
                let note = row["note"].as_str().unwrap_or_default();
                row["id"] == 3 && note.contains("was removed at generation")
            })
        })
        .await?;
    eventually(DEADLINE, "it notes that for good", || async {
        let marked = three.data().join("fenced");
        ensure!(marked.is_file(), "no file {}", marked.display());
        Ok(())
    })
    .await?;
    let error = three.refused(&["replica", "transfer"]).await?;
    ensure!(error.contains("no part in its clusterset"), "{error}");
    three.kill();

    // Quorum is lost for good, and the survivor goes on alone.
    for replica in [&one, &two, &four] {
        replica.kill();
    }
    let data = one.data();
    let data = data.to_str().context("a path")?;
    one.does(&[
        "replica",
        "recover",
        "--data-dir",
        data,
        "--acknowledge-lost-decisions",
    ])
    .await?;
    one.start()?;
    one.until("it leads alone", |list| {
        voters(list) == [1] && leader(list) == Some("r1")
    })
    .await?;
    two.start()?;
    four.start()?;
    for replica in [&two, &four] {
        let marked = replica.data().join("fenced");
        eventually(DEADLINE, "it hears of the newer incarnation", || async {
            ensure!(marked.is_file(), "no file {}", marked.display());
            Ok(())
        })
        .await?;
        let list = replica.until("it says so", |list| {
            let rows = list["replicas"].as_array().cloned().unwrap_or_default();
            let own = rows.iter().find(|row| {
                row["note"]
                    .as_str()
                    .is_some_and(|note| note.contains("incarnation 2"))
            });
            own.is_some()
        });
        list.await?;
        // Nor does it after a restart.
        replica.kill();
        replica.start()?;
        replica
            .refuses_to_start(&["has no part in its clusterset any more"])
            .await?;
    }
    let list = one.list().await?;
    ensure!(
        voters(&list) == [1] && leader(&list) == Some("r1"),
        "{list:#}"
    );
    Ok(())
}
