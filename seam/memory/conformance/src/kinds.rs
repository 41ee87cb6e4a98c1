//! What is particular to single kinds.

use anyhow::ensure;
use serde_json::json;

use crate::cluster::{Cluster, revision, text};
use crate::objects::{entries, entry};

pub(crate) async fn versions_are_one_object(c: &Cluster) -> anyhow::Result<()> {
    let ns = c.namespace("versions_are_one_object").await?;
    let alpha = format!("/apis/multicluster.x-k8s.io/v1alpha1/namespaces/{ns}/serviceexports");
    let beta = format!("/apis/multicluster.x-k8s.io/v1beta1/namespaces/{ns}/serviceexports");
    // An export without a spec, as most are.
    let export = json!({
        "apiVersion": "multicluster.x-k8s.io/v1alpha1", "kind": "ServiceExport", "metadata": { "name": "web" },
    });
    let made = c.post(&alpha, &export).await?.expect(201)?;
    ensure!(
        made["apiVersion"] == "multicluster.x-k8s.io/v1alpha1",
        "{made}"
    );
    let seen = c.get(&format!("{beta}/web")).await?.expect(200)?;
    ensure!(
        seen["apiVersion"] == "multicluster.x-k8s.io/v1beta1",
        "{seen}"
    );
    ensure!(seen["metadata"]["uid"] == made["metadata"]["uid"], "{seen}");
    ensure!(revision(&seen)? == revision(&made)?, "{seen}");
    c.merge(
        &format!("{beta}/web"),
        &json!({ "metadata": { "labels": { "a": "b" } } }),
    )
    .await?
    .expect(200)?;
    let list = c.get(&alpha).await?.expect(200)?;
    ensure!(list["items"][0]["metadata"]["labels"]["a"] == "b", "{list}");
    ensure!(
        list["items"][0]["apiVersion"] == "multicluster.x-k8s.io/v1alpha1",
        "{list}"
    );

    c.post(&entries(&ns), &entry("a", "10.0.0.1"))
        .await?
        .expect(201)?;
    for version in ["v1", "v1beta1", "v1alpha3"] {
        let path = format!("/apis/networking.istio.io/{version}/namespaces/{ns}/workloadentries/a");
        let seen = c.get(&path).await?.expect(200)?;
        ensure!(
            seen["apiVersion"] == format!("networking.istio.io/{version}"),
            "{seen}"
        );
    }
    Ok(())
}

pub(crate) async fn leases(c: &Cluster) -> anyhow::Result<()> {
    let ns = c.namespace("leases").await?;
    let path = format!("/apis/coordination.k8s.io/v1/namespaces/{ns}/leases");
    let lease = json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": { "name": "agent", "annotations": { "causeway.dev/epoch": "1" } },
        "spec": { "holderIdentity": "one", "leaseDurationSeconds": 15, "renewTime": "2026-01-01T00:00:00.000000Z" },
    });
    let made = c.post(&path, &lease).await?.expect(201)?;
    ensure!(made["spec"] == lease["spec"], "{made}");
    let path = format!("{path}/agent");
    // Two who read the same: the first write wins.
    let (mut one, mut two) = (made.clone(), made.clone());
    one["spec"]["holderIdentity"] = json!("first");
    two["spec"]["holderIdentity"] = json!("second");
    let won = c.put(&path, &one).await?.expect(200)?;
    ensure!(won["spec"]["holderIdentity"] == "first", "{won}");
    ensure!(
        won["metadata"]["annotations"]["causeway.dev/epoch"] == "1",
        "{won}"
    );
    c.put(&path, &two).await?.refused(409, "Conflict")?;
    // A lease is never replaced blindly.
    let mut blind = lease.clone();
    blind["spec"]["holderIdentity"] = json!("blind");
    c.put(&path, &blind).await?.refused(422, "Invalid")?;
    let seen = c.get(&path).await?.expect(200)?;
    ensure!(seen["spec"]["holderIdentity"] == "first", "{seen}");
    ensure!(
        seen["spec"]["renewTime"] == "2026-01-01T00:00:00.000000Z",
        "{seen}"
    );
    Ok(())
}

pub(crate) async fn events(c: &Cluster) -> anyhow::Result<()> {
    let ns = c.namespace("events").await?;
    let path = format!("/apis/events.k8s.io/v1/namespaces/{ns}/events");
    let event = json!({
        "apiVersion": "events.k8s.io/v1", "kind": "Event",
        "metadata": { "name": "web.1", "namespace": ns },
        "eventTime": "2026-01-01T00:00:00.000000Z",
        "type": "Normal", "reason": "Lost", "action": "Withdraw", "note": "the member is lost",
        "reportingController": "causeway", "reportingInstance": "causeway-1",
        "regarding": { "apiVersion": "v1", "kind": "Service", "name": "web", "namespace": ns },
    });
    let made = c.post(&path, &event).await?.expect(201)?;
    ensure!(text(&made, "/note") == "the member is lost", "{made}");
    let series =
        json!({ "series": { "count": 2, "lastObservedTime": "2026-01-01T00:01:00.000000Z" } });
    let seen = c
        .merge(&format!("{path}/web.1"), &series)
        .await?
        .expect(200)?;
    ensure!(
        seen["series"]["count"] == 2 && text(&seen, "/reason") == "Lost",
        "{seen}"
    );
    let list = c.get(&path).await?.expect(200)?;
    ensure!(list["items"][0]["metadata"]["name"] == "web.1", "{list}");
    Ok(())
}

pub(crate) async fn pods(c: &Cluster) -> anyhow::Result<()> {
    let ns = c.namespace("pods").await?;
    let path = format!("/api/v1/namespaces/{ns}/pods");
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": { "name": "web-1", "labels": { "app": "web" } },
        "spec": { "serviceAccountName": "web", "nodeName": "n1", "containers": [{ "name": "c", "image": "i" }] },
    });
    let made = c.post(&path, &pod).await?.expect(201)?;
    ensure!(made["spec"]["serviceAccountName"] == "web", "{made}");
    let status = json!({ "status": { "podIP": "10.0.0.1", "podIPs": [{ "ip": "10.0.0.1" }] } });
    let seen = c
        .merge(&format!("{path}/web-1/status"), &status)
        .await?
        .expect(200)?;
    ensure!(seen["status"]["podIP"] == "10.0.0.1", "{seen}");
    let now = json!({ "kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": 0 });
    let gone = c
        .delete(&format!("{path}/web-1"), Some(&now))
        .await?
        .expect(200)?;
    ensure!(gone["kind"] == "Pod", "{gone}");
    c.get(&format!("{path}/web-1"))
        .await?
        .refused(404, "NotFound")?;
    Ok(())
}

pub(crate) async fn nodes_have_a_status_from_the_start(c: &Cluster) -> anyhow::Result<()> {
    let ready = |status: &str| json!([{ "type": "Ready", "status": status, "reason": "r", "message": "m" }]);
    let node = json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": { "name": "conformance-n1", "labels": { "topology.kubernetes.io/zone": "z1" } },
        "status": { "conditions": ready("True") },
    });
    let made = c.post("/api/v1/nodes", &node).await?.expect(201)?;
    ensure!(
        made["status"]["conditions"][0]["status"] == "True",
        "{made}"
    );
    // A later write of the node leaves the status alone; one of the status leaves the labels alone.
    let path = "/api/v1/nodes/conformance-n1";
    let change = json!({ "metadata": { "labels": { "topology.kubernetes.io/zone": "z2" } }, "status": { "conditions": null } });
    let seen = c.merge(path, &change).await?.expect(200)?;
    ensure!(
        seen["metadata"]["labels"]["topology.kubernetes.io/zone"] == "z2",
        "{seen}"
    );
    ensure!(
        seen["status"]["conditions"][0]["status"] == "True",
        "{seen}"
    );
    let change = json!({ "status": { "conditions": ready("False") } });
    let seen = c
        .merge(&format!("{path}/status"), &change)
        .await?
        .expect(200)?;
    ensure!(
        seen["status"]["conditions"][0]["status"] == "False",
        "{seen}"
    );
    let gone = c.delete(path, None).await?.expect(200)?;
    ensure!(gone["kind"] == "Status", "{gone}");
    Ok(())
}
