//! Server-side apply: what it makes, removes, shares and refuses.

use anyhow::ensure;
use serde_json::{Value, json};

use crate::cluster::{Cluster, bare, revision, text};
use crate::objects::{entries, entry, service, slice};
use crate::writes::{condition, member};

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

/// Values of one field in the items of a list.
fn each<'a>(object: &'a Value, list: &str, field: &str) -> Vec<&'a Value> {
    let items = object.pointer(list).and_then(Value::as_array);
    let mut found: Vec<&Value> = items
        .into_iter()
        .flatten()
        .map(|item| &item[field])
        .collect();
    found.sort_by_key(|value| value.to_string());
    found
}

pub(crate) async fn keyed_lists_are_merged(c: &Cluster) -> anyhow::Result<()> {
    let ns = c.namespace("keyed_lists_are_merged").await?;
    let path = format!("/api/v1/namespaces/{ns}/services/web");
    let ports = |ports: Value| json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "name": "web" }, "spec": { "ports": ports } });
    c.apply(&path, "one", false, &service("web"))
        .await?
        .expect(201)?;
    let more = ports(json!([{ "name": "https", "port": 443, "protocol": "TCP" }]));
    let seen = c.apply(&path, "two", false, &more).await?.expect(200)?;
    ensure!(each(&seen, "/spec/ports", "port") == [443, 80], "{seen}");
    let renamed = ports(json!([{ "name": "web", "port": 80, "protocol": "TCP" }]));
    let seen = c.apply(&path, "one", false, &renamed).await?.expect(200)?;
    ensure!(
        each(&seen, "/spec/ports", "name") == ["https", "web"],
        "{seen}"
    );
    ensure!(seen["spec"].get("selector").is_none(), "{seen}");
    let none = json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "name": "web" } });
    let seen = c.apply(&path, "one", false, &none).await?.expect(200)?;
    ensure!(each(&seen, "/spec/ports", "port") == [443], "{seen}");

    // Gateways of a member, by name; failure domains, one by one.
    let path = "/apis/causeway.dev/v1alpha1/memberclusters/keyed-lists";
    let with = |gateway: &str, domain: &str| {
        let mut member = member("keyed-lists");
        member["spec"]["network"] = json!({ "gateways": [
            { "name": gateway, "addresses": [{ "type": "IPAddress", "value": "203.0.113.1" }], "port": 15443 },
        ] });
        member["spec"]["topology"] = json!({ "failureDomains": [domain] });
        member
    };
    c.apply(path, "one", false, &with("a", "x"))
        .await?
        .expect(201)?;
    let seen = c
        .apply(path, "two", false, &with("b", "y"))
        .await?
        .expect(200)?;
    ensure!(
        each(&seen, "/spec/network/gateways", "name") == ["a", "b"],
        "{seen}"
    );
    ensure!(
        seen["spec"]["topology"]["failureDomains"]
            .as_array()
            .map(Vec::len)
            == Some(2),
        "{seen}"
    );
    let seen = c
        .apply(path, "one", false, &member("keyed-lists"))
        .await?
        .expect(200)?;
    ensure!(
        each(&seen, "/spec/network/gateways", "name") == ["b"],
        "{seen}"
    );
    ensure!(
        seen["spec"]["topology"]["failureDomains"] == json!(["y"]),
        "{seen}"
    );
    c.delete(path, None).await?.expect(200)?;
    Ok(())
}

pub(crate) async fn atomic_values_are_replaced(c: &Cluster) -> anyhow::Result<()> {
    let ns = c.namespace("atomic_values_are_replaced").await?;
    let path = format!("/apis/discovery.k8s.io/v1/namespaces/{ns}/endpointslices/s");
    c.apply(&path, "one", false, &slice("s", "10.0.0.1"))
        .await?
        .expect(201)?;
    c.apply(&path, "two", false, &slice("s", "10.0.0.2"))
        .await?
        .refused(409, "Conflict")?;
    let seen = c
        .apply(&path, "two", true, &slice("s", "10.0.0.2"))
        .await?
        .expect(200)?;
    ensure!(
        seen["endpoints"].as_array().map(Vec::len) == Some(1),
        "{seen}"
    );
    // A service's selector is one value too, though it is a map.
    let path = format!("/api/v1/namespaces/{ns}/services/web");
    c.apply(&path, "one", false, &service("web"))
        .await?
        .expect(201)?;
    let mut other = service("web");
    other["spec"] = json!({ "selector": { "version": "2" } });
    let seen = c.apply(&path, "two", true, &other).await?.expect(200)?;
    ensure!(
        seen["spec"]["selector"] == json!({ "version": "2" }),
        "{seen}"
    );
    Ok(())
}

pub(crate) async fn apply_of_status(c: &Cluster) -> anyhow::Result<()> {
    let members = "/apis/causeway.dev/v1alpha1/memberclusters";
    let path = format!("{members}/apply-of-status");
    let status = |conditions: Value| {
        json!({
            "apiVersion": "causeway.dev/v1alpha1", "kind": "MemberCluster",
            "metadata": { "name": "apply-of-status" },
            "status": { "conditions": conditions },
        })
    };
    let ready = status(json!([condition("Ready", "True")]));
    c.apply(&format!("{path}/status"), "home", true, &ready)
        .await?
        .refused(404, "NotFound")?;
    c.post(members, &member("apply-of-status"))
        .await?
        .expect(201)?;
    let first = c
        .apply(&format!("{path}/status"), "home", true, &ready)
        .await?
        .expect(200)?;
    ensure!(
        first["metadata"]["generation"] == 1 && first["spec"]["mode"] == "Federate",
        "{first}"
    );
    let other = status(json!([condition("Registered", "True")]));
    let seen = c
        .apply(&format!("{path}/status"), "leader", true, &other)
        .await?
        .expect(200)?;
    ensure!(
        each(&seen, "/status/conditions", "type") == ["Ready", "Registered"],
        "{seen}"
    );
    let changed = status(json!([condition("Ready", "False")]));
    let seen = c
        .apply(&format!("{path}/status"), "home", true, &changed)
        .await?
        .expect(200)?;
    ensure!(
        each(&seen, "/status/conditions", "status") == ["False", "True"],
        "{seen}"
    );
    let again = c
        .apply(&format!("{path}/status"), "home", true, &changed)
        .await?
        .expect(200)?;
    ensure!(
        revision(&again)? == revision(&seen)?,
        "written for nothing: {again}"
    );
    let none = status(json!([]));
    let seen = c
        .apply(&format!("{path}/status"), "home", true, &none)
        .await?
        .expect(200)?;
    ensure!(
        each(&seen, "/status/conditions", "type") == ["Registered"],
        "{seen}"
    );
    // A trap: a status is applied whatever UID it was meant for. A resourceVersion is looked at.
    let mut meant = status(json!([condition("Ready", "True")]));
    meant["metadata"]["uid"] = json!("00000000-0000-0000-0000-000000000000");
    let path_of_status = format!("{path}/status");
    let written = c
        .apply(&path_of_status, "home", true, &meant)
        .await?
        .expect(200)?;
    ensure!(
        each(&written, "/status/conditions", "type") == ["Ready", "Registered"],
        "{written}"
    );
    let mut stale = status(json!([condition("Ready", "False")]));
    stale["metadata"]["resourceVersion"] = seen["metadata"]["resourceVersion"].clone();
    c.apply(&path_of_status, "home", true, &stale)
        .await?
        .refused(409, "Conflict")?;
    // An apply of the object has no say in its status.
    let mut both = member("apply-of-status");
    both["status"] = json!({ "id": "mine" });
    let seen = c.apply(&path, "home", true, &both).await?.expect(200)?;
    ensure!(seen["status"].get("id").is_none(), "{seen}");
    c.delete(&path, None).await?.expect(200)?;
    Ok(())
}

pub(crate) async fn apply_of_mesh_objects(c: &Cluster) -> anyhow::Result<()> {
    let ns = c.namespace("apply_of_mesh_objects").await?;
    let istio = |plural: &str| format!("/apis/networking.istio.io/v1/namespaces/{ns}/{plural}/o");
    let object = |version: &str, kind: &str, spec: Value| json!({ "apiVersion": version, "kind": kind, "metadata": { "name": "o" }, "spec": spec });
    let gateway = format!("/apis/gateway.networking.k8s.io/v1/namespaces/{ns}/gateways/o");
    let listener = |name: &str, port: u16| json!({ "name": name, "port": port, "protocol": "TLS", "tls": { "mode": "Passthrough" } });
    for (path, object) in [
        (
            istio("destinationrules"),
            object(
                "networking.istio.io/v1",
                "DestinationRule",
                json!({
                    "host": "web.shop.svc.cluster.local",
                    "trafficPolicy": {
                        "connectionPool": { "tcp": { "connectTimeout": "1s" } },
                        "outlierDetection": { "consecutive5xxErrors": 5, "interval": "1s", "maxEjectionPercent": 100 },
                        "loadBalancer": { "localityLbSetting": { "enabled": true, "distribute": [
                            { "from": "r1/*", "to": { "r1/*": 80, "r2/*": 20 } },
                        ] } },
                    },
                }),
            ),
        ),
        (
            istio("serviceentries"),
            object(
                "networking.istio.io/v1",
                "ServiceEntry",
                json!({
                    "hosts": ["web.shop.svc.clusterset.local"], "location": "MESH_INTERNAL", "resolution": "STATIC",
                    "addresses": ["240.0.0.1"],
                    "ports": [{ "name": "http", "number": 80, "protocol": "HTTP" }],
                    "workloadSelector": { "labels": { "app": "web" } },
                }),
            ),
        ),
        (
            istio("virtualservices"),
            object(
                "networking.istio.io/v1",
                "VirtualService",
                json!({
                    "hosts": ["web"], "http": [{ "route": [{ "destination": { "host": "web" } }] }],
                }),
            ),
        ),
        (
            gateway,
            object(
                "gateway.networking.k8s.io/v1",
                "Gateway",
                json!({
                    "gatewayClassName": "istio-remote",
                    "addresses": [{ "type": "IPAddress", "value": "203.0.113.7" }],
                    "listeners": [listener("cross-network", 15443)],
                }),
            ),
        ),
    ] {
        let made = c
            .apply(&path, "causeway", true, &object)
            .await?
            .expect(201)?;
        // A definition may have a default for the status: the second write stores that, only the third is alike.
        let once = c
            .apply(&path, "causeway", true, &object)
            .await?
            .expect(200)?;
        let again = c
            .apply(&path, "causeway", true, &object)
            .await?
            .expect(200)?;
        ensure!(
            revision(&again)? == revision(&once)?,
            "written for nothing: {again}"
        );
        let mut marked = object.clone();
        marked["metadata"]["annotations"] = json!({ "causeway.dev/generation": "1/2/3" });
        let seen = c
            .apply(&path, "causeway", true, &marked)
            .await?
            .expect(200)?;
        ensure!(
            seen["spec"] == made["spec"] && seen["metadata"]["generation"] == 1,
            "{seen}"
        );
        c.delete(&path, None).await?.expect(200)?;
    }
    Ok(())
}
