//! Server-side apply: what it makes, removes, shares and refuses.

use anyhow::ensure;
use serde_json::{Value, json};

use crate::cluster::{Cluster, bare, revision, text};
use crate::objects::{entries, entry};

pub(crate) async fn apply_creates_and_changes(c: &Cluster) -> anyhow::Result<()> {
    let ns = c.namespace("apply_creates_and_changes").await?;
    let path = format!("{}/a", entries(&ns));
    let made = c
        .apply(&path, "causeway", true, &entry("a", "10.0.0.1"))
        .await?
        .expect(201)?;
    ensure!(!text(&made, "/metadata/uid").is_empty(), "{made}");
    ensure!(made["metadata"]["generation"] == 1, "{made}");
    let seen = c
        .apply(&path, "causeway", true, &entry("a", "10.0.0.2"))
        .await?
        .expect(200)?;
    ensure!(
        seen["spec"]["address"] == "10.0.0.2" && seen["metadata"]["generation"] == 2,
        "{seen}"
    );
    ensure!(seen["metadata"]["uid"] == made["metadata"]["uid"], "{seen}");
    let nowhere = format!("{}/a", entries("no-such"));
    c.apply(&nowhere, "causeway", true, &entry("a", "10.0.0.1"))
        .await?
        .refused(404, "NotFound")?;
    Ok(())
}

pub(crate) async fn apply_removes_what_it_leaves_out(c: &Cluster) -> anyhow::Result<()> {
    let ns = c.namespace("apply_removes_what_it_leaves_out").await?;
    let path = format!("{}/a", entries(&ns));
    let mut full = entry("a", "10.0.0.1");
    full["metadata"]["labels"] = json!({ "l": "1" });
    full["metadata"]["annotations"] = json!({ "k": "1", "g": "1" });
    full["spec"]["ports"] = json!({ "http": 15443 });
    c.apply(&path, "causeway", false, &full)
        .await?
        .expect(201)?;
    let less = json!({
        "apiVersion": "networking.istio.io/v1", "kind": "WorkloadEntry",
        "metadata": { "name": "a", "annotations": { "g": "2" } },
        "spec": { "address": "10.0.0.1", "labels": { "app": "web" } },
    });
    let seen = c
        .apply(&path, "causeway", false, &less)
        .await?
        .expect(200)?;
    ensure!(
        bare(&seen)["metadata"]
            == json!({ "name": "a", "namespace": ns, "annotations": { "g": "2" } }),
        "{seen}"
    );
    ensure!(seen["spec"] == less["spec"], "{seen}");
    // What somebody else added stays.
    c.merge(
        &path,
        &json!({ "spec": { "locality": "r1/z1", "labels": { "v": "1" } } }),
    )
    .await?
    .expect(200)?;
    let seen = c
        .apply(&path, "causeway", false, &less)
        .await?
        .expect(200)?;
    ensure!(
        seen["spec"]["locality"] == "r1/z1" && seen["spec"]["labels"]["v"] == "1",
        "{seen}"
    );
    let none = json!({
        "apiVersion": "networking.istio.io/v1", "kind": "WorkloadEntry", "metadata": { "name": "a" },
        "spec": { "address": "10.0.0.1" },
    });
    let seen = c
        .apply(&path, "causeway", false, &none)
        .await?
        .expect(200)?;
    ensure!(
        seen["spec"]
            == json!({ "address": "10.0.0.1", "locality": "r1/z1", "labels": { "v": "1" } }),
        "{seen}"
    );
    ensure!(seen["metadata"].get("annotations").is_none(), "{seen}");
    Ok(())
}

pub(crate) async fn apply_shares_what_is_equal(c: &Cluster) -> anyhow::Result<()> {
    let ns = c.namespace("apply_shares_what_is_equal").await?;
    let path = format!("{}/a", entries(&ns));
    let made = c
        .apply(&path, "one", false, &entry("a", "10.0.0.1"))
        .await?
        .expect(201)?;
    let seen = c
        .apply(&path, "two", false, &entry("a", "10.0.0.1"))
        .await?
        .expect(200)?;
    ensure!(seen["spec"] == made["spec"], "{seen}");
    // Who owns what has changed, and that is a change.
    ensure!(revision(&seen)? > revision(&made)?, "{seen}");
    // What one leaves out, the other still owns.
    let mut less = entry("a", "10.0.0.1");
    less["spec"] = json!({ "address": "10.0.0.1" });
    let seen = c.apply(&path, "one", false, &less).await?.expect(200)?;
    ensure!(seen["spec"] == made["spec"], "{seen}");
    let seen = c.apply(&path, "two", false, &less).await?.expect(200)?;
    ensure!(seen["spec"] == less["spec"], "{seen}");
    Ok(())
}

pub(crate) async fn apply_conflicts_and_force(c: &Cluster) -> anyhow::Result<()> {
    let ns = c.namespace("apply_conflicts_and_force").await?;
    let path = format!("{}/a", entries(&ns));
    c.apply(&path, "one", false, &entry("a", "10.0.0.1"))
        .await?
        .expect(201)?;
    let refused = c
        .apply(&path, "two", false, &entry("a", "10.0.0.2"))
        .await?
        .refused(409, "Conflict")?;
    ensure!(
        text(&refused, "/message").contains("conflict with \"one\""),
        "{refused}"
    );
    let cause = &refused["details"]["causes"][0];
    ensure!(
        cause["reason"] == "FieldManagerConflict" && cause["field"] == ".spec.address",
        "{refused}"
    );
    let seen = c.get(&path).await?.expect(200)?;
    ensure!(
        seen["spec"]["address"] == "10.0.0.1",
        "written nonetheless: {seen}"
    );
    let seen = c
        .apply(&path, "two", true, &entry("a", "10.0.0.2"))
        .await?
        .expect(200)?;
    ensure!(seen["spec"]["address"] == "10.0.0.2", "{seen}");
    // It is two's now: one meets a conflict, and leaving it out removes nothing.
    c.apply(&path, "one", false, &entry("a", "10.0.0.1"))
        .await?
        .refused(409, "Conflict")?;
    let mut without = entry("a", "10.0.0.1");
    without["spec"] = json!({ "weight": 1 });
    let seen = c.apply(&path, "one", false, &without).await?.expect(200)?;
    ensure!(seen["spec"]["address"] == "10.0.0.2", "{seen}");
    Ok(())
}

pub(crate) async fn other_writes_take_what_they_change(c: &Cluster) -> anyhow::Result<()> {
    let ns = c.namespace("other_writes_take_what_they_change").await?;
    let path = format!("{}/a", entries(&ns));
    c.apply(&path, "causeway", false, &entry("a", "10.0.0.1"))
        .await?
        .expect(201)?;
    let patched = format!("{path}?fieldManager=editor");
    let edited = c
        .merge(&patched, &json!({ "spec": { "address": "10.6.6.6" } }))
        .await?
        .expect(200)?;
    let refused = c
        .apply(&path, "causeway", false, &entry("a", "10.0.0.1"))
        .await?
        .refused(409, "Conflict")?;
    ensure!(text(&refused, "/message").contains("editor"), "{refused}");
    let seen = c
        .apply(&path, "causeway", true, &entry("a", "10.0.0.1"))
        .await?
        .expect(200)?;
    ensure!(seen["spec"]["address"] == "10.0.0.1", "{seen}");
    // A replacement by the same name is another manager than its apply.
    let mut put = seen.clone();
    put["spec"]["weight"] = json!(5);
    c.put(&format!("{path}?fieldManager=causeway"), &put)
        .await?
        .expect(200)?;
    c.apply(&path, "causeway", false, &entry("a", "10.0.0.1"))
        .await?
        .refused(409, "Conflict")?;
    // What an editor took away is nobody's, and comes back without a conflict.
    c.merge(
        &patched,
        &json!({ "spec": { "weight": null, "labels": null } }),
    )
    .await?
    .expect(200)?;
    let seen = c
        .apply(&path, "causeway", false, &entry("a", "10.0.0.1"))
        .await?
        .expect(200)?;
    ensure!(seen["spec"] == entry("a", "10.0.0.1")["spec"], "{seen}");
    ensure!(revision(&seen)? > revision(&edited)?, "{seen}");
    Ok(())
}

pub(crate) async fn apply_with_preconditions(c: &Cluster) -> anyhow::Result<()> {
    let ns = c.namespace("apply_with_preconditions").await?;
    let path = format!("{}/a", entries(&ns));
    let with = |field: &str, value: &Value, address: &str| {
        let mut object = entry("a", address);
        object["metadata"][field] = value.clone();
        object
    };
    // Nothing is there: what is meant to be another's successor is not made.
    let some_uid = json!("00000000-0000-0000-0000-000000000000");
    c.apply(&path, "causeway", true, &with("uid", &some_uid, "10.0.0.1"))
        .await?
        .refused(409, "Conflict")?;
    c.get(&path).await?.refused(404, "NotFound")?;

    let made = c
        .apply(&path, "causeway", true, &entry("a", "10.0.0.1"))
        .await?
        .expect(201)?;
    let revision_of = |object: &Value| object["metadata"]["resourceVersion"].clone();
    let seen = c
        .apply(
            &path,
            "causeway",
            true,
            &with("resourceVersion", &revision_of(&made), "10.0.0.2"),
        )
        .await?
        .expect(200)?;
    let stale = with("resourceVersion", &revision_of(&made), "10.0.0.3");
    c.apply(&path, "causeway", true, &stale)
        .await?
        .refused(409, "Conflict")?;
    c.apply(&path, "causeway", true, &with("uid", &some_uid, "10.0.0.3"))
        .await?
        .refused(422, "Invalid")?;
    let same = with("uid", &made["metadata"]["uid"], "10.0.0.4");
    let seen_again = c.apply(&path, "causeway", true, &same).await?.expect(200)?;
    ensure!(seen_again["spec"]["address"] == "10.0.0.4", "{seen_again}");
    ensure!(revision(&seen_again)? > revision(&seen)?, "{seen_again}");

    // Deleted since. A trap: a resourceVersion alone lets the object rise again; only its UID keeps it dead.
    c.delete(&path, None).await?.expect(200)?;
    let mut late = with("resourceVersion", &revision_of(&seen_again), "10.0.0.5");
    late["metadata"]["uid"] = made["metadata"]["uid"].clone();
    c.apply(&path, "causeway", true, &late)
        .await?
        .refused(409, "Conflict")?;
    c.get(&path).await?.refused(404, "NotFound")?;
    let risen = with("resourceVersion", &revision_of(&seen_again), "10.0.0.5");
    let risen = c
        .apply(&path, "causeway", true, &risen)
        .await?
        .expect(201)?;
    ensure!(
        risen["metadata"]["uid"] != made["metadata"]["uid"],
        "{risen}"
    );
    Ok(())
}

pub(crate) async fn malformed_applies_are_refused(c: &Cluster) -> anyhow::Result<()> {
    let ns = c.namespace("malformed_applies_are_refused").await?;
    let path = format!("{}/a", entries(&ns));
    let nobody = c
        .apply_raw(&path, &entry("a", "10.0.0.1"))
        .await?
        .refused(422, "Invalid")?;
    ensure!(
        text(&nobody, "/message").contains("fieldManager"),
        "{nobody}"
    );
    let mut untyped = entry("a", "10.0.0.1");
    if let Some(fields) = untyped.as_object_mut() {
        fields.remove("kind");
    }
    c.apply(&path, "causeway", true, &untyped)
        .await?
        .refused(400, "BadRequest")?;
    c.apply(&path, "causeway", true, &entry("b", "10.0.0.1"))
        .await?
        .refused(400, "BadRequest")?;
    c.get(&path).await?.refused(404, "NotFound")?;
    Ok(())
}
