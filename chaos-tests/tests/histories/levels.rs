//! Replicas of two adjacent levels side by side: as in an upgrade, one after the other.

use anyhow::{Context as _, ensure};

use super::trio::Trio;

const ALL: [u64; 3] = [1, 2, 3];

/// All begin at the level before and write its form of the state; one after the other knows the newer one, and only when the
/// last one does is that in force.
pub(crate) async fn upgraded_one_by_one(trio: &Trio) -> anyhow::Result<()> {
    let newest = causeway_state::level::FEATURE_LEVEL;
    let mut declared = 1;
    trio.declare("before")?;
    for id in ALL {
        trio.kill(id);
        let data = trio.replica(id).data();
        let data = data.to_str().context("a path")?;
        let inspect = ["replica", "inspect", "--data-dir", data];
        let found = trio.replica(id).cli.json(&inspect).await?;
        ensure!(found["feature_level"] == newest - 1, "{found:#}");
        trio.replica(id)
            .set_flag("--feature-level", &newest.to_string());
        trio.run(id)?;
        // What is decided meanwhile is in force everywhere.
        trio.declare(&format!("during-{id}"))?;
        declared += 1;
        let what = "all that was declared is there";
        trio.registry(&ALL, what, |found| found.objects.len() == declared)
            .await?;
        if id != 3 {
            let what = "owners are of the newer level";
            trio.registry(&ALL, what, |found| {
                found.objects.iter().all(|row| row.owner.is_none())
            })
            .await?;
        }
    }
    trio.owned(&ALL, declared).await
}
