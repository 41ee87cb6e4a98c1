//! Lists: pages, selectors, namespaces.

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use crate::cluster::{Cluster, revision, text};
use crate::objects::{entries, entry, slice};

/// Names of the items.
fn names(list: &Value) -> Vec<&str> {
    let items = list["items"].as_array();
    items
        .into_iter()
        .flatten()
        .map(|item| text(item, "/metadata/name"))
        .collect()
}

pub(crate) async fn pages_are_of_one_revision(c: &Cluster) -> anyhow::Result<()> {
    let ns = c.namespace("pages_are_of_one_revision").await?;
    let path = entries(&ns);
    let empty = c.get(&path).await?.expect(200)?;
    ensure!(
        empty["kind"] == "WorkloadEntryList" && empty["items"] == json!([]),
        "{empty}"
    );
    ensure!(revision(&empty)? > 0, "{empty}");
    for name in ["a", "b", "c", "d", "e"] {
        c.post(&path, &entry(name, "10.0.0.1")).await?.expect(201)?;
    }
    let first = c.get(&format!("{path}?limit=2")).await?.expect(200)?;
    ensure!(names(&first) == ["a", "b"], "{first}");
    ensure!(first["metadata"]["remainingItemCount"] == 3, "{first}");
    // What happens now is no part of the later pages.
    c.post(&path, &entry("bb", "10.0.0.1")).await?.expect(201)?;
    c.delete(&format!("{path}/d"), None).await?.expect(200)?;
    c.merge(
        &format!("{path}/e"),
        &json!({ "spec": { "address": "10.0.0.9" } }),
    )
    .await?
    .expect(200)?;
    let second = c.get(&next(&path, &first)?).await?.expect(200)?;
    ensure!(names(&second) == ["c", "d"], "{second}");
    let third = c.get(&next(&path, &second)?).await?.expect(200)?;
    ensure!(names(&third) == ["e"], "{third}");
    ensure!(
        third["items"][0]["spec"]["address"] == "10.0.0.1",
        "{third}"
    );
    ensure!(text(&third, "/metadata/continue").is_empty(), "{third}");
    ensure!(
        revision(&first)? == revision(&second)? && revision(&second)? == revision(&third)?,
        "{third}"
    );
    let all = c.get(&path).await?.expect(200)?;
    ensure!(names(&all) == ["a", "b", "bb", "c", "e"], "{all}");
    ensure!(revision(&all)? > revision(&first)?, "{all}");
    let cached = c
        .get(&format!("{path}?resourceVersion=0"))
        .await?
        .expect(200)?;
    ensure!(cached["kind"] == "WorkloadEntryList", "{cached}");
    let bad = c.get(&format!("{path}?limit=2&continue=nonsense")).await?;
    bad.refused(400, "BadRequest")?;
    Ok(())
}

/// The path of the next page.
fn next(path: &str, page: &Value) -> anyhow::Result<String> {
    let token = text(page, "/metadata/continue");
    ensure!(!token.is_empty(), "no more pages: {page}");
    Ok(format!("{path}?limit=2&continue={}", escape(token)))
}

/// A text as part of a URL.
fn escape(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

pub(crate) async fn lists_are_selected(c: &Cluster) -> anyhow::Result<()> {
    let ns = c.namespace("lists_are_selected").await?;
    let path = entries(&ns);
    for (name, labels) in [
        ("a", json!({ "app": "web", "owner": "causeway" })),
        ("b", json!({ "app": "api", "owner": "causeway" })),
        ("c", json!({ "app": "web" })),
        ("d", json!({})),
    ] {
        let mut object = entry(name, "10.0.0.1");
        object["metadata"]["labels"] = labels;
        c.post(&path, &object).await?.expect(201)?;
    }
    for (selector, expected) in [
        ("labelSelector=app%3Dweb", vec!["a", "c"]),
        ("labelSelector=app%3D%3Dweb%2Cowner%3Dcauseway", vec!["a"]),
        ("labelSelector=app%21%3Dweb", vec!["b", "d"]),
        (
            "labelSelector=app%20in%20%28web%2C%20api%29%2Cowner",
            vec!["a", "b"],
        ),
        ("labelSelector=app%20notin%20%28web%29", vec!["b", "d"]),
        ("labelSelector=%21owner", vec!["c", "d"]),
        ("fieldSelector=metadata.name%3Db", vec!["b"]),
        (
            "fieldSelector=metadata.name%3Db&labelSelector=app%3Dweb",
            vec![],
        ),
    ] {
        let list = c.get(&format!("{path}?{selector}")).await?.expect(200)?;
        ensure!(names(&list) == expected, "{selector}: {:?}", names(&list));
    }
    // A page of a selection says nothing of how many are left.
    let page = c
        .get(&format!("{path}?limit=1&labelSelector=app%3Dweb"))
        .await?
        .expect(200)?;
    ensure!(
        names(&page) == ["a"] && page["metadata"].get("remainingItemCount").is_none(),
        "{page}"
    );
    let token = escape(text(&page, "/metadata/continue"));
    let page = c
        .get(&format!(
            "{path}?limit=1&labelSelector=app%3Dweb&continue={token}"
        ))
        .await?
        .expect(200)?;
    ensure!(names(&page) == ["c"], "{page}");
    c.get(&format!("{path}?labelSelector=a%20b"))
        .await?
        .refused(400, "BadRequest")?;
    Ok(())
}

pub(crate) async fn lists_of_all_namespaces(c: &Cluster) -> anyhow::Result<()> {
    let one = c.namespace("lists_of_all_namespaces").await?;
    let two = c.namespace("lists_of_all_namespaces_2").await?;
    for ns in [&one, &two] {
        let mut object = slice("s", "10.0.0.1");
        object["metadata"]["labels"] = json!({ "case": "lists-of-all" });
        let path = format!("/apis/discovery.k8s.io/v1/namespaces/{ns}/endpointslices");
        c.post(&path, &object).await?.expect(201)?;
    }
    let all = "/apis/discovery.k8s.io/v1/endpointslices?labelSelector=case%3Dlists-of-all";
    let list = c.get(all).await?.expect(200)?;
    let spaces: Vec<&str> = list["items"]
        .as_array()
        .context("no items")?
        .iter()
        .map(|item| text(item, "/metadata/namespace"))
        .collect();
    // In the order of their keys: a dash comes before the slash that ends a namespace.
    ensure!(spaces == [two.as_str(), one.as_str()], "{list}");
    // The items of built-in kinds carry no type, those of custom kinds do.
    ensure!(
        list["kind"] == "EndpointSliceList" && list["items"][0].get("kind").is_none(),
        "{list}"
    );
    c.post(&entries(&one), &entry("a", "10.0.0.1"))
        .await?
        .expect(201)?;
    let list = c.get(&entries(&one)).await?.expect(200)?;
    ensure!(list["items"][0]["kind"] == "WorkloadEntry", "{list}");
    Ok(())
}

pub(crate) async fn expired_pages_are_told(c: &Cluster) -> anyhow::Result<()> {
    let ns = c.namespace("expired_pages_are_told").await?;
    let path = entries(&ns);
    for name in ["a", "b"] {
        c.post(&path, &entry(name, "10.0.0.1")).await?.expect(201)?;
    }
    let page = c.get(&format!("{path}?limit=1")).await?.expect(200)?;
    let token = (c.expire)(text(&page, "/metadata/continue").to_owned()).await?;
    let late = c
        .get(&format!("{path}?limit=1&continue={}", escape(&token)))
        .await?;
    late.refused(410, "Expired")?;
    Ok(())
}
