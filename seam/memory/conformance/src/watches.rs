//! Watches: order, beginnings, selections, bookmarks, ends.

use std::collections::BTreeSet;
use std::pin::pin;

use anyhow::{Context as _, bail, ensure};
use futures::StreamExt as _;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind};
use kube::runtime::watcher::{self, Event, watcher};
use serde_json::{Value, json};

use crate::cluster::{Cluster, DEADLINE, revision, text};
use crate::objects::{entries, entry};

fn labelled(name: &str, label: &str) -> Value {
    let mut object = entry(name, "10.0.0.1");
    object["metadata"]["labels"] = json!({ "app": label });
    object
}

pub(crate) async fn changes_arrive_in_order(c: &Cluster) -> anyhow::Result<()> {
    let ns = c.namespace("changes_arrive_in_order").await?;
    let path = entries(&ns);
    c.post(&path, &entry("before", "10.0.0.1"))
        .await?
        .expect(201)?;
    let from = revision(&c.get(&path).await?.expect(200)?)?;
    c.post(&path, &entry("a", "10.0.0.1")).await?.expect(201)?;
    let mut watch = c.watch(&format!("{path}?resourceVersion={from}")).await?;
    let added = watch.expect("ADDED", "a").await?;
    ensure!(
        added["kind"] == "WorkloadEntry" && added["spec"]["address"] == "10.0.0.1",
        "{added}"
    );
    let written = c
        .merge(
            &format!("{path}/a"),
            &json!({ "spec": { "address": "10.0.0.2" } }),
        )
        .await?
        .expect(200)?;
    let changed = watch.expect("MODIFIED", "a").await?;
    ensure!(changed["spec"]["address"] == "10.0.0.2", "{changed}");
    ensure!(revision(&changed)? == revision(&written)?, "{changed}");
    c.delete(&format!("{path}/a"), None).await?.expect(200)?;
    let gone = watch.expect("DELETED", "a").await?;
    // A deletion shows the last state, at the revision of the deletion.
    ensure!(gone["spec"]["address"] == "10.0.0.2", "{gone}");
    ensure!(revision(&gone)? > revision(&changed)?, "{gone}");
    c.post(&path, &entry("a", "10.0.0.3")).await?.expect(201)?;
    let back = watch.expect("ADDED", "a").await?;
    ensure!(
        back["metadata"]["uid"] != added["metadata"]["uid"],
        "{back}"
    );

    // Resumed from any revision that was seen, a watch continues right behind it.
    let mut resumed = c
        .watch(&format!("{path}?resourceVersion={}", revision(&changed)?))
        .await?;
    resumed.expect("DELETED", "a").await?;
    resumed.expect("ADDED", "a").await?;
    let mut resumed = c
        .watch(&format!("{path}?resourceVersion={}", revision(&gone)?))
        .await?;
    resumed.expect("ADDED", "a").await?;
    Ok(())
}

pub(crate) async fn watches_begin_with_what_is_there(c: &Cluster) -> anyhow::Result<()> {
    let ns = c.namespace("watches_begin_with_what_is_there").await?;
    let path = entries(&ns);
    for name in ["a", "b"] {
        c.post(&path, &entry(name, "10.0.0.1")).await?.expect(201)?;
    }
    // At the revision 0 that is what a cache holds, which follows a little later.
    c.eventually(|| async {
        let mut watch = c.watch(&format!("{path}?resourceVersion=0")).await?;
        let one = watch.expect("ADDED", "a").await?;
        watch.expect("ADDED", "b").await?;
        ensure!(one["spec"]["address"] == "10.0.0.1", "{one}");
        Ok(())
    })
    .await?;
    let mut watch = c.watch(&path).await?;
    watch.expect("ADDED", "a").await?;
    watch.expect("ADDED", "b").await?;
    c.post(&path, &entry("c", "10.0.0.1")).await?.expect(201)?;
    watch.expect("ADDED", "c").await?;
    Ok(())
}

pub(crate) async fn watches_are_selected(c: &Cluster) -> anyhow::Result<()> {
    let ns = c.namespace("watches_are_selected").await?;
    let other = c.namespace("watches_are_selected_2").await?;
    let path = entries(&ns);
    let from = revision(&c.get(&path).await?.expect(200)?)?;
    let mut web = c
        .watch(&format!(
            "{path}?resourceVersion={from}&labelSelector=app%3Dweb"
        ))
        .await?;
    let mut named = c
        .watch(&format!(
            "{path}?resourceVersion={from}&fieldSelector=metadata.name%3Db"
        ))
        .await?;
    let everywhere = "/apis/networking.istio.io/v1/workloadentries";
    let mut all = c
        .watch(&format!(
            "{everywhere}?resourceVersion={from}&labelSelector=app%3Dselected"
        ))
        .await?;

    c.post(&path, &labelled("a", "api")).await?.expect(201)?;
    let relabel = |label: &str| json!({ "metadata": { "labels": { "app": label } } });
    // What begins to fit is added, what ceases to fit is deleted.
    c.merge(&format!("{path}/a"), &relabel("web"))
        .await?
        .expect(200)?;
    web.expect("ADDED", "a").await?;
    c.merge(&format!("{path}/a"), &json!({ "spec": { "weight": 2 } }))
        .await?
        .expect(200)?;
    web.expect("MODIFIED", "a").await?;
    let moved = c
        .merge(&format!("{path}/a"), &relabel("api"))
        .await?
        .expect(200)?;
    let gone = web.expect("DELETED", "a").await?;
    ensure!(
        gone["metadata"]["labels"]["app"] == "web",
        "the state that did fit: {gone}"
    );
    ensure!(
        revision(&gone)? == revision(&moved)?,
        "at the revision of the change: {gone}"
    );
    c.delete(&format!("{path}/a"), None).await?.expect(200)?;
    c.post(&path, &labelled("b", "web")).await?.expect(201)?;
    web.expect("ADDED", "b").await?;
    named.expect("ADDED", "b").await?;
    c.post(&entries(&other), &labelled("x", "selected"))
        .await?
        .expect(201)?;
    c.post(&path, &labelled("y", "selected"))
        .await?
        .expect(201)?;
    all.expect("ADDED", "x").await?;
    all.expect("ADDED", "y").await?;
    Ok(())
}

pub(crate) async fn bookmarks_come_and_watches_end(c: &Cluster) -> anyhow::Result<()> {
    let ns = c.namespace("bookmarks_come_and_watches_end").await?;
    let path = entries(&ns);
    let from = revision(&c.get(&path).await?.expect(200)?)?;
    let asked = format!("{path}?resourceVersion={from}&timeoutSeconds=4");
    let mut marked = c
        .watch(&format!("{asked}&allowWatchBookmarks=true"))
        .await?;
    let mut plain = c.watch(&asked).await?;
    let made = c.post(&path, &entry("a", "10.0.0.1")).await?.expect(201)?;
    marked.expect("ADDED", "a").await?;
    plain.expect("ADDED", "a").await?;
    let Some(("BOOKMARK", mark)) = marked.next().await? else {
        bail!("no bookmark before the end");
    };
    ensure!(mark["kind"] == "WorkloadEntry", "{mark}");
    ensure!(revision(&mark)? >= revision(&made)?, "{mark}");
    // Both end by themselves, and a bookmark is a good place to go on.
    loop {
        match marked.next().await? {
            None => break,
            Some(("BOOKMARK", _)) => {}
            Some(other) => bail!("{other:?}"),
        }
    }
    ensure!(plain.next().await?.is_none(), "bookmarks for nobody");
    let mut resumed = c
        .watch(&format!("{path}?resourceVersion={}", revision(&mark)?))
        .await?;
    c.post(&path, &entry("b", "10.0.0.1")).await?.expect(201)?;
    resumed.expect("ADDED", "b").await?;
    Ok(())
}

pub(crate) async fn forgotten_revisions_are_told(c: &Cluster) -> anyhow::Result<()> {
    let ns = c.namespace("forgotten_revisions_are_told").await?;
    let path = entries(&ns);
    c.post(&path, &entry("a", "10.0.0.1")).await?.expect(201)?;
    // The watch begins, and its first event says that the past is gone.
    let mut watch = c.watch(&format!("{path}?resourceVersion=1")).await?;
    let Some(("ERROR", status)) = watch.next().await? else {
        bail!("no error");
    };
    ensure!(
        status["code"] == 410 && status["reason"] == "Expired",
        "{status}"
    );
    ensure!(
        text(&status, "/message").contains("too old resource version"),
        "{status}"
    );
    ensure!(watch.next().await?.is_none(), "something after the error");
    c.watch(&format!("{path}?resourceVersion=nonsense"))
        .await
        .err()
        .context("a revision must be a number")?;
    Ok(())
}

/// The watcher that our code uses, as it is: pages, then changes.
pub(crate) async fn watchers_follow(c: &Cluster) -> anyhow::Result<()> {
    let ns = c.namespace("watchers_follow").await?;
    let path = entries(&ns);
    let names: Vec<String> = (0..7).map(|number| format!("e{number}")).collect();
    for name in &names {
        c.post(&path, &entry(name, "10.0.0.1")).await?.expect(201)?;
    }
    let kind = GroupVersionKind::gvk("networking.istio.io", "v1", "WorkloadEntry");
    let resource = ApiResource::from_gvk_with_plural(&kind, "workloadentries");
    let api: Api<DynamicObject> = Api::namespaced_with(c.client.clone(), &ns, &resource);
    let mut stream = pin!(watcher(api, watcher::Config::default().page_size(3)));
    let mut next = async || {
        let next = tokio::time::timeout(DEADLINE, stream.next()).await;
        anyhow::Ok(next.context("nothing came")?.context("the end")??)
    };
    ensure!(matches!(next().await?, Event::Init), "no beginning");
    let mut seen = BTreeSet::new();
    loop {
        match next().await? {
            Event::InitApply(object) => seen.insert(object.metadata.name.unwrap_or_default()),
            Event::InitDone => break,
            other => bail!("{other:?}"),
        };
    }
    ensure!(seen == names.iter().cloned().collect(), "{seen:?}");
    c.merge(&format!("{path}/e3"), &json!({ "spec": { "weight": 9 } }))
        .await?
        .expect(200)?;
    let Event::Apply(object) = next().await? else {
        bail!("no change");
    };
    ensure!(object.data["spec"]["weight"] == 9, "{object:?}");
    c.delete(&format!("{path}/e3"), None).await?.expect(200)?;
    ensure!(matches!(next().await?, Event::Delete(_)), "no deletion");
    Ok(())
}

pub(crate) async fn watches_show_their_version(c: &Cluster) -> anyhow::Result<()> {
    let ns = c.namespace("watches_show_their_version").await?;
    let path = format!("/apis/networking.istio.io/v1beta1/namespaces/{ns}/workloadentries");
    let from = revision(&c.get(&path).await?.expect(200)?)?;
    let mut watch = c.watch(&format!("{path}?resourceVersion={from}")).await?;
    c.post(&entries(&ns), &entry("a", "10.0.0.1"))
        .await?
        .expect(201)?;
    let added = watch.expect("ADDED", "a").await?;
    ensure!(
        added["apiVersion"] == "networking.istio.io/v1beta1",
        "{added}"
    );
    Ok(())
}
