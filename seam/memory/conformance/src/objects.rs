//! Making, reading and deleting objects.

use anyhow::{bail, ensure};
use serde_json::{Value, json};

use crate::cluster::{Cluster, bare, revision, text};

/// An object with a spec of any shape: WorkloadEntries are what we write most.
pub(crate) fn entry(name: &str, address: &str) -> Value {
    json!({
        "apiVersion": "networking.istio.io/v1",
        "kind": "WorkloadEntry",
        "metadata": { "name": name },
        "spec": { "address": address, "weight": 1, "labels": { "app": "web" } },
    })
}

/// Where WorkloadEntries of a namespace are.
pub(crate) fn entries(namespace: &str) -> String {
    format!("/apis/networking.istio.io/v1/namespaces/{namespace}/workloadentries")
}

pub(crate) async fn create_and_get(c: &Cluster) -> anyhow::Result<()> {
    let ns = c.namespace("create_and_get").await?;
    let path = entries(&ns);
    let made = c.post(&path, &entry("a", "10.0.0.1")).await?.expect(201)?;
    for field in ["uid", "resourceVersion", "creationTimestamp"] {
        ensure!(
            !text(&made, &format!("/metadata/{field}")).is_empty(),
            "no {field}: {made}"
        );
    }
    ensure!(
        text(&made, "/metadata/namespace") == ns,
        "no namespace: {made}"
    );
    ensure!(made["metadata"]["generation"] == 1, "generation: {made}");
    let seen = c.get(&format!("{path}/a")).await?.expect(200)?;
    ensure!(bare(&seen) == bare(&made), "{seen} was made as {made}");
    ensure!(
        revision(&seen)? == revision(&made)?,
        "another revision: {seen}"
    );

    let twice = c
        .post(&path, &entry("a", "10.0.0.2"))
        .await?
        .refused(409, "AlreadyExists")?;
    ensure!(text(&twice, "/details/name") == "a", "no name: {twice}");
    ensure!(
        text(&twice, "/details/kind") == "workloadentries",
        "no kind: {twice}"
    );
    let absent = c
        .get(&format!("{path}/b"))
        .await?
        .refused(404, "NotFound")?;
    ensure!(text(&absent, "/details/name") == "b", "no name: {absent}");
    ensure!(
        text(&absent, "/message") == "workloadentries.networking.istio.io \"b\" not found",
        "message: {absent}"
    );
    let nowhere = c.post(&entries("no-such"), &entry("a", "10.0.0.1")).await?;
    let nowhere = nowhere.refused(404, "NotFound")?;
    ensure!(
        text(&nowhere, "/details/kind") == "namespaces",
        "not the namespace: {nowhere}"
    );
    Ok(())
}

pub(crate) async fn names_are_made_up(c: &Cluster) -> anyhow::Result<()> {
    let ns = c.namespace("names_are_made_up").await?;
    let mut object = entry("", "10.0.0.1");
    object["metadata"] = json!({ "generateName": "cw-" });
    let one = c.post(&entries(&ns), &object).await?.expect(201)?;
    let two = c.post(&entries(&ns), &object).await?.expect(201)?;
    let (one, two) = (text(&one, "/metadata/name"), text(&two, "/metadata/name"));
    ensure!(
        one.len() == 8 && one.starts_with("cw-") && one != two,
        "{one} and {two}"
    );
    Ok(())
}

pub(crate) async fn malformed_objects_are_refused(c: &Cluster) -> anyhow::Result<()> {
    let ns = c.namespace("malformed_objects_are_refused").await?;
    let path = entries(&ns);
    let made = c
        .post(&path, &entry("good", "10.0.0.1"))
        .await?
        .expect(201)?;
    for name in ["Bad", "a/b", "-a", ""] {
        let refused = c
            .post(&path, &entry(name, "10.0.0.1"))
            .await?
            .refused(422, "Invalid")?;
        ensure!(
            text(&refused, "/message").contains("metadata.name"),
            "{name:?}: {refused}"
        );
    }
    let mut kind = entry("x", "10.0.0.1");
    kind["kind"] = json!("ServiceEntry");
    let refused = c.post(&path, &kind).await?.refused(422, "Invalid")?;
    ensure!(
        text(&refused, "/message").contains("must be WorkloadEntry"),
        "{refused}"
    );
    let mut pod = service("x");
    pod["kind"] = json!("Pod");
    let services = format!("/api/v1/namespaces/{ns}/services");
    c.post(&services, &pod).await?.refused(400, "BadRequest")?;
    let mut version = entry("x", "10.0.0.1");
    version["apiVersion"] = json!("networking.istio.io/v1beta1");
    c.post(&path, &version).await?.refused(400, "BadRequest")?;
    let mut namespace = entry("x", "10.0.0.1");
    namespace["metadata"]["namespace"] = json!("default");
    c.post(&path, &namespace)
        .await?
        .refused(400, "BadRequest")?;
    let mut other = made;
    other["metadata"]["name"] = json!("other");
    c.put(&format!("{path}/good"), &other)
        .await?
        .refused(400, "BadRequest")?;
    Ok(())
}

/// An endpoint slice.
pub(crate) fn slice(name: &str, address: &str) -> Value {
    json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": { "name": name, "labels": { "kubernetes.io/service-name": "web" } },
        "addressType": "IPv4",
        "endpoints": [{ "addresses": [address], "conditions": { "ready": true } }],
        "ports": [{ "name": "http", "port": 8080, "protocol": "TCP" }],
    })
}

/// A service.
pub(crate) fn service(name: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": { "name": name },
        "spec": { "selector": { "app": "web" }, "ports": [{ "name": "http", "port": 80 }] },
    })
}

pub(crate) async fn deletions(c: &Cluster) -> anyhow::Result<()> {
    let ns = c.namespace("deletions").await?;
    // Most deletions answer with a Status that says what was deleted.
    for (path, object, kind) in [
        (entries(&ns), entry("a", "10.0.0.1"), "workloadentries"),
        (
            format!("/apis/discovery.k8s.io/v1/namespaces/{ns}/endpointslices"),
            slice("a", "10.0.0.1"),
            "endpointslices",
        ),
    ] {
        let made = c.post(&path, &object).await?.expect(201)?;
        let gone = c.delete(&format!("{path}/a"), None).await?.expect(200)?;
        ensure!(
            gone["kind"] == "Status" && gone["status"] == "Success",
            "{gone}"
        );
        ensure!(text(&gone, "/details/kind") == kind, "{gone}");
        ensure!(gone["details"]["uid"] == made["metadata"]["uid"], "{gone}");
        c.get(&format!("{path}/a"))
            .await?
            .refused(404, "NotFound")?;
        c.delete(&format!("{path}/a"), None)
            .await?
            .refused(404, "NotFound")?;
        let again = c.post(&path, &object).await?.expect(201)?;
        ensure!(
            again["metadata"]["uid"] != made["metadata"]["uid"],
            "the same UID: {again}"
        );
    }
    // That of a Service answers with the Service.
    let path = format!("/api/v1/namespaces/{ns}/services");
    c.post(&path, &service("a")).await?.expect(201)?;
    let gone = c.delete(&format!("{path}/a"), None).await?.expect(200)?;
    ensure!(
        gone["kind"] == "Service" && text(&gone, "/metadata/name") == "a",
        "{gone}"
    );
    Ok(())
}

pub(crate) async fn deletions_with_preconditions(c: &Cluster) -> anyhow::Result<()> {
    let ns = c.namespace("deletions_with_preconditions").await?;
    let path = entries(&ns);
    let made = c.post(&path, &entry("a", "10.0.0.1")).await?.expect(201)?;
    let options = |field: &str, value: &Value| json!({ "kind": "DeleteOptions", "apiVersion": "v1", "preconditions": { field: value } });
    let path = format!("{path}/a");
    let other = options("uid", &json!("00000000-0000-0000-0000-000000000000"));
    c.delete(&path, Some(&other))
        .await?
        .refused(409, "Conflict")?;
    let other = options("resourceVersion", &json!("1"));
    c.delete(&path, Some(&other))
        .await?
        .refused(409, "Conflict")?;
    c.get(&path).await?.expect(200)?;
    let same = json!({ "kind": "DeleteOptions", "apiVersion": "v1", "preconditions": {
        "uid": made["metadata"]["uid"], "resourceVersion": made["metadata"]["resourceVersion"],
    } });
    c.delete(&path, Some(&same)).await?.expect(200)?;
    c.get(&path).await?.refused(404, "NotFound")?;
    Ok(())
}

pub(crate) async fn namespaces_terminate(c: &Cluster) -> anyhow::Result<()> {
    let ns = c.namespace("namespaces_terminate").await?;
    let path = format!("/api/v1/namespaces/{ns}");
    let made = c.get(&path).await?.expect(200)?;
    ensure!(made["status"]["phase"] == "Active", "{made}");
    ensure!(
        made["metadata"]["labels"]["kubernetes.io/metadata.name"] == ns.as_str(),
        "{made}"
    );
    c.post(&entries(&ns), &entry("a", "10.0.0.1"))
        .await?
        .expect(201)?;
    // Without a controller it stays, with all that is in it, but takes nothing new.
    let gone = c.delete(&path, None).await?.expect(200)?;
    ensure!(
        gone["kind"] == "Namespace" && gone["status"]["phase"] == "Terminating",
        "{gone}"
    );
    ensure!(
        !text(&gone, "/metadata/deletionTimestamp").is_empty(),
        "{gone}"
    );
    c.get(&format!("{}/a", entries(&ns))).await?.expect(200)?;
    let mut number = 0;
    loop {
        number += 1;
        let late = c
            .post(&entries(&ns), &entry(&format!("late-{number}"), "10.0.0.1"))
            .await?;
        match late.code {
            // The server learns of the end a little later than it says so.
            201 if number < 400 => tokio::time::sleep(std::time::Duration::from_millis(25)).await,
            403 => {
                late.refused(403, "Forbidden")?;
                return Ok(());
            }
            _ => bail!("{late:?}"),
        }
    }
}

pub(crate) async fn defaults_that_facts_need(c: &Cluster) -> anyhow::Result<()> {
    let ns = c.namespace("defaults_that_facts_need").await?;
    let path = format!("/api/v1/namespaces/{ns}/services");
    let made = c.post(&path, &service("a")).await?.expect(201)?;
    ensure!(made["spec"]["type"] == "ClusterIP", "{made}");
    let port = &made["spec"]["ports"][0];
    ensure!(
        port["protocol"] == "TCP" && port["targetPort"] == 80,
        "{made}"
    );
    let mut headless = service("b");
    headless["spec"]["clusterIP"] = json!("None");
    headless["spec"]["ports"] = json!([{ "port": 80, "targetPort": "web" }]);
    let made = c.post(&path, &headless).await?.expect(201)?;
    ensure!(made["spec"]["clusterIP"] == "None", "{made}");
    ensure!(made["spec"]["ports"][0]["targetPort"] == "web", "{made}");
    let mut bare_port = slice("a", "10.0.0.1");
    bare_port["ports"] = json!([{ "port": 8080 }]);
    let path = format!("/apis/discovery.k8s.io/v1/namespaces/{ns}/endpointslices");
    let made = c.post(&path, &bare_port).await?.expect(201)?;
    ensure!(
        made["ports"] == json!([{ "name": "", "port": 8080, "protocol": "TCP" }]),
        "{made}"
    );

    let members = "/apis/causeway.dev/v1alpha1/memberclusters";
    let member = json!({
        "apiVersion": "causeway.dev/v1alpha1",
        "kind": "MemberCluster",
        "metadata": { "name": "defaults-that-facts-need" },
        "spec": {
            "mesh": {},
            "probes": { "gateway": "HTTP", "http": {} },
            "network": { "gateways": [
                { "name": "e", "addresses": [{ "type": "IPAddress", "value": "203.0.113.1" }] },
            ] },
        },
    });
    let made = c.post(members, &member).await?.expect(201)?;
    let spec = &made["spec"];
    ensure!(
        spec["mode"] == "Observe" && spec["suspend"] == false && spec["mesh"]["type"] == "Auto",
        "{made}"
    );
    ensure!(spec["class"] == "Standard", "{made}");
    let page = json!({ "port": 15021, "path": "/healthz/ready" });
    ensure!(spec["probes"]["http"] == page, "{made}");
    ensure!(spec["network"]["gateways"][0]["port"] == 15443, "{made}");
    let path = format!("{members}/defaults-that-facts-need");
    c.delete(&path, None).await?.expect(200)?;
    let path = format!("/apis/causeway.dev/v1alpha1/namespaces/{ns}/failoverpolicies");
    let policy = json!({
        "apiVersion": "causeway.dev/v1alpha1",
        "kind": "FailoverPolicy",
        "metadata": { "name": "p" },
        "spec": { "targetRefs": [{ "name": "web" }] },
    });
    let made = c.post(&path, &policy).await?.expect(201)?;
    let target = &made["spec"]["targetRefs"][0];
    ensure!(
        target["kind"] == "ServiceExport" && target["group"] == "multicluster.x-k8s.io",
        "{made}"
    );
    Ok(())
}
