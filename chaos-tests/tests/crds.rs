//! Our CustomResourceDefinitions against a real API server: they get established, each valid sample is accepted, each
//! invalid one is refused with the message that its first line gives, and tables have our columns.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use causeway_chaos_tests::{Fleet, crds};
use kube::Client;
use serde_json::{Value, json};

/// Where requests for a sample's kind go, without the name.
fn collection(object: &Value) -> anyhow::Result<String> {
    let version = object["apiVersion"].as_str().context("no apiVersion")?;
    let plural = match object["kind"].as_str().context("no kind")? {
        "MemberCluster" => "memberclusters",
        "FailoverPolicy" => "failoverpolicies",
        "TrafficShift" => "trafficshifts",
        "ServiceExport" => "serviceexports",
        "ServiceImport" => "serviceimports",
        other => bail!("a sample of another kind: {other}"),
    };
    Ok(match object["metadata"]["namespace"].as_str() {
        Some(namespace) => format!("/apis/{version}/namespaces/{namespace}/{plural}"),
        None => format!("/apis/{version}/{plural}"),
    })
}

async fn send(
    client: &Client,
    method: &str,
    path: &str,
    body: Option<&Value>,
) -> Result<Value, kube::Error> {
    let body = body.map_or_else(Vec::new, |body| serde_json::to_vec(body).unwrap());
    let request = http::Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", "application/json")
        .body(body)
        .unwrap();
    client.request(request).await
}

/// Creates the object, or replaces it where it exists; unknown fields are errors.
async fn put(client: &Client, object: &Value) -> anyhow::Result<()> {
    let path = collection(object)?;
    let named = format!("{path}/{}", object["metadata"]["name"].as_str().unwrap());
    match send(client, "GET", &named, None).await {
        Ok(found) => {
            let mut object = object.clone();
            object["metadata"]["resourceVersion"] = found["metadata"]["resourceVersion"].clone();
            let path = format!("{named}?fieldValidation=Strict");
            send(client, "PUT", &path, Some(&object)).await?;
        }
        Err(_) => {
            let path = format!("{path}?fieldValidation=Strict");
            send(client, "POST", &path, Some(object)).await?;
        }
    }
    Ok(())
}

/// Names and texts of the samples of a folder.
fn samples(folder: &str) -> anyhow::Result<Vec<(String, String)>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../api/crds/samples")
        .join(folder);
    let mut samples = Vec::new();
    for entry in std::fs::read_dir(&folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        samples.push((name, std::fs::read_to_string(&path)?));
    }
    samples.sort();
    ensure!(!samples.is_empty(), "{} is empty", folder.display());
    Ok(samples)
}

/// Sends the documents of a sample. All but the last must be accepted; returns what became of the last.
async fn last_of(client: &Client, text: &str) -> anyhow::Result<anyhow::Result<()>> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(text)?;
    let (last, before) = documents.split_last().context("no document")?;
    for document in before {
        put(client, document).await?;
    }
    Ok(put(client, last).await)
}

async fn cluster() -> anyhow::Result<(Fleet, Client)> {
    let fleet = Fleet::start(&["crds"]).await?;
    let client = fleet.cluster("crds")?.client().await?;
    crds::install_causeway(&client).await?;
    for name in ["shop", "pay", "causeway-system"] {
        let namespace =
            json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } });
        send(&client, "POST", "/api/v1/namespaces", Some(&namespace)).await?;
    }
    Ok((fleet, client))
}

#[tokio::test]
async fn samples_are_accepted_or_refused_as_they_say() -> anyhow::Result<()> {
    let (_fleet, client) = cluster().await?;
    let mut wrong = Vec::new();
    for (name, text) in samples("valid")? {
        if let Err(error) = last_of(&client, &text).await? {
            wrong.push(format!("valid/{name}: refused: {error:#}"));
        }
    }
    for (name, text) in samples("invalid")? {
        let expected = text
            .lines()
            .next()
            .and_then(|line| line.strip_prefix("# refused: "))
            .with_context(|| format!("invalid/{name} says not how it's refused"))?;
        match last_of(&client, &text)
            .await
            .with_context(|| format!("invalid/{name}"))?
        {
            Ok(()) => wrong.push(format!("invalid/{name}: accepted")),
            Err(error) => {
                let said = format!("{error:#}");
                if !said.contains(expected) {
                    wrong.push(format!("invalid/{name}: {said}, not {expected}"));
                }
                // Whatever it expects: people look for the field.
                if !["spec", "metadata.name"]
                    .iter()
                    .any(|field| said.contains(field))
                {
                    wrong.push(format!("invalid/{name} names no field: {said}"));
                }
            }
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

/// The table of a kind, as kubectl asks for it: names of columns with their priority, and the first row's cells.
async fn table(client: &Client, path: &str) -> anyhow::Result<Vec<(String, i64, Value)>> {
    let request = http::Request::get(path)
        .header("accept", "application/json;as=Table;v=v1;g=meta.k8s.io")
        .body(Vec::new())?;
    let table: Value = client.request(request).await?;
    let columns = table["columnDefinitions"]
        .as_array()
        .context("no columns")?;
    let cells = table["rows"][0]["cells"].as_array().context("no row")?;
    Ok(columns
        .iter()
        .zip(cells)
        .map(|(column, cell)| {
            let name = column["name"].as_str().unwrap_or_default().to_owned();
            (
                name,
                column["priority"].as_i64().unwrap_or_default(),
                cell.clone(),
            )
        })
        .collect())
}

#[tokio::test]
async fn tables_have_our_columns() -> anyhow::Result<()> {
    let (_fleet, client) = cluster().await?;
    let condition = |status: &str, reason: &str| {
        json!([{
            "type": "Ready", "status": status, "reason": reason, "message": "m",
            "observedGeneration": 1, "lastTransitionTime": "2026-01-01T00:00:00Z",
        }])
    };
    let members = "/apis/causeway.dev/v1alpha1/memberclusters";
    let mut member = json!({
        "apiVersion": "causeway.dev/v1alpha1", "kind": "MemberCluster",
        "metadata": { "name": "ack" }, "spec": {},
    });
    member = send(&client, "POST", members, Some(&member)).await?;
    ensure!(
        member["spec"]["mode"] == "Observe",
        "the default shows: {member}"
    );
    member["status"] = json!({
        "observedGeneration": 1, "id": "u", "region": "cn-hangzhou", "network": "hz",
        "version": { "kubernetes": "v1.36.3", "agent": "v0.1.0", "protocol": 1, "mesh": "istio-1.31" },
        "session": { "home": "r1", "epoch": 3, "lastHeardTime": "2026-01-01T00:00:00Z" },
        "verdict": { "state": "Serving", "since": "2026-01-01T00:00:00Z", "votes": 1, "counted": 1, "domains": 1 },
        "gateways": [{ "name": "eastwest", "address": "203.0.113.7:15443", "reachableFrom": 1, "probedFrom": 1 }],
        "view": { "generation": "1/2/3", "appliedGeneration": "1/2/3", "objects": 4, "conflicts": 0, "wouldChange": 0 },
        "services": { "exported": 20, "imported": 17 },
        "conditions": condition("True", "AllWell"),
    });
    send(
        &client,
        "PUT",
        &format!("{members}/ack/status"),
        Some(&member),
    )
    .await?;
    let rows = table(&client, members).await?;
    let narrow: Vec<&str> = rows
        .iter()
        .filter(|(_, priority, _)| *priority == 0)
        .map(|(name, _, _)| name.as_str())
        .collect();
    assert_eq!(
        narrow,
        [
            "Name", "Region", "Mode", "Ready", "Verdict", "Exported", "Imported", "Age"
        ]
    );
    for (column, value) in [
        ("Name", json!("ack")),
        ("Region", json!("cn-hangzhou")),
        ("Mode", json!("Observe")),
        ("Ready", json!("True")),
        ("Verdict", json!("Serving")),
        ("Exported", json!(20)),
        ("Imported", json!(17)),
        ("Home", json!("r1")),
        ("Network", json!("hz")),
        ("K8s", json!("v1.36.3")),
        ("Mesh", json!("istio-1.31")),
        ("Reason", json!("AllWell")),
    ] {
        let cell = rows.iter().find(|(name, _, _)| name == column);
        assert_eq!(
            cell.map(|(_, _, cell)| cell),
            Some(&value),
            "{column} in {rows:?}"
        );
    }

    let policies = "/apis/causeway.dev/v1alpha1/namespaces/shop/failoverpolicies";
    let mut policy = json!({
        "apiVersion": "causeway.dev/v1alpha1", "kind": "FailoverPolicy",
        "metadata": { "name": "checkout" }, "spec": {},
    });
    policy = send(&client, "POST", policies, Some(&policy)).await?;
    policy["status"] = json!({
        "services": { "matched": 2 },
        "readiness": [
            { "lose": "region/cn-shanghai", "outcome": "Overloads", "score": 40, "service": "shop/cart", "byPercent": 31 },
            { "lose": "member/ack", "outcome": "Survives", "score": 100 },
        ],
        "conditions": condition("False", "ConflictingRegions"),
    });
    send(
        &client,
        "PUT",
        &format!("{policies}/checkout/status"),
        Some(&policy),
    )
    .await?;
    let rows = table(&client, policies).await?;
    for (column, value) in [
        ("Services", json!(2)),
        ("Worst", json!("region/cn-shanghai")),
        ("Outcome", json!("Overloads")),
        ("Ready", json!("False")),
        ("Reason", json!("ConflictingRegions")),
    ] {
        let cell = rows.iter().find(|(name, _, _)| name == column);
        assert_eq!(
            cell.map(|(_, _, cell)| cell),
            Some(&value),
            "{column} in {rows:?}"
        );
    }
    Ok(())
}
