//! Server-side apply: lists, atomic values, the status, and the objects that we write into meshes.

use anyhow::ensure;
use serde_json::{Value, json};

use crate::cluster::{Cluster, revision};
use crate::objects::{service, slice};
use crate::writes::{condition, member};

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
