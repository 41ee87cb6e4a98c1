//! Replicas are killed (SIGKILL) in the middle of commits, snapshots and changes of members.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use causeway_chaos_tests::causeway::replica::voters;
use causeway_chaos_tests::eventually;
use causeway_chaos_tests::proxy::Wire;
use serde_json::Value;
use tokio::time::sleep;

use super::load::Load;
use super::trio::{DEADLINE, Trio};

/// Those that vote all the time.
const ALL: [u64; 3] = [1, 2, 3];

/// The one that comes and goes.
const GUEST: u64 = 4;

fn others(id: u64) -> Vec<u64> {
    ALL.into_iter().filter(|other| *other != id).collect()
}

/// Each in turn while moves are decided, and then all at once.
pub(crate) async fn amid_commits(trio: &Trio) -> anyhow::Result<()> {
    let load = Load::new(trio, &ALL)?;
    let kills = async {
        for id in ALL {
            load.goes_on(&ALL).await?;
            trio.kill(id);
            load.goes_on(&others(id)).await?;
            trio.run(id)?;
        }
        for _ in 0..2 {
            load.goes_on(&ALL).await?;
            for id in ALL {
                trio.kill(id);
            }
            for id in ALL {
                trio.run(id)?;
            }
        }
        load.goes_on(&ALL).await
    };
    load.during(trio, kills).await.context("amid commits")
}

/// The last entry of a replica's newest snapshot.
async fn snapshot(trio: &Trio, id: u64) -> anyhow::Result<u64> {
    let status = trio.replica(id).cli.json(&["status"]).await?;
    status["log"]["snapshot"]
        .as_u64()
        .context("no number of a snapshot")
}

/// Each in turn right when it has begun or ended to write a snapshot: it writes one every few entries.
pub(crate) async fn amid_snapshots(trio: &Trio) -> anyhow::Result<()> {
    let load = Load::new(trio, &ALL)?;
    let kills = async {
        for id in ALL {
            load.goes_on(&ALL).await?;
            let before = snapshot(trio, id).await?;
            eventually(DEADLINE, "it writes another snapshot", || async {
                let now = snapshot(trio, id).await?;
                ensure!(now > before, "its last one is at {now}");
                Ok(())
            })
            .await?;
            trio.kill(id);
            trio.run(id)?;
        }
        load.goes_on(&ALL).await
    };
    load.during(trio, kills).await.context("amid snapshots")
}

/// What a list says of a replica.
fn row(list: &Value, id: u64) -> Value {
    let rows = list["replicas"].as_array().cloned().unwrap_or_default();
    let row = rows.into_iter().find(|row| row["id"] == id);
    row.unwrap_or_default()
}

/// A replica joins by a snapshot, which is long on its way: it is killed amid that, and so is the leader that sends it.
pub(crate) async fn amid_a_transfer(trio: &Trio) -> anyhow::Result<()> {
    let load = Load::new(trio, &ALL)?;
    let guest = GUEST.to_string();
    let kills = async {
        for id in ALL {
            let slow = Wire::Slow {
                delay: Duration::ZERO,
                rate: 5_000,
            };
            trio.wires.set(&format!("r{id}"), "r4", slow);
        }
        trio.run(GUEST)?;
        let any = trio.leader(&ALL).await?;
        let asked = others(any)[0];
        let waits = |list: &Value| row(list, GUEST)["role"] == "waiting";
        // It was told of the first only, and introduces itself to the others, too.
        trio.replica(asked).until("the fourth waits", waits).await?;
        let add = async {
            // The answer is lost with a leader that is killed: then it is asked again.
            eventually(DEADLINE, "the fourth votes", || async {
                trio.replica(asked)
                    .does(&["replica", "add", &guest])
                    .await
                    .map(drop)
            })
            .await
        };
        let kill = async {
            let mut killed = Vec::new();
            for victim in [GUEST, any] {
                eventually(DEADLINE, "a snapshot is on its way", || async {
                    let leader = trio.leader(&ALL).await?;
                    let list = trio.replica(leader).list().await?;
                    let guest = row(&list, GUEST);
                    // What had arrived of it before the first kill may leave too little of it to be seen again.
                    let arrived = victim != GUEST && guest["role"] == "voter";
                    ensure!(arrived || !guest["snapshot"].is_null(), "{list:#}");
                    Ok(())
                })
                .await?;
                trio.kill(victim);
                killed.push(victim);
                trio.run(victim)?;
            }
            trio.wires.heal();
            anyhow::Ok(killed)
        };
        let (added, killed) = tokio::join!(add, kill);
        added?;
        ensure!(killed?.len() == 2);
        trio.votes(&[1, 2, 3, GUEST]).await?;
        load.goes_on(&ALL).await
    };
    load.during(trio, kills)
        .await
        .context("amid a snapshot on its way")
}

/// The leader is killed while a replica leaves: the change is done or not, and asking again does it.
pub(crate) async fn amid_a_change_of_members(trio: &Trio) -> anyhow::Result<()> {
    let load = Load::new(trio, &ALL)?;
    let guest = GUEST.to_string();
    let kills = async {
        let leader = trio.leader(&ALL).await?;
        // The fourth may lead itself by now, and then it passes the lead on.
        let asked = others(leader)[0];
        let verb = ["replica", "remove", &guest];
        let remove = trio.replica(asked).cli.run(&verb);
        let kill = async {
            // Anywhere from before it is proposed until after it is decided: which, is no matter.
            sleep(Duration::from_millis(60)).await;
            trio.kill(leader);
        };
        let (said, ()) = tokio::join!(remove, kill);
        said?;
        trio.run(leader)?;
        eventually(DEADLINE, "the fourth has left", || async {
            let list = trio.replica(asked).list().await?;
            if voters(&list) == ALL {
                return Ok(());
            }
            trio.replica(asked).does(&verb).await.map(drop)
        })
        .await?;
        trio.votes(&ALL).await?;
        trio.kill(GUEST);
        load.goes_on(&ALL).await
    };
    load.during(trio, kills)
        .await
        .context("amid a change of members")
}
