//! Three controllers as processes of their own, with nothing to decide; the leader's disk stalls: its syncs wait, and it runs
//! on. It says so, the lead goes to one whose disk is well, decisions go on there, and the slow one follows once its disk is
//! well again.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use causeway_chaos_tests::causeway::certificates::Certificates;
use causeway_chaos_tests::causeway::replica::{self, Replica, Role, leader, voters};
use causeway_chaos_tests::{Scratch, eventually};
use serde_json::Value;

const DEADLINE: Duration = Duration::from_secs(60);

/// No file of this crate: compiled by itself, as what is loaded into another process.
const SOURCE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/disk_stall/slow_disk.rs.txt"
);

/// Builds what stands between a process and its syncs, with the compiler that built this test.
fn slow_disk(scratch: &Scratch) -> anyhow::Result<PathBuf> {
    let library = scratch.folder("slow-disk")?.join("libslow_disk.so");
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let built = Command::new(rustc)
        .args(["--edition", "2021", "--crate-name", "slow_disk"])
        .args(["--crate-type", "cdylib", "-o"])
        .arg(&library)
        .arg(SOURCE)
        // Where the toolchain is said for the project.
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .context("running rustc")?;
    let said = String::from_utf8_lossy(&built.stderr);
    ensure!(built.status.success(), "rustc {SOURCE}: {said}");
    Ok(library)
}

/// What a replica's disk is slowed down by.
struct Gates {
    library: PathBuf,
    folder: PathBuf,
}

impl Gates {
    /// While this file is there, the replica's syncs wait.
    fn of(&self, replica: &str) -> PathBuf {
        self.folder.join(replica)
    }
}

/// Starts a replica whose disk can stall.
async fn start(
    scratch: &Scratch,
    certificates: &Certificates,
    gates: &Gates,
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
    let text = |path: &Path| path.to_str().map(str::to_owned).context("a path");
    replica.set_env("LD_PRELOAD", &text(&gates.library)?);
    replica.set_env("DISK_STALLS_WHILE", &text(&gates.of(replica.name()))?);
    replica.start()?;
    Ok(replica)
}

/// Waits until `asked` says that the disk of `replica` stalls.
async fn says_so(asked: &Replica, replica: &str) -> anyhow::Result<()> {
    let what = format!("{} says that the disk of {replica} stalls", asked.name());
    eventually(DEADLINE, &what, || async {
        let status = asked.cli.json(&["status"]).await?;
        let needs = status["needs_you"].as_array().context("a list")?;
        let told = needs.iter().any(|need| {
            need["object"] == format!("replica {replica}").as_str()
                && need["message"]
                    .as_str()
                    .is_some_and(|message| message.contains("its disk stalls"))
        });
        ensure!(told, "{status:#}");
        Ok(())
    })
    .await
}

/// How long a replica's writes take by its own metrics, in seconds.
async fn write_seconds(replica: &Replica) -> anyhow::Result<f64> {
    let metrics = replica.metrics().await?;
    let line = metrics
        .lines()
        .find_map(|line| line.strip_prefix("causeway_disk_write_seconds{} "));
    Ok(line.with_context(|| metrics.clone())?.parse()?)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lead_leaves_a_replica_whose_disk_stalls() -> anyhow::Result<()> {
    let scratch = Scratch::new()?;
    let gates = Gates {
        library: slow_disk(&scratch)?,
        folder: scratch.folder("gates")?,
    };
    let pki = Certificates::new(&scratch, "pki").await?;
    let one = start(&scratch, &pki, &gates, (1, "eu"), None).await?;
    one.until("the first leads", |list| leader(list) == Some("r1"))
        .await?;
    let two = start(&scratch, &pki, &gates, (2, "us"), Some(&one)).await?;
    let three = start(&scratch, &pki, &gates, (3, "ap"), Some(&one)).await?;
    one.until("two wait", |list| {
        let rows = list["replicas"].as_array().cloned().unwrap_or_default();
        rows.iter().filter(|row| row["role"] == "waiting").count() == 2
    })
    .await?;
    one.does(&["replica", "add", "2"]).await?;
    one.does(&["replica", "add", "3"]).await?;
    // All have measured their disks, and know of each other's.
    let known = |list: &Value| {
        let rows = list["replicas"].as_array().cloned().unwrap_or_default();
        rows.iter().all(|row| row["disk_us"].is_u64())
    };
    let list = one
        .until("three vote and one leads", |list| {
            voters(list) == [1, 2, 3] && leader(list).is_some() && known(list)
        })
        .await?;

    // Whoever leads by now: a busy machine's disk may have stalled by itself. Nothing is decided from here on.
    let slow = leader(&list).context("a leader")?.to_owned();
    let gate = gates.of(&slow);
    std::fs::write(&gate, [])?;
    let (mut others, mut stalled) = (Vec::new(), None);
    for replica in [&one, &two, &three] {
        match replica.name() == slow {
            true => stalled = Some(replica),
            false => others.push(replica),
        }
    }
    let stalled = stalled.context("the leader is one of them")?;
    for other in &others {
        other
            .until("another one leads", |list| {
                leader(list).is_some_and(|leader| leader != slow)
            })
            .await?;
    }
    // It says so itself, and so do the others; in its metrics too.
    for asked in [&[stalled][..], &others[..]].concat() {
        says_so(asked, &slow).await?;
    }
    eventually(DEADLINE, "its metrics tell", || async {
        let took = write_seconds(stalled).await?;
        ensure!(took > 1.0, "{took}");
        Ok(())
    })
    .await?;

    // Decisions of the other two, with the slow one's disk as it is: a read that a majority confirms, and a member more.
    for other in &others {
        other
            .does(&["replica", "list", "--consistency", "linearizable"])
            .await?;
    }
    let four = start(&scratch, &pki, &gates, (4, "sa"), Some(others[0])).await?;
    others[0]
        .until("the fourth waits", |list| {
            let rows = list["replicas"].as_array().cloned().unwrap_or_default();
            rows.iter()
                .any(|row| row["role"] == "waiting" && row["id"] == 4)
        })
        .await?;
    others[0].does(&["replica", "add", "4"]).await?;
    others[0]
        .until("the fourth votes", |list| voters(list) == [1, 2, 3, 4])
        .await?;
    ensure!(gate.is_file() && stalled.id().is_some());

    std::fs::remove_file(&gate)?;
    stalled
        .until("it knows what was decided meanwhile", |list| {
            voters(list) == [1, 2, 3, 4] && leader(list).is_some()
        })
        .await?;
    eventually(DEADLINE, "nothing stalls any more", || async {
        let took = write_seconds(stalled).await?;
        ensure!(took < 1.0, "{took}");
        Ok(())
    })
    .await?;
    drop(four);
    Ok(())
}
