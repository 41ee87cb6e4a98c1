//! Losses and returns on real parts: what is withdrawn, what never is, who alone is sent elsewhere, and when traffic may come
//! back. Needs `cargo xtask assets`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context as _, ensure};
use causeway_chaos_tests::{
    causeway::{
        Callers, Clusterset, DEADLINE, Options, Workload, counts,
        page::ReadyPage,
        site::{GATEWAY, upstream},
        told::shown,
    },
    envoy::Envoy,
    eventually,
    node::ProxyNode,
    pki::Authority,
};
use k8s_openapi::api::core::v1::Service;
use kube::{Api, api::DeleteParams};
use serde_json::{Value, json};
use tokio::time::Instant;

/// Accepts plans that leave out these networks, for these reasons, and no other.
fn without<const N: usize>(
    wanted: [(&'static str, &'static str); N],
) -> impl Fn(&Value) -> anyhow::Result<()> {
    move |explanation| {
        let wanted: Value = wanted
            .iter()
            .map(|(network, why)| ((*network).to_owned(), json!(why)))
            .collect();
        let found = &explanation["plan"]["withdrawn"];
        ensure!(*found == wanted, "withdrawn is {found}, not {wanted}");
        Ok(())
    }
}

/// Accepts plans that leave out nothing, and in which callers of this member alone do not reach this network, or all reach
/// all.
fn unreached(from: Option<(&'static str, &'static str)>) -> impl Fn(&Value) -> anyhow::Result<()> {
    move |explanation| {
        without([])(explanation)?;
        for source in explanation["inputs"]["sources"].as_array().unwrap() {
            let wanted = match from {
                Some((member, network)) if source["source"]["member"] == member => json!([network]),
                _ => json!([]),
            };
            ensure!(source["unreachable"] == wanted, "{source}, not {wanted}");
        }
        Ok(())
    }
}

/// How many callers in these members are told of this address.
fn told_of(callers: &Callers, members: &[&str], address: &str) -> usize {
    let all = callers.ads.iter();
    let theirs = all.filter(|((member, _), _)| members.contains(&member.as_str()));
    theirs
        .filter(|(_, ads)| {
            let view = ads.view();
            let told = &view.clusters[&upstream("web")].endpoints;
            told.iter().any(|one| one.socket() == address)
        })
        .count()
}

/// Observers are kept from the first gateway, one at a time: what one does not reach is not lost, and a place whose own agent
/// does not reach it is sent elsewhere alone.
async fn one_pair_is_cut(
    set: &mut Clusterset,
    webs: &mut BTreeMap<String, Workload>,
    callers: &Callers,
    page: &ReadyPage,
) -> anyhow::Result<()> {
    let controller = set.controller.process().id().context("no controller")?;
    let agent = set.site_mut(3)?.agent.process().id().context("no agent")?;
    let gateway = set.site(1)?.gateway.address().to_string();

    // The controller: two agents reach it, and nothing moves.
    page.keep_out(&[controller]);
    set.row(1, ("/gateways/0/verdict", json!("Degraded")))
        .await?;
    webs.get_mut("m3").unwrap().scale("r3-a", 4).await?;
    let fits = |plan: &Value| {
        unreached(None)(plan)?;
        counts([("m3", 4)])(plan)
    };
    set.as_planned(callers, webs, fits).await?;
    page.keep_out(&[]);
    set.row(1, ("/gateways/0/verdict", json!("Serving")))
        .await?;

    // The agent of the third cluster: callers there lose that way, and nobody else's object is touched.
    let others = [set.settled(1).await?, set.settled(2).await?];
    page.keep_out(&[agent]);
    let plan = set
        .as_planned(callers, webs, unreached(Some(("m3", "net1"))))
        .await?;
    let notes = &plan["report"]["notes"];
    let note = "m3/r3-a does not reach network net1, though others do: it alone is sent elsewhere";
    ensure!(notes.as_array().unwrap().contains(&json!(note)), "{notes}");
    ensure!(told_of(callers, &["m3"], &gateway) == 0);
    ensure!(told_of(callers, &["m2"], &gateway) == 2);
    let third = set.settled(3).await?;
    ensure!(
        !third.names().contains(&"WorkloadEntry shop/cw-web.net1"),
        "{:?}",
        third.names()
    );
    for (number, before) in [(1, &others[0]), (2, &others[1])] {
        set.settled(number).await?.untouched_since(before)?;
    }

    // Both reach it again, and nothing of this was ever a loss.
    page.keep_out(&[]);
    webs.get_mut("m3").unwrap().scale("r3-a", 2).await?;
    let fits = |plan: &Value| {
        unreached(None)(plan)?;
        counts([("m3", 2)])(plan)
    };
    set.as_planned(callers, webs, fits).await?;
    ensure!(told_of(callers, &["m3"], &gateway) == 1);
    set.row(1, ("/gateways/0/verdict", json!("Serving")))
        .await?;
    let explained = set.controller.cli();
    let explained = explained.json(&["explain", "member/m1"]).await?;
    let changes = explained["around"]["changes"].as_array().unwrap();
    let fell = |to: &str| changes.iter().any(|change| change["to"] == to);
    ensure!(fell("Degraded") && !fell("Lost"), "{changes:#?}");
    Ok(())
}

/// A caller's Envoy in the first cluster.
async fn envoy(set: &Clusterset, authority: &Authority, pod: &str) -> anyhow::Result<Envoy> {
    let site = set.site(1)?;
    let node = ProxyNode {
        pod: pod.to_owned(),
        ..site.sidecar("r1-a")
    };
    Envoy::start(set.fleet.scratch(), &site.istiod, authority, &node).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_lost_is_withdrawn_and_comes_back_and_nothing_else_is_touched() -> anyhow::Result<()>
{
    let mut set = Box::pin(Clusterset::start(Options::default())).await?;
    // The first gateway is probed by a page, from which single observers can be kept.
    let page = ReadyPage::open_at(1).await?;
    let http = json!({ "port": page.address().port(), "path": "/ready" });
    let probes = json!({ "gateway": "HTTP", "http": http });
    set.register(1, json!({ "mode": "Federate", "probes": probes }))
        .await?;
    let mut webs = set.deploy("web", 1, 2).await?;
    let callers = set.callers("web").await?;
    set.as_planned(&callers, &webs, counts([("m1", 4), ("m2", 4), ("m3", 2)]))
        .await?;
    let (two, three) = (set.settled(2).await?, set.settled(3).await?);

    // The API server of a member is killed: what was last seen of it stays, and the others' changes go on.
    set.fleet.cluster_mut("m2")?.kill();
    set.condition(2, ("APIReachable", "False", "Unreachable"))
        .await?;
    webs.get_mut("m3").unwrap().scale("r3-a", 3).await?;
    let living = set.callers("web").await?.only(&["m1", "m3"]);
    let plan = set
        .as_planned(&living, &webs, counts([("m1", 4), ("m2", 4), ("m3", 3)]))
        .await?;
    without([])(&plan)?;
    set.objects(3).await?.untouched_since(&three)?;
    set.fleet.cluster_mut("m2")?.restart().await?;
    set.condition(2, ("APIReachable", "True", "Reachable"))
        .await?;
    set.as_planned(&callers, &webs, counts([("m2", 4), ("m3", 3)]))
        .await?;
    set.settled(2)
        .await?
        .without("cw-web.net3")
        .untouched_since(&two.without("cw-web.net3"))?;

    // That of the host cluster is killed: decisions don't need it.
    set.fleet.cluster_mut("m1")?.kill();
    webs.get_mut("m3").unwrap().scale("r3-a", 2).await?;
    let living = set.callers("web").await?.only(&["m2", "m3"]);
    set.as_planned(&living, &webs, counts([("m1", 4), ("m2", 4), ("m3", 2)]))
        .await?;
    set.fleet.cluster_mut("m1")?.restart().await?;
    set.condition(1, ("APIReachable", "True", "Reachable"))
        .await?;
    set.as_planned(&callers, &webs, without([])).await?;

    one_pair_is_cut(&mut set, &mut webs, &callers, &page).await?;

    // A whole member is lost: its agent and its gateway fall silent.
    let two = set.settled(2).await?;
    let site = set.site_mut(2)?;
    site.agent.kill();
    site.gateway.close().await;
    let living = set.callers("web").await?.only(&["m1", "m3"]);
    set.as_planned(&living, &webs, without([("net2", "Lost")]))
        .await?;
    set.row(2, ("/verdict", json!("Lost"))).await?;
    let status = set.controller.cli().run(&["status"]).await?;
    ensure!(
        status.code == 4,
        "causeway status ended with {}: {}",
        status.code,
        status.out
    );
    // Nobody writes into the mesh of the lost one, and its callers have what they had.
    set.objects(2).await?.untouched_since(&two)?;
    let own = &callers.ads[&("m2".to_owned(), "r2-a".to_owned())].view();
    let told: Vec<String> = own.clusters[&upstream("web")]
        .endpoints
        .iter()
        .map(shown)
        .collect();
    ensure!(
        told.iter().filter(|line| line.contains("127.0.1.")).count() == 2,
        "{told:#?}"
    );

    // It comes back, and waits out its hold-down before traffic does.
    let site = set.site_mut(2)?;
    // Probes may reach it before we hear that it is open.
    let opened = Instant::now();
    site.gateway.open().await?;
    site.agent.start()?;
    let returning = [json!("Recovering"), json!("Serving")];
    set.row_among(2, ("/verdict", &returning)).await?;
    set.as_planned(&callers, &webs, without([])).await?;
    let gateway = set.site(2)?.gateway.address().to_string();
    for ((member, zone), ads) in &living.ads {
        let told = &ads.view().clusters[&upstream("web")];
        ensure!(told.endpoints.iter().any(|one| one.socket() == gateway));
        let waited = told.received - opened;
        ensure!(
            waited >= Duration::from_secs(3),
            "{member}/{zone} got it back after {waited:?}"
        );
    }
    set.row(2, ("/verdict", json!("Serving"))).await?;
    set.settled(2).await?.untouched_since(&two)?;

    // The last gateways of a mesh disappear, its own too: no proxy is wedged, neither an old nor a new one.
    let authority = Authority::new("mesh")?;
    let old = envoy(&set, &authority, "old").await?;
    let services = Api::<Service>::namespaced(set.site(1)?.client().clone(), "istio-system");
    services.delete(GATEWAY, &DeleteParams::default()).await?;
    for number in [2, 3] {
        set.sites[number - 1].gateway.close().await;
    }
    let first = set.callers("web").await?.only(&["m1"]);
    set.as_planned(&first, &webs, |plan| {
        ensure!(
            plan["plan"]["withdrawn"].as_object().unwrap().len() == 3,
            "{}",
            plan["plan"]["withdrawn"]
        );
        Ok(())
    })
    .await?;
    let new = envoy(&set, &authority, "new").await?;
    let pods = |count: usize| {
        move |found: &[causeway_chaos_tests::Endpoint]| {
            found.len() == count && found.iter().all(|one| one.port == 8080)
        }
    };
    for envoy in [&old, &new] {
        envoy.wait_for(&upstream("web"), DEADLINE, pods(4)).await?;
    }
    webs.get_mut("m1").unwrap().scale("r1-b", 3).await?;
    for envoy in [&old, &new] {
        envoy.wait_for(&upstream("web"), DEADLINE, pods(5)).await?;
        let name = format!("cluster.{}.update_rejected", upstream("web"));
        ensure!(
            envoy.stat(&name).await.unwrap_or(0) == 0,
            "an Envoy refused endpoints"
        );
    }
    set.site(1)?.put_gateway().await?;
    for number in [2, 3] {
        set.sites[number - 1].gateway.open().await?;
    }
    eventually(
        DEADLINE,
        "both networks are back at an old proxy",
        || async {
            let found = old.assignment(&upstream("web")).await?;
            ensure!(found.len() == 7, "{found:#?}");
            Ok(())
        },
    )
    .await
}
