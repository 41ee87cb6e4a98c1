//! Three real clusters become one mesh: what is exported in one appears in the others, follows every change of it, and
//! what istiod then tells callers is what `causeway explain` says; and whoever leaves it, leaves once others serve its callers.
//! Needs `cargo xtask assets`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use causeway_chaos_tests::{
    causeway::{
        Callers, Clusterset, DEADLINE, Options, Workload, counts, declared, site::upstream,
        told::shown,
    },
    envoy::Envoy,
    eventually,
    pki::Authority,
};
use kube::api::DeleteParams;
use serde_json::{Value, json};

/// Whether any caller in another member is sent to the third, or may be.
fn goes_to_the_third(plan: &Value) -> bool {
    let sources = plan["plan"]["sources"].as_array().unwrap().iter();
    let mut others = sources.filter(|source| source["source"]["member"] != "m3");
    others.any(|source| {
        let shares = source["shares"].as_array().unwrap();
        let sent = shares
            .iter()
            .any(|share| share["destination"]["Network"] == "net3");
        sent || source["standby"]
            .as_array()
            .unwrap()
            .contains(&json!("net3"))
    })
}

/// Deletes the MemberCluster of a cluster in its host.
async fn delete(set: &Clusterset, name: &str) -> anyhow::Result<()> {
    let members = declared::api(set.host(), "causeway.dev/v1alpha1", "MemberCluster", None);
    members.delete(name, &DeleteParams::default()).await?;
    Ok(())
}

/// Waits until the registry has a member in this state; `None`: not at all. Returns what it says of it.
async fn leaves(set: &Clusterset, name: &str, state: Option<&str>) -> anyhow::Result<String> {
    let what = format!("the registry has {name} as {state:?}");
    eventually(DEADLINE, &what, || async {
        let report = set.controller.cli().json(&["registry", "list"]).await?;
        let mut rows = report["objects"].as_array().context("no list")?.iter();
        let object = format!("MemberCluster/{name}");
        let row = rows.find(|row| row["object"] == object);
        let found = row.and_then(|row| row["state"].as_str());
        ensure!(found == state, "{report}");
        Ok(row.map(|row| row["note"].to_string()).unwrap_or_default())
    })
    .await
}

/// Waits until a policy says what the loss of each cluster would do to its services, of which nobody declared demand or
/// capacity.
async fn says_what_losses_would_do(
    set: &Clusterset,
    (namespace, name): (&str, &str),
) -> anyhow::Result<()> {
    let api = "causeway.dev/v1alpha1";
    let policies = declared::api(set.host(), api, "FailoverPolicy", Some(namespace));
    let what = format!("{namespace}/{name} says what losses would do");
    eventually(DEADLINE, &what, || async {
        let status = policies.get(name).await?.data["status"].clone();
        let rows = status["readiness"].as_array().context("nothing")?;
        for member in ["m1", "m2", "m3"] {
            let domain = format!("member/{member}");
            let row = rows.iter().find(|row| row["lose"] == domain);
            let row = row.with_context(|| format!("{domain} is not in {status}"))?;
            ensure!(row["outcome"] == "Unproven" && row["score"] == 100, "{row}");
        }
        let mut conditions = status["conditions"].as_array().context("none")?.iter();
        let said = conditions.find(|row| row["type"] == "LossSurvivable");
        let said = said.with_context(|| format!("{status}"))?;
        ensure!(
            said["status"] == "Unknown" && said["reason"] == "Unproven",
            "{said}"
        );
        Ok(())
    })
    .await
}

/// A member whose MemberCluster is deleted goes once nobody needs it, and no sooner; one that is deleted right after it is
/// held back.
async fn a_member_leaves_when_its_callers_have_left(
    set: &Clusterset,
    webs: &mut BTreeMap<String, Workload>,
    callers: Callers,
) -> anyhow::Result<()> {
    // Nobody else has anything ready: all callers go to the third, and it stays for as long as that is so.
    let first = webs.get_mut("m1").unwrap();
    first.scale("r1-a", 0).await?;
    first.scale("r1-b", 0).await?;
    let second = webs.get_mut("m2").unwrap();
    second.scale("r2-a", 0).await?;
    second.scale_on(("r2-b", "r2-c"), 0).await?;
    set.as_planned(&callers, webs, counts([("m1", 0), ("m2", 0), ("m3", 3)]))
        .await?;
    delete(set, "m3").await?;
    let why = leaves(set, "m3", Some("Draining")).await?;
    ensure!(why.contains("create it again to keep it"), "{why}");
    set.as_planned(&callers, webs, |plan| {
        ensure!(goes_to_the_third(plan), "nobody goes to m3");
        Ok(())
    })
    .await?;

    // Others serve again: callers are told of those, and of the third no more. Only then it goes.
    webs.get_mut("m2").unwrap().scale("r2-a", 2).await?;
    let others = callers.only(&["m1", "m2"]);
    set.as_planned(&others, webs, |plan| {
        counts([("m2", 2)])(plan)?;
        ensure!(!goes_to_the_third(plan), "somebody goes to m3");
        Ok(())
    })
    .await?;
    leaves(set, "m3", None).await?;

    // Another one so soon is more likely a mistake: it stays, and says how to go on.
    delete(set, "m2").await?;
    let why = leaves(set, "m2", Some("Quarantined")).await?;
    ensure!(
        why.contains("causeway registry confirm MemberCluster m2"),
        "{why}"
    );
    set.as_planned(&others, webs, counts([("m2", 2)])).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_clusters_become_one_mesh_and_follow_every_change() -> anyhow::Result<()> {
    let mut set = Box::pin(Clusterset::start(Options::default())).await?;
    let mut webs = BTreeMap::new();
    for (number, pods) in [
        (1, &[("r1-a", 2), ("r1-b", 1)][..]),
        (2, &[("r2-a", 1), ("r2-b", 1)]),
        (3, &[("r3-a", 3)]),
    ] {
        let site = set.site(number)?;
        webs.insert(
            site.name().to_owned(),
            Workload::deploy(site, "web", 1, pods).await?,
        );
    }
    let callers = set.callers("web").await?;

    // Exported by one: the two others see it, and it alone has no entry for anybody.
    set.site(1)?.export("web").await?;
    set.as_planned(&callers, &webs, counts([("m1", 3)])).await?;
    for number in [2, 3] {
        let written = set.objects(number).await?;
        ensure!(
            written.0.contains_key("WorkloadEntry shop/cw-web.net1"),
            "{:?}",
            written.names()
        );
    }
    set.site(2)?.export("web").await?;
    set.site(3)?.export("web").await?;
    let plan = set
        .as_planned(&callers, &webs, counts([("m1", 3), ("m2", 2), ("m3", 3)]))
        .await?;
    for source in plan["plan"]["sources"].as_array().unwrap() {
        ensure!(source["standby"].as_array().unwrap().len() == 2, "{source}");
    }

    // What is said of losses is looked at below, once it had the time to come.
    declared::policy(set.host(), ("shop", "web"), json!({})).await?;

    // A real Envoy in each is told the same, and refuses nothing.
    let authority = Authority::new("mesh")?;
    let mut envoys = Vec::new();
    for site in &set.sites {
        let zone = &site.spec.zones[0];
        let envoy = Envoy::start(
            set.fleet.scratch(),
            &site.istiod,
            &authority,
            &site.sidecar(zone),
        )
        .await?;
        envoys.push((site.name().to_owned(), zone.clone(), envoy));
    }
    for (member, zone, envoy) in &envoys {
        let told = callers.ads[&(member.clone(), zone.clone())].view();
        let told: Vec<String> = told.clusters[&upstream("web")]
            .endpoints
            .iter()
            .map(shown)
            .collect();
        envoy
            .wait_for(&upstream("web"), DEADLINE, |found| {
                found.iter().map(shown).collect::<Vec<_>>() == told
            })
            .await?;
    }

    // Scaled up and down.
    webs.get_mut("m2").unwrap().scale("r2-a", 4).await?;
    set.as_planned(&callers, &webs, counts([("m2", 5)])).await?;
    webs.get_mut("m2").unwrap().scale("r2-b", 0).await?;
    set.as_planned(&callers, &webs, counts([("m2", 4)])).await?;

    // Rolled: all pods are new, and the others have nothing to write for it.
    let before = set.settled(3).await?;
    webs.get_mut("m1").unwrap().roll().await?;
    set.as_planned(&callers, &webs, counts([("m1", 3)])).await?;
    set.objects(3).await?.untouched_since(&before)?;

    // Its port gets another name.
    for workload in webs.values_mut() {
        workload.port = "web".to_owned();
        workload.put_service().await?;
    }
    set.as_planned(&callers, &webs, |plan| {
        ensure!(
            plan["inputs"]["ports"] == json!(["web"]),
            "{}",
            plan["inputs"]["ports"]
        );
        counts([("m1", 3), ("m2", 4), ("m3", 3)])(plan)
    })
    .await?;

    // A zone gets another name, and pods.
    set.site_mut(2)?.relabel("r2-b", "r2-c").await?;
    webs.get_mut("m2").unwrap().moved("r2-b", "r2-c").await?;
    webs.get_mut("m2")
        .unwrap()
        .scale_on(("r2-b", "r2-c"), 2)
        .await?;
    let callers = set.callers("web").await?;
    set.as_planned(&callers, &webs, counts([("m2", 6)])).await?;

    // Deleted in one cluster, whose callers still find the others; and made again.
    webs.get_mut("m1").unwrap().delete_service().await?;
    let mut others = webs.clone();
    others.remove("m1");
    set.as_planned(&callers, &others, counts([("m1", 0)]))
        .await?;
    webs.get_mut("m1").unwrap().put_service().await?;
    set.as_planned(&callers, &webs, counts([("m1", 3), ("m2", 6), ("m3", 3)]))
        .await?;

    for policy in [("shop", "web"), ("causeway-system", "defaults")] {
        says_what_losses_would_do(&set, policy).await?;
    }
    for (member, zone, envoy) in &envoys {
        ensure!(
            envoy.stat("cluster_manager.cds.update_rejected").await? == 0,
            "{member}/{zone}"
        );
    }
    a_member_leaves_when_its_callers_have_left(&set, &mut webs, callers).await
}
