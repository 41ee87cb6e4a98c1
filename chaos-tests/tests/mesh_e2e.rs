//! Three real clusters become one mesh: what is exported in one appears in the others, follows every change of it, and
//! what istiod then tells callers is what `causeway explain` says. Needs `cargo xtask assets`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeMap;

use anyhow::ensure;
use causeway_chaos_tests::{
    causeway::{Clusterset, DEADLINE, Objects, Options, Workload, site::upstream, told::shown},
    envoy::Envoy,
    pki::Authority,
};
use serde_json::{Value, json};

/// How many endpoints of a member the plan counts.
fn ready(plan: &Value, member: &str) -> u64 {
    let all = plan["inputs"]["destinations"].as_array().unwrap().iter();
    all.filter(|one| one["member"] == member).map(|one| one["ready"].as_u64().unwrap()).sum()
}

fn counts(wanted: &[(&str, u64)]) -> impl Fn(&Value) -> anyhow::Result<()> {
    let wanted: Vec<(String, u64)> = wanted.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
    move |plan| {
        for (member, count) in &wanted {
            let found = ready(plan, member);
            ensure!(found == *count, "{member} counts {found}, not {count}");
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_clusters_become_one_mesh_and_follow_every_change() -> anyhow::Result<()> {
    let mut set = Box::pin(Clusterset::start(Options::default())).await?;
    let mut one = Workload::deploy(set.site(1)?, "web", 1, &[("r1-a", 2), ("r1-b", 1)]).await?;
    let mut two = Workload::deploy(set.site(2)?, "web", 1, &[("r2-a", 1), ("r2-b", 1)]).await?;
    let mut three = Workload::deploy(set.site(3)?, "web", 1, &[("r3-a", 3)]).await?;
    let callers = set.callers("web").await?;
    macro_rules! all {
        () => {
            BTreeMap::from([("m1".to_owned(), &one), ("m2".to_owned(), &two), ("m3".to_owned(), &three)])
        };
    }

    // Exported by one: the two others see it, and it alone has no entry for anybody.
    set.site(1)?.export("web").await?;
    set.as_planned(&callers, &all!(), counts(&[("m1", 3)])).await?;
    for number in [2, 3] {
        let written = Objects::of(set.site(number)?.client()).await?;
        ensure!(written.0.contains_key("WorkloadEntry shop/cw-web.net1"), "{:?}", written.names());
    }
    set.site(2)?.export("web").await?;
    set.site(3)?.export("web").await?;
    let plan = set.as_planned(&callers, &all!(), counts(&[("m1", 3), ("m2", 2), ("m3", 3)])).await?;
    for source in plan["plan"]["sources"].as_array().unwrap() {
        ensure!(source["standby"].as_array().unwrap().len() == 2, "{source}");
    }

    // A real Envoy in each is told the same, and refuses nothing.
    let authority = Authority::new("mesh")?;
    let mut envoys = Vec::new();
    for site in &set.sites {
        let zone = &site.spec.zones[0];
        let envoy = Envoy::start(set.fleet.scratch(), &site.istiod, &authority, &site.sidecar(zone)).await?;
        envoys.push((site.name().to_owned(), zone.clone(), envoy));
    }
    for (member, zone, envoy) in &envoys {
        let told = callers.ads[&(member.clone(), zone.clone())].view();
        let told: Vec<String> = told.clusters[&upstream("web")].endpoints.iter().map(shown).collect();
        envoy
            .wait_for(&upstream("web"), DEADLINE, |found| found.iter().map(shown).collect::<Vec<_>>() == told)
            .await?;
    }

    // Scaled up and down.
    two.scale("r2-a", 4).await?;
    set.as_planned(&callers, &all!(), counts(&[("m2", 5)])).await?;
    two.scale("r2-b", 0).await?;
    set.as_planned(&callers, &all!(), counts(&[("m2", 4)])).await?;

    // Rolled: all pods are new, and the others have nothing to write for it.
    set.row(3, ("/lag_ms", json!(0))).await?;
    let before = Objects::of(set.site(3)?.client()).await?;
    one.roll().await?;
    set.as_planned(&callers, &all!(), counts(&[("m1", 3)])).await?;
    Objects::of(set.site(3)?.client()).await?.untouched_since(&before)?;

    // Its port gets another name.
    for workload in [&mut one, &mut two, &mut three] {
        workload.port = "web".to_owned();
        workload.put_service().await?;
    }
    set.as_planned(&callers, &all!(), |plan| {
        ensure!(plan["inputs"]["ports"] == json!(["web"]), "{}", plan["inputs"]["ports"]);
        counts(&[("m1", 3), ("m2", 4), ("m3", 3)])(plan)
    })
    .await?;

    // A zone gets another name, and pods.
    set.site_mut(2)?.relabel("r2-b", "r2-c").await?;
    two.moved("r2-b", "r2-c").await?;
    two.scale_on(("r2-b", "r2-c"), 2).await?;
    let callers = set.callers("web").await?;
    set.as_planned(&callers, &all!(), counts(&[("m2", 6)])).await?;

    // Deleted in one cluster, whose callers still find the others; and made again.
    one.delete_service().await?;
    let others = BTreeMap::from([("m2".to_owned(), &two), ("m3".to_owned(), &three)]);
    set.as_planned(&callers, &others, counts(&[("m1", 0)])).await?;
    one.put_service().await?;
    set.as_planned(&callers, &all!(), counts(&[("m1", 3), ("m2", 6), ("m3", 3)])).await?;

    for (member, zone, envoy) in &envoys {
        ensure!(envoy.stat("cluster_manager.cds.update_rejected").await? == 0, "{member}/{zone}");
    }
    Ok(())
}
