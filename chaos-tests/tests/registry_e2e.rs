//! A controller's registry against a real API server: what is declared comes into force, what is malformed is said so,
//! and what disappears without being deleted stays. Needs `cargo xtask assets`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "registry/overrides.rs"]
mod overrides;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use async_trait::async_trait;
use causeway::admin::AdminBackend;
use causeway::replica::{ProbeTimes, Replica, ReplicaConfig};
use causeway::telemetry::Metrics;
use causeway_api::session::{FromAgent, FromReplica};
use causeway_api::{MemberName, ReplicaId};
use causeway_chaos_tests::{Fleet, Scratch, crds, eventually, objects};
use causeway_discovery::probe::TcpProbe;
use causeway_seam::real::{self, Folder};
use causeway_seam::transport::{Accept, Connection};
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use kube::{Api, Client};
use serde_json::{Value, json};

const DEADLINE: Duration = Duration::from_secs(60);

/// Nobody dials.
struct NoAgents;

#[async_trait]
impl Accept<FromReplica, FromAgent> for NoAgents {
    async fn accept(&mut self) -> Option<Connection<FromReplica, FromAgent>> {
        std::future::pending().await
    }
}

async fn start(scratch: &Scratch, host: Client) -> anyhow::Result<Replica> {
    let env = real::env();
    let config = ReplicaConfig {
        id: ReplicaId(1),
        domain: "power-a".parse()?,
        root_namespace: "causeway-system".parse()?,
        probe: ProbeTimes::default(),
    };
    let disk = Arc::new(Folder::open(scratch.folder("replica")?)?);
    let probe = Arc::new(TcpProbe::new(env.clone()));
    Replica::start(
        env,
        disk,
        Some(host),
        Box::new(NoAgents),
        probe,
        Metrics::new("controller"),
        config,
    )
    .await
}

fn kind(kind: &str) -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk("causeway.dev", "v1alpha1", kind))
}

fn members(client: &Client) -> Api<DynamicObject> {
    Api::all_with(client.clone(), &kind("MemberCluster"))
}

fn policies(client: &Client, namespace: &str) -> Api<DynamicObject> {
    let plural = ApiResource {
        plural: "failoverpolicies".to_owned(),
        ..kind("FailoverPolicy")
    };
    Api::namespaced_with(client.clone(), namespace, &plural)
}

async fn put(api: &Api<DynamicObject>, kind: &str, name: &str, spec: Value) -> anyhow::Result<()> {
    let object = json!({ "apiVersion": "causeway.dev/v1alpha1", "kind": kind, "metadata": { "name": name }, "spec": spec });
    api.patch(
        name,
        &PatchParams::apply("test").force(),
        &Patch::Apply(object),
    )
    .await?;
    Ok(())
}

async fn put_member(client: &Client, name: &str, spec: Value) -> anyhow::Result<()> {
    put(&members(client), "MemberCluster", name, spec).await
}

/// Waits until a condition is `Status/Reason` for the object's present generation; returns its message.
async fn condition(
    api: &Api<DynamicObject>,
    name: &str,
    kind: &str,
    wanted: &str,
) -> anyhow::Result<String> {
    eventually(DEADLINE, &format!("{name}: {kind} is {wanted}"), || async {
        let object = api.get(name).await?;
        let conditions = object.data["status"]["conditions"]
            .as_array()
            .cloned()
            .context("no conditions")?;
        let found = conditions
            .iter()
            .find(|found| found["type"] == kind)
            .context("no such condition")?;
        let said = format!(
            "{}/{}",
            found["status"].as_str().unwrap_or(""),
            found["reason"].as_str().unwrap_or("")
        );
        ensure!(
            said == wanted && found["observedGeneration"].as_i64() == object.metadata.generation,
            "{found}"
        );
        Ok(found["message"].as_str().unwrap_or("").to_owned())
    })
    .await
}

/// Waits until exactly these members are registered.
async fn registered(admin: &Arc<dyn AdminBackend>, wanted: &[&str]) -> anyhow::Result<()> {
    eventually(DEADLINE, &format!("registered are {wanted:?}"), || async {
        let rows = admin.clusters().await?;
        let names: Vec<&str> = rows.iter().map(|row| row.name.as_str()).collect();
        ensure!(names == wanted, "{names:?}");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn declarations_come_into_force_and_malformed_ones_are_said_to_be() -> anyhow::Result<()> {
    let fleet = Fleet::start(&["host"]).await?;
    let client = fleet.cluster("host")?.client().await?;
    let replica = start(fleet.scratch(), client.clone()).await?;
    let admin = replica.admin();

    // Without definitions it says so, and begins by itself once they are there.
    eventually(DEADLINE, "not ready without definitions", || async {
        let why = replica.ready().err().context("it is ready")?;
        ensure!(
            why.contains("memberclusters.causeway.dev is not installed")
                && why.contains("causeway-crds"),
            "{why}"
        );
        Ok(())
    })
    .await?;
    crds::install_causeway(&client).await?;
    eventually(DEADLINE, "ready with definitions", || async {
        replica.ready().map_err(anyhow::Error::msg)
    })
    .await?;

    // One that no schema can refuse hides no other.
    let unspecified = json!({ "network": { "gateways": [{
        "name": "eastwest", "addresses": [{ "type": "IPAddress", "value": "0.0.0.0" }],
    }] } });
    put_member(&client, "bad", unspecified).await?;
    put_member(&client, "a", json!({})).await?;
    put_member(&client, "b", json!({ "topology": { "region": "r1" } })).await?;
    registered(&admin, &["a", "b"]).await?;
    let why = condition(&members(&client), "bad", "Registered", "False/Invalid").await?;
    ensure!(
        why.contains("MemberCluster bad: spec.network.gateways[0].addresses[0].value"),
        "{why}"
    );
    condition(&members(&client), "a", "Registered", "True/Registered").await?;
    let why = condition(&members(&client), "a", "Ready", "False/NeverConnected").await?;
    ensure!(why.contains("no agent of member a"), "{why}");

    // What becomes malformed stays in force as it was; what is mended is in force.
    put_member(&client, "b", json!({ "topology": { "region": "r1", "localityMappings": [
        { "from": { "zone": "x" }, "to": { "zone": "y" } },
    ] }, "network": { "gateways": [{ "name": "g", "addresses": [{ "type": "IPAddress", "value": "0.0.0.0" }] }] } }))
    .await?;
    let why = condition(&members(&client), "b", "Registered", "False/Invalid").await?;
    ensure!(why.contains("stays in force"), "{why}");
    registered(&admin, &["a", "b"]).await?;
    put_member(&client, "b", json!({ "topology": { "region": "r2" } })).await?;
    condition(&members(&client), "b", "Registered", "True/Registered").await?;
    let rows = admin.clusters().await?;
    ensure!(
        rows[1]
            .region
            .as_ref()
            .is_some_and(|region| region.as_str() == "r2"),
        "{rows:?}"
    );

    // Policies, too.
    for namespace in ["causeway-system", "shop"] {
        objects::put_namespace(&client, &objects::namespace(namespace, &[])).await?;
        put(
            &policies(&client, namespace),
            "FailoverPolicy",
            "p",
            json!({ "detection": { "holdFor": "3s" } }),
        )
        .await?;
    }
    condition(
        &policies(&client, "causeway-system"),
        "p",
        "Ready",
        "True/Ready",
    )
    .await?;
    let why = condition(&policies(&client, "shop"), "p", "Accepted", "False/Invalid").await?;
    ensure!(
        why.contains("spec.detection") && why.contains("causeway-system"),
        "{why}"
    );

    // A person who describes the object finds it, too.
    eventually(DEADLINE, "an Event about the malformed one", || async {
        let events: Api<Event> = Api::namespaced(client.clone(), "default");
        let events = events.list(&ListParams::default()).await?;
        let about = |event: &&Event| {
            event
                .regarding
                .as_ref()
                .is_some_and(|object| object.name.as_deref() == Some("bad"))
                && event.reason.as_deref() == Some("Invalid")
        };
        let event = events.items.iter().find(about).context("none")?;
        ensure!(event.type_.as_deref() == Some("Warning"), "{event:?}");
        Ok(())
    })
    .await?;

    // What concerns another object is no reason to write this one.
    let before = members(&client).get("a").await?.metadata.resource_version;
    for suspend in [true, false] {
        put_member(
            &client,
            "b",
            json!({ "topology": { "region": "r2" }, "suspend": suspend }),
        )
        .await?;
        condition(&members(&client), "b", "Registered", "True/Registered").await?;
    }
    ensure!(
        members(&client).get("a").await?.metadata.resource_version == before,
        "a was written for nothing"
    );

    replica.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_deletion_removes() -> anyhow::Result<()> {
    let fleet = Fleet::start(&["host"]).await?;
    let client = fleet.cluster("host")?.client().await?;
    crds::install_causeway(&client).await?;
    let replica = start(fleet.scratch(), client.clone()).await?;
    let admin = replica.admin();
    for name in ["a", "b", "c"] {
        put_member(&client, name, json!({})).await?;
    }
    registered(&admin, &["a", "b", "c"]).await?;
    members(&client)
        .delete("c", &DeleteParams::default())
        .await?;
    registered(&admin, &["a", "b"]).await?;

    // A namespace goes, and its policies with it: no person means by that that they are no more.
    let shop = objects::namespace("shop", &[]);
    objects::put_namespace(&client, &shop).await?;
    let policies = policies(&client, "shop");
    put(&policies, "FailoverPolicy", "p", json!({})).await?;
    condition(&policies, "p", "Accepted", "True/Accepted").await?;
    let namespaces: Api<Namespace> = Api::all(client.clone());
    namespaces.delete("shop", &DeleteParams::default()).await?;
    policies.delete("p", &DeleteParams::default()).await?;
    kept(&admin, "FailoverPolicy shop/p").await?;

    // The definition goes, and its objects with it: nobody means by that that the members are gone.
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    definitions
        .delete("memberclusters.causeway.dev", &DeleteParams::default())
        .await?;
    eventually(DEADLINE, "the definition is gone", || async {
        ensure!(
            definitions
                .get_opt("memberclusters.causeway.dev")
                .await?
                .is_none()
        );
        Ok(())
    })
    .await?;
    kept(&admin, "MemberCluster a").await?;
    registered(&admin, &["a", "b"]).await?;

    // It comes back empty, and one of the members is declared again.
    crds::install_causeway(&client).await?;
    put_member(&client, "a", json!({ "suspend": true })).await?;
    eventually(DEADLINE, "the new declaration is in force", || async {
        let row = admin.clusters().await?.into_iter().next().context("none")?;
        ensure!(row.suspended, "{row:?}");
        Ok(())
    })
    .await?;
    kept(&admin, "MemberCluster b").await?;
    registered(&admin, &["a", "b"]).await?;
    let diff = admin.diff(&MemberName::new("b")?).await;
    ensure!(
        diff.is_err_and(|error| error.error.contains("no session")),
        "b is registered still"
    );

    // Declared again and deleted: that is meant.
    put_member(&client, "b", json!({})).await?;
    condition(&members(&client), "b", "Registered", "True/Registered").await?;
    members(&client)
        .delete("b", &DeleteParams::default())
        .await?;
    registered(&admin, &["a"]).await?;
    members(&client)
        .delete("a", &DeleteParams::default())
        .await?;
    registered(&admin, &[]).await?;
    replica.stop().await;
    Ok(())
}

/// Waits until the status says that a declaration is in force although its object is gone.
async fn kept(admin: &Arc<dyn AdminBackend>, object: &str) -> anyhow::Result<()> {
    eventually(DEADLINE, &format!("{object} is kept"), || async {
        let needs = admin.status().await?.needs_you;
        let said = needs
            .iter()
            .any(|need| need.object == object && need.message.contains("stays in force"));
        ensure!(said, "{needs:?}");
        Ok(())
    })
    .await
}
