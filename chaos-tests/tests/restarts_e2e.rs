//! Controller and agents are killed at several moments: nothing flaps, nothing is forgotten, and whatever is written
//! afterwards had to be. Needs `cargo xtask assets`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::time::Duration;

use anyhow::ensure;
use causeway_chaos_tests::causeway::{Clusterset, Objects, Options, counts, site::upstream};
use serde_json::json;
use tokio::time::Instant;

/// What the first meshes hold, so many of them.
async fn all(set: &Clusterset, count: usize) -> anyhow::Result<Vec<Objects>> {
    let mut objects = Vec::new();
    for number in 1..=count {
        objects.push(set.settled(number).await?);
    }
    Ok(objects)
}

/// Nothing was written meanwhile but into objects whose name has this in it.
async fn only(set: &Clusterset, before: &[Objects], part: &str) -> anyhow::Result<()> {
    for (now, then) in all(set, before.len()).await?.iter().zip(before) {
        now.without(part).untouched_since(&then.without(part))?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restarts_write_only_what_changed() -> anyhow::Result<()> {
    let mut set = Box::pin(Clusterset::start(Options {
        mode: None,
        ..Options::default()
    }))
    .await?;
    let mut webs = set.deploy("web", 1, 2).await?;
    for number in [1, 2] {
        set.register(number, json!({ "mode": "Federate" })).await?;
        set.site_mut(number)?.agent.start()?;
        set.connected(number).await?;
    }
    let first = set.callers("web").await?.only(&["m1", "m2"]);
    set.as_planned(&first, &webs, counts([("m1", 4), ("m2", 4)]))
        .await?;

    // Killed while nothing happens. A real change shows that it's at work again.
    let before = all(&set, 2).await?;
    set.controller.kill();
    set.controller.restart().await?;
    webs.get_mut("m2").unwrap().scale("r2-a", 3).await?;
    set.as_planned(&first, &webs, counts([("m1", 4), ("m2", 5)]))
        .await?;
    only(&set, &before, "cw-web.net2").await?;

    // Killed while it's away, an agent changes nothing either; the change that it missed is all that it writes.
    let before = all(&set, 2).await?;
    set.site_mut(1)?.agent.kill();
    webs.get_mut("m2").unwrap().scale("r2-a", 2).await?;
    let second = set.callers("web").await?.only(&["m2"]);
    set.as_planned(&second, &webs, counts([("m2", 4)])).await?;
    set.objects(1).await?.untouched_since(&before[0])?;
    set.site_mut(1)?.agent.start()?;
    set.as_planned(&first, &webs, counts([("m1", 4), ("m2", 4)]))
        .await?;
    only(&set, &before, "cw-web.net2").await?;

    // Killed right after a registration.
    let before = all(&set, 2).await?;
    set.register(3, json!({ "mode": "Federate" })).await?;
    set.site_mut(3)?.agent.start()?;
    set.controller.kill();
    set.controller.restart().await?;
    let callers = set.callers("web").await?;
    set.as_planned(&callers, &webs, counts([("m1", 4), ("m2", 4), ("m3", 2)]))
        .await?;
    for (number, before) in [(1, &before[0]), (2, &before[1])] {
        let now = set.settled(number).await?.without("net3");
        now.untouched_since(&before.without("net3"))?;
    }

    // Killed while a loss is being found out, and again when it's known: it is withdrawn once.
    let lost = all(&set, 3).await?[1].clone();
    let site = set.site_mut(2)?;
    site.agent.kill();
    site.gateway.close().await;
    let falling = [json!("Degraded"), json!("Lost")];
    set.row_among(2, ("/verdict", &falling)).await?;
    set.controller.kill();
    set.controller.restart().await?;
    let living = set.callers("web").await?.only(&["m1", "m3"]);
    let withdrawn = |plan: &serde_json::Value| {
        ensure!(
            plan["plan"]["withdrawn"] == json!({ "net2": "Lost" }),
            "{}",
            plan["plan"]["withdrawn"]
        );
        Ok(())
    };
    set.as_planned(&living, &webs, withdrawn).await?;
    set.row(2, ("/verdict", json!("Lost"))).await?;
    let before = [set.settled(1).await?, set.settled(3).await?];
    set.controller.kill();
    set.controller.restart().await?;
    webs.get_mut("m3").unwrap().scale("r3-a", 3).await?;
    set.as_planned(&living, &webs, withdrawn).await?;
    for (number, before) in [(1, &before[0]), (3, &before[1])] {
        set.settled(number)
            .await?
            .without("cw-web.net3")
            .untouched_since(&before.without("cw-web.net3"))?;
    }
    set.objects(2).await?.untouched_since(&lost)?;

    // Killed during the hold-down, which can only grow by it.
    let site = set.site_mut(2)?;
    // Probes may reach it before we hear that it is open.
    let opened = Instant::now();
    site.gateway.open().await?;
    site.agent.start()?;
    let returning = [json!("Recovering"), json!("Serving")];
    set.row_among(2, ("/verdict", &returning)).await?;
    set.controller.kill();
    set.controller.restart().await?;
    set.as_planned(&callers, &webs, counts([("m1", 4), ("m2", 4), ("m3", 3)]))
        .await?;
    for ((member, zone), ads) in &living.ads {
        let waited = ads.view().clusters[&upstream("web")].received - opened;
        ensure!(
            waited >= Duration::from_secs(3),
            "{member}/{zone} got it back after {waited:?}"
        );
    }
    let now = set.settled(2).await?;
    now.without("cw-web.net3")
        .untouched_since(&lost.without("cw-web.net3"))?;
    ensure!(now.names() == lost.names());
    Ok(())
}
