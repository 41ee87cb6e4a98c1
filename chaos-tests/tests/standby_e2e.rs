//! Two agents for one cluster: one writes, the other stands by and takes over when the first is killed; no object of the
//! mesh is touched by that. Needs `cargo xtask assets`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use anyhow::{Context as _, ensure};
use causeway_chaos_tests::{
    causeway::{Clusterset, DEADLINE, Options, agent::Agent, counts},
    eventually,
};
use k8s_openapi::api::coordination::v1::Lease;
use kube::{Api, Client};
use serde_json::json;

/// Who holds the Lease of a cluster, with its epoch.
async fn holder(client: &Client) -> anyhow::Result<(String, u64)> {
    let lease = Api::<Lease>::namespaced(client.clone(), "causeway-system")
        .get("causeway-agent")
        .await?;
    let epoch = lease.metadata.annotations.unwrap_or_default();
    let epoch = epoch.get("causeway.dev/epoch").context("no epoch")?;
    let holder = lease.spec.and_then(|spec| spec.holder_identity);
    Ok((holder.context("nobody holds it")?, epoch.parse()?))
}

/// Waits until somebody else than `former` holds it.
async fn taken_over(client: &Client, former: &(String, u64)) -> anyhow::Result<(String, u64)> {
    eventually(DEADLINE, "the standby holds the Lease", || async {
        let now = holder(client).await?;
        ensure!(now.0 != former.0, "{now:?} still");
        Ok(now)
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_takes_over_and_no_object_flaps() -> anyhow::Result<()> {
    let mut set = Box::pin(Clusterset::start(Options {
        sites: Options::default().sites.into_iter().take(2).collect(),
        ..Options::default()
    }))
    .await?;
    let mut webs = set.deploy("web", 1, 2).await?;
    let callers = set.callers("web").await?;
    set.as_planned(&callers, &webs, counts([("m1", 4), ("m2", 4)]))
        .await?;
    let client = set.site(1)?.client().clone();
    let first = holder(&client).await?;
    let before = set.settled(1).await?;

    // A second agent of the same cluster is ready, and writes nothing.
    let kubeconfig = set.fleet.cluster("m1")?.kubeconfig()?;
    let mut standby = Agent::new(
        set.fleet.scratch(),
        &set.certificates,
        ("agent-m1-standby", "m1"),
        &kubeconfig,
        set.controller.sessions(),
    )?;
    standby.start()?;
    eventually(DEADLINE, "the standby watches", || async {
        let metrics = standby.metrics().await?;
        ensure!(metrics.contains("causeway_"), "{metrics}");
        Ok(())
    })
    .await?;
    webs.get_mut("m2").unwrap().scale("r2-a", 3).await?;
    set.as_planned(&callers, &webs, counts([("m1", 4), ("m2", 5)]))
        .await?;
    ensure!(holder(&client).await? == first, "the Lease changed hands");
    let settled = set.settled(1).await?;
    settled
        .without("cw-web.net2")
        .untouched_since(&before.without("cw-web.net2"))?;

    // The first is killed: the other takes over with a higher epoch, and finds everything as it should be.
    set.site_mut(1)?.agent.kill();
    let second = taken_over(&client, &first).await?;
    ensure!(second.1 > first.1, "{second:?} after {first:?}");
    set.row(1, ("/agent/epoch", json!(second.1))).await?;
    set.settled(1).await?.untouched_since(&settled)?;

    // It writes what changes from now on, and nothing else.
    webs.get_mut("m2").unwrap().scale("r2-a", 2).await?;
    set.as_planned(&callers, &webs, counts([("m1", 4), ("m2", 4)]))
        .await?;
    set.settled(1)
        .await?
        .without("cw-web.net2")
        .untouched_since(&settled.without("cw-web.net2"))?;

    // The first comes back and stands by.
    set.site_mut(1)?.agent.start()?;
    webs.get_mut("m2").unwrap().scale("r2-b", 3).await?;
    set.as_planned(&callers, &webs, counts([("m1", 4), ("m2", 5)]))
        .await?;
    ensure!(holder(&client).await? == second, "the Lease changed hands");
    standby.kill();
    let third = taken_over(&client, &second).await?;
    ensure!(third.1 > second.1, "{third:?} after {second:?}");
    set.row(1, ("/agent/epoch", json!(third.1))).await?;
    Ok(())
}
