//! Observe first, federate then; and somebody else's hands on our objects, and on objects of our names. Needs
//! `cargo xtask assets`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::collections::BTreeMap;

use anyhow::ensure;
use causeway_chaos_tests::{
    causeway::{Clusterset, DEADLINE, Objects, Options, counts, declared, site::SiteSpec},
    eventually,
};
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};

const ISTIO: &str = "networking.istio.io/v1";

/// Removes what a server adds to an object, and its stamps.
fn content(object: &Value) -> Value {
    json!({ "labels": object["metadata"]["labels"], "spec": object["spec"] })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_observe_shows_is_what_federate_writes_and_repairs() -> anyhow::Result<()> {
    let sites = vec![
        SiteSpec::numbered(1, &["r1-a", "r1-b"]),
        SiteSpec::numbered(2, &["r2-a"]),
    ];
    let set = Box::pin(Clusterset::start(Options {
        sites,
        mode: Some("Observe"),
        ..Options::default()
    }))
    .await?;
    let webs = set.deploy("web", 1, 2).await?;
    let one = set.site(1)?.client().clone();

    // Nothing is written, and it's said exactly what would be.
    let promised = eventually(DEADLINE, "causeway diff m1 has all objects", || async {
        // All endpoints of both: what is promised earlier would be promised of a part.
        counts([("m1", 4), ("m2", 2)])(&set.explain("web").await?)?;
        let row = set.row(1, ("/lag_ms", json!(0))).await?;
        let diff = set.controller.cli().json(&["diff", "m1"]).await?;
        let entries = diff["entries"].as_array().cloned().unwrap_or_default();
        ensure!(row["would_change"] == entries.len(), "{row}: {diff}");
        ensure!(
            entries
                .iter()
                .any(|entry| entry["object"] == "WorkloadEntry shop/cw-web.net2"),
            "{diff}"
        );
        ensure!(
            entries.iter().any(|entry| entry["object"]
                .as_str()
                .unwrap()
                .starts_with("Gateway istio-system/cw-net2")),
            "{diff}"
        );
        Ok(entries)
    })
    .await?;
    set.condition(1, ("MeshSynced", "True", "Observe")).await?;
    set.row(1, ("/would_change", json!(promised.len()))).await?;
    ensure!(
        Objects::all(&one).await?.0.is_empty(),
        "mode Observe wrote something"
    );
    ensure!(
        promised
            .iter()
            .all(|entry| entry["action"] == "Create" && entry["held_back"].is_string()),
        "{promised:#?}"
    );

    // Then it's written, exactly.
    for number in [1, 2] {
        set.register(number, json!({ "mode": "Federate" })).await?;
    }
    let callers = set.callers("web").await?;
    set.as_planned(&callers, &webs, counts([("m1", 4), ("m2", 2)]))
        .await?;
    let written = set.settled(1).await?;
    let desired = |entry: &Value| -> (String, Value) {
        let text = entry["desired"].as_str().unwrap();
        (
            entry["object"].as_str().unwrap().to_owned(),
            content(&serde_saphyr::from_str::<Value>(text).unwrap()),
        )
    };
    let promised: BTreeMap<String, Value> = promised.iter().map(desired).collect();
    ensure!(
        promised.keys().map(String::as_str).collect::<Vec<_>>() == written.names(),
        "{:?}",
        written.names()
    );
    for (name, wanted) in &promised {
        let found = content(&written.0[name]);
        if name.starts_with("Gateway ") {
            // Gateway API has defaults of its own.
            ensure!(
                found["labels"] == wanted["labels"]
                    && found["spec"]["addresses"] == wanted["spec"]["addresses"],
                "{name}"
            );
        } else {
            ensure!(found == *wanted, "{name}: promised {wanted}, found {found}");
        }
    }
    let none = set.controller.cli().json(&["diff", "m1"]).await?;
    ensure!(none["entries"] == json!([]), "{none}");

    // Somebody edits ours.
    let entries = declared::api(&one, ISTIO, "WorkloadEntry", Some("shop"));
    let rules = declared::api(&one, ISTIO, "DestinationRule", Some("shop"));
    let person = PatchParams {
        field_manager: Some("somebody".to_owned()),
        ..PatchParams::default()
    };
    let edit = Patch::Merge(json!({ "spec": { "weight": 77 } }));
    entries.patch("cw-web.net2", &person, &edit).await?;
    let edit = Patch::Merge(json!({ "spec": { "trafficPolicy": { "outlierDetection": null } } }));
    rules.patch("cw-web.cluster", &person, &edit).await?;
    let repaired = |names: &'static [&'static str]| {
        let (one, written) = (&one, &written);
        eventually(DEADLINE, "ours are as they were", move || async move {
            let now = Objects::of(one).await?;
            ensure!(now.names() == written.names(), "{:?}", now.names());
            for name in names {
                let (found, wanted) = (content(&now.0[*name]), content(&written.0[*name]));
                ensure!(found == wanted, "{name}: {found}, and it was {wanted}");
            }
            Ok(())
        })
    };
    repaired(&[
        "WorkloadEntry shop/cw-web.net2",
        "DestinationRule shop/cw-web.cluster",
    ])
    .await?;

    // Somebody deletes ours, labels included.
    entries
        .delete("cw-web.net2", &DeleteParams::default())
        .await?;
    rules
        .delete("cw-web.cluster", &DeleteParams::default())
        .await?;
    repaired(&[
        "WorkloadEntry shop/cw-web.net2",
        "DestinationRule shop/cw-web.cluster",
    ])
    .await?;
    set.as_planned(&callers, &webs, counts([("m1", 4), ("m2", 2)]))
        .await?;

    // Somebody has an object of the name that ours would have: it's theirs, and the rest goes on.
    let theirs = json!({
        "apiVersion": ISTIO, "kind": "WorkloadEntry",
        "metadata": { "name": "cw-api.net2", "namespace": "shop" },
        "spec": { "address": "10.99.0.1", "labels": { "app": "something-else" } },
    });
    let before = declared::put(&one, theirs).await?;
    set.deploy("api", 2, 1).await?;
    let message = set
        .condition(1, ("MeshSynced", "False", "ForeignObject"))
        .await?;
    ensure!(message.contains("cw-api.net2"), "{message}");
    let now = entries.get("cw-api.net2").await?;
    ensure!(
        now.metadata.resource_version == before.metadata.resource_version,
        "somebody's object was written"
    );
    let apis = set.callers("api").await?.only(&["m2"]);
    let api = set.explain("api").await?;
    ensure!(
        api["plan"]["sources"].as_array().unwrap().len() == 3,
        "{api}"
    );
    drop(apis);
    set.as_planned(&callers, &webs, counts([("m1", 4), ("m2", 2)]))
        .await?;
    entries
        .delete("cw-api.net2", &DeleteParams::default())
        .await?;
    eventually(DEADLINE, "the name is free, and ours is there", || async {
        let now = Objects::of(&one).await?;
        ensure!(
            now.0.contains_key("WorkloadEntry shop/cw-api.net2"),
            "{:?}",
            now.names()
        );
        Ok(())
    })
    .await
}
