//! Replacing and merge-patching; what counts as a change.

use anyhow::ensure;
use serde_json::{Value, json};

use crate::cluster::{Cluster, revision, text};
use crate::objects::{entries, entry, service, slice};

pub(crate) async fn replacements(c: &Cluster) -> anyhow::Result<()> {
    let ns = c.namespace("replacements").await?;
    let path = entries(&ns);
    let made = c.post(&path, &entry("a", "10.0.0.1")).await?.expect(201)?;
    let path = format!("{path}/a");
    let mut next = made.clone();
    next["spec"]["address"] = json!("10.0.0.2");
    let put = c.put(&path, &next).await?.expect(200)?;
    ensure!(put["spec"]["address"] == "10.0.0.2", "{put}");
    ensure!(
        revision(&put)? > revision(&made)?,
        "the revision did not rise: {put}"
    );
    ensure!(put["metadata"]["uid"] == made["metadata"]["uid"], "{put}");

    next["spec"]["address"] = json!("10.0.0.3");
    let stale = c.put(&path, &next).await?.refused(409, "Conflict")?;
    ensure!(
        text(&stale, "/message").contains("the object has been modified"),
        "{stale}"
    );
    let mut blind = put.clone();
    blind["metadata"] = json!({ "name": "a" });
    let blind = c.put(&path, &blind).await?.refused(422, "Invalid")?;
    ensure!(
        text(&blind, "/message").contains("metadata.resourceVersion"),
        "{blind}"
    );
    let mut other = put.clone();
    other["metadata"]["uid"] = json!("00000000-0000-0000-0000-000000000000");
    c.put(&path, &other).await?.refused(409, "Conflict")?;
    let mut absent = put.clone();
    absent["metadata"] = json!({ "name": "b", "resourceVersion": "5" });
    c.put(&format!("{}/b", entries(&ns)), &absent)
        .await?
        .refused(404, "NotFound")?;

    // What a replacement leaves out is gone, but for what the system wrote.
    let mut less = put.clone();
    less["spec"] = json!({ "address": "10.0.0.4" });
    let seen = c.put(&path, &less).await?.expect(200)?;
    ensure!(seen["spec"] == json!({ "address": "10.0.0.4" }), "{seen}");
    ensure!(
        seen["metadata"]["creationTimestamp"] == made["metadata"]["creationTimestamp"],
        "{seen}"
    );

    // Slices are replaced without a revision too.
    let slices = format!("/apis/discovery.k8s.io/v1/namespaces/{ns}/endpointslices");
    c.post(&slices, &slice("s", "10.0.0.1"))
        .await?
        .expect(201)?;
    let seen = c
        .put(&format!("{slices}/s"), &slice("s", "10.0.0.9"))
        .await?
        .expect(200)?;
    ensure!(seen["endpoints"][0]["addresses"][0] == "10.0.0.9", "{seen}");
    Ok(())
}

pub(crate) async fn merge_patches(c: &Cluster) -> anyhow::Result<()> {
    let ns = c.namespace("merge_patches").await?;
    let path = entries(&ns);
    let made = c.post(&path, &entry("a", "10.0.0.1")).await?.expect(201)?;
    let path = format!("{path}/a");
    let patch = json!({
        "metadata": { "labels": { "x": "1" }, "annotations": { "y": "2" } },
        "spec": { "address": "10.0.0.2", "weight": null, "labels": { "v": "1" } },
    });
    let seen = c.merge(&path, &patch).await?.expect(200)?;
    ensure!(
        seen["spec"] == json!({ "address": "10.0.0.2", "labels": { "app": "web", "v": "1" } }),
        "{seen}"
    );
    ensure!(seen["metadata"]["labels"] == json!({ "x": "1" }), "{seen}");
    let seen = c
        .merge(&path, &json!({ "metadata": { "labels": { "x": null } } }))
        .await?
        .expect(200)?;
    ensure!(seen["metadata"].get("labels").is_none(), "{seen}");
    ensure!(
        seen["metadata"]["annotations"] == json!({ "y": "2" }),
        "{seen}"
    );

    let stale = json!({ "metadata": { "resourceVersion": made["metadata"]["resourceVersion"], "labels": { "z": "1" } } });
    c.merge(&path, &stale).await?.refused(409, "Conflict")?;
    let current = json!({ "metadata": { "resourceVersion": seen["metadata"]["resourceVersion"], "labels": { "z": "1" } } });
    c.merge(&path, &current).await?.expect(200)?;
    let other = json!({ "metadata": { "uid": "00000000-0000-0000-0000-000000000000" } });
    let refused = c.merge(&path, &other).await?.refused(422, "Invalid")?;
    ensure!(
        text(&refused, "/message").contains("metadata.uid"),
        "{refused}"
    );
    c.merge(&format!("{}/b", entries(&ns)), &patch)
        .await?
        .refused(404, "NotFound")?;
    Ok(())
}

pub(crate) async fn what_is_alike_is_not_written(c: &Cluster) -> anyhow::Result<()> {
    let ns = c.namespace("what_is_alike_is_not_written").await?;
    let path = entries(&ns);
    let made = c
        .apply(&format!("{path}/a"), "one", false, &entry("a", "10.0.0.1"))
        .await?
        .expect(201)?;
    let path = format!("{path}/a");
    let applied = c
        .apply(&path, "one", true, &entry("a", "10.0.0.1"))
        .await?
        .expect(200)?;
    let put = c.put(&path, &made).await?.expect(200)?;
    let patched = c
        .merge(&path, &json!({ "spec": { "weight": 1 } }))
        .await?
        .expect(200)?;
    for same in [applied, put, patched] {
        ensure!(
            revision(&same)? == revision(&made)?,
            "written for nothing: {same}"
        );
    }
    let slices = format!("/apis/discovery.k8s.io/v1/namespaces/{ns}/endpointslices/s");
    let made = c
        .apply(&slices, "one", false, &slice("s", "10.0.0.1"))
        .await?
        .expect(201)?;
    let again = c
        .apply(&slices, "one", false, &slice("s", "10.0.0.1"))
        .await?
        .expect(200)?;
    ensure!(
        revision(&again)? == revision(&made)?,
        "written for nothing: {again}"
    );
    Ok(())
}

pub(crate) async fn generations_count_specs(c: &Cluster) -> anyhow::Result<()> {
    let ns = c.namespace("generations_count_specs").await?;
    let path = entries(&ns);
    c.post(&path, &entry("a", "10.0.0.1")).await?.expect(201)?;
    let path = format!("{path}/a");
    let generation = |object: &Value| object["metadata"]["generation"].as_i64();
    let labelled = c
        .merge(&path, &json!({ "metadata": { "labels": { "x": "1" } } }))
        .await?
        .expect(200)?;
    ensure!(
        generation(&labelled) == Some(1),
        "labels are no spec: {labelled}"
    );
    let status = json!({ "status": { "observedGeneration": 1 } });
    let seen = c
        .merge(&format!("{path}/status"), &status)
        .await?
        .expect(200)?;
    ensure!(generation(&seen) == Some(1), "a status is no spec: {seen}");
    let changed = c
        .merge(&path, &json!({ "spec": { "weight": 2 } }))
        .await?
        .expect(200)?;
    ensure!(generation(&changed) == Some(2), "a spec changed: {changed}");
    let told = json!({ "metadata": { "generation": 77 } });
    let seen = c.merge(&path, &told).await?.expect(200)?;
    ensure!(generation(&seen) == Some(2), "nobody sets it: {seen}");
    Ok(())
}

/// A MemberCluster.
pub(crate) fn member(name: &str) -> Value {
    json!({
        "apiVersion": "causeway.dev/v1alpha1",
        "kind": "MemberCluster",
        "metadata": { "name": name },
        "spec": { "mode": "Federate", "suspend": false },
    })
}

/// A condition.
pub(crate) fn condition(kind: &str, status: &str) -> Value {
    json!({
        "type": kind, "status": status, "reason": "Because", "message": "m",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    })
}

pub(crate) async fn status_is_apart(c: &Cluster) -> anyhow::Result<()> {
    let members = "/apis/causeway.dev/v1alpha1/memberclusters";
    let mut with_status = member("status-is-apart");
    with_status["status"] = json!({ "id": "x" });
    let made = c.post(members, &with_status).await?.expect(201)?;
    ensure!(made.get("status").is_none(), "made with a status: {made}");
    let path = format!("{members}/status-is-apart");
    let mut both = made.clone();
    both["status"] = json!({ "id": "u1", "conditions": [condition("Ready", "True")] });
    both["spec"]["mode"] = json!("Observe");
    both["metadata"]["labels"] = json!({ "x": "1" });
    // Through the status only the status is written,
    let seen = c.put(&format!("{path}/status"), &both).await?.expect(200)?;
    ensure!(
        seen["status"]["id"] == "u1" && seen["spec"]["mode"] == "Federate",
        "{seen}"
    );
    ensure!(seen["metadata"].get("labels").is_none(), "{seen}");
    // and otherwise everything else.
    let change = json!({ "spec": { "mode": "Observe" }, "status": { "id": "u2" } });
    let seen = c.merge(&path, &change).await?.expect(200)?;
    ensure!(
        seen["status"]["id"] == "u1" && seen["spec"]["mode"] == "Observe",
        "{seen}"
    );
    let change = json!({ "spec": { "mode": "Federate" }, "status": { "id": "u2" } });
    let seen = c
        .merge(&format!("{path}/status"), &change)
        .await?
        .expect(200)?;
    ensure!(
        seen["status"]["id"] == "u2" && seen["spec"]["mode"] == "Observe",
        "{seen}"
    );
    ensure!(seen["status"]["conditions"][0]["type"] == "Ready", "{seen}");
    c.put(&format!("{path}/status"), &both)
        .await?
        .refused(409, "Conflict")?;
    let shown = c.get(&format!("{path}/status")).await?.expect(200)?;
    ensure!(shown["status"]["id"] == "u2", "{shown}");
    c.merge(&format!("{members}/status-is-nowhere/status"), &change)
        .await?
        .refused(404, "NotFound")?;
    c.delete(&path, None).await?.expect(200)?;
    Ok(())
}

pub(crate) async fn status_of_built_in_kinds(c: &Cluster) -> anyhow::Result<()> {
    let ns = c.namespace("status_of_built_in_kinds").await?;
    let path = format!("/api/v1/namespaces/{ns}/services");
    let mut gateway = service("gateway");
    gateway["spec"]["type"] = json!("LoadBalancer");
    gateway["status"] = json!({ "loadBalancer": { "ingress": [{ "ip": "203.0.113.1" }] } });
    let made = c.post(&path, &gateway).await?.expect(201)?;
    ensure!(
        made["status"]["loadBalancer"].get("ingress").is_none(),
        "made with a status: {made}"
    );
    let path = format!("{path}/gateway");
    let change = json!({
        "spec": { "selector": { "app": "other" } },
        "status": { "loadBalancer": { "ingress": [{ "ip": "203.0.113.7", "ipMode": "VIP" }] } },
    });
    let seen = c
        .merge(&format!("{path}/status"), &change)
        .await?
        .expect(200)?;
    ensure!(
        seen["status"]["loadBalancer"]["ingress"][0]["ip"] == "203.0.113.7",
        "{seen}"
    );
    ensure!(seen["spec"]["selector"]["app"] == "web", "{seen}");
    let change = json!({ "metadata": { "labels": { "x": "1" } }, "status": { "loadBalancer": { "ingress": null } } });
    let seen = c.merge(&path, &change).await?.expect(200)?;
    ensure!(
        seen["status"]["loadBalancer"]["ingress"][0]["ip"] == "203.0.113.7",
        "{seen}"
    );
    Ok(())
}
