//! What is in the way, and what goes on beside it.

use anyhow::ensure;
use causeway_api::spec::Mode;
use causeway_chaos_tests::{Fleet, crds, eventually, objects};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding};
use kube::api::{Api, Patch, PatchParams, PostParams};
use serde_json::json;

use crate::member::*;
use crate::writes::cluster;

#[tokio::test]
async fn kinds_that_are_missing_are_named_and_found_when_they_come() -> anyhow::Result<()> {
    let fleet = Fleet::start(&["one"]).await?;
    let client = fleet.cluster("one")?.client().await?;
    for namespace in ["istio-system", "app"] {
        objects::put_namespace(&client, &objects::namespace(namespace, &[])).await?;
    }
    crds::install_istio(&client).await?;
    let mut member = Member::new(client.clone(), Mode::Federate);
    member.start(1);
    let message = member.condition("MissingCrd").await?;
    ensure!(
        message.contains("gateways.gateway.networking.k8s.io"),
        "{message}"
    );
    ensure!(
        message.contains("Install the CRDs of Gateway API"),
        "{message}"
    );
    assert_eq!(
        member.handle().stats().applied,
        0,
        "no entry without the void gateway"
    );
    crds::install_gateway_api(&client).await?;
    let applied = member.applied().await?;
    ensure!(
        !applied
            .conditions
            .iter()
            .any(|found| found.reason == "MissingCrd"),
        "{applied:#?}"
    );
    Ok(())
}

#[tokio::test]
async fn what_rbac_forbids_is_named_and_the_rest_is_written() -> anyhow::Result<()> {
    let (fleet, admin) = cluster().await?;
    let role = |verbs: &[&str]| -> ClusterRole {
        serde_json::from_value(json!({
            "metadata": {"name": "agent"},
            "rules": [
                {
                    "apiGroups": ["networking.istio.io"],
                    "resources": ["destinationrules", "serviceentries"],
                    "verbs": ["*"],
                },
                {"apiGroups": ["gateway.networking.k8s.io"], "resources": ["gateways"], "verbs": ["*"]},
                {"apiGroups": ["networking.istio.io"], "resources": ["workloadentries"], "verbs": verbs},
            ],
        }))
        .unwrap()
    };
    let binding: ClusterRoleBinding = serde_json::from_value(json!({
        "metadata": {"name": "agent"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "agent"},
        "subjects": [{"kind": "User", "name": "agent", "apiGroup": "rbac.authorization.k8s.io"}],
    }))?;
    let roles: Api<ClusterRole> = Api::all(admin.clone());
    roles
        .create(&PostParams::default(), &role(&["get"]))
        .await?;
    Api::all(admin.clone())
        .create(&PostParams::default(), &binding)
        .await?;
    let client = fleet.cluster("one")?.client_as("agent", None).await?;
    let mut member = Member::new(client, Mode::Federate);
    member.start(1);
    let applied = member.handle().applied();
    // A role takes a moment until it is in force: other kinds may be named before.
    eventually(DEADLINE, "looking at entries is refused", || async {
        let now = applied.borrow().clone();
        let named = now.conditions.iter().any(|found| {
            found.reason == "Forbidden"
                && found
                    .message
                    .contains("list and watch workloadentries.networking.istio.io")
        });
        ensure!(named, "{now:#?}");
        Ok(())
    })
    .await?;

    // It may look now, and not write: rules and gateways are written, entries are named.
    let force = PatchParams::apply("test").force();
    let set = async |verbs: &[&str]| {
        let mut role = serde_json::to_value(role(verbs))?;
        role["apiVersion"] = "rbac.authorization.k8s.io/v1".into();
        role["kind"] = "ClusterRole".into();
        roles.patch("agent", &force, &Patch::Apply(&role)).await?;
        anyhow::Ok(())
    };
    set(&["get", "list", "watch"]).await?;
    eventually(DEADLINE, "creating entries is refused", || async {
        let now = applied.borrow().clone();
        let found = now.conditions.iter().find(|found| {
            found
                .message
                .contains("Grant the agent create on workloadentries.networking.istio.io")
        });
        ensure!(found.is_some() && now.would_change == 2, "{now:#?}");
        Ok(())
    })
    .await?;
    // Gateways and each service are jobs of their own: one may be refused before another was tried.
    let watcher = Member::new(admin.clone(), Mode::Observe);
    let written = async |count: usize| {
        let found = watcher.versions().await?;
        ensure!(found.len() == count, "{found:#?}");
        Ok(())
    };
    eventually(DEADLINE, "all but the entries are written", || written(6)).await?;
    set(&["*"]).await?;
    member.applied().await?;
    eventually(DEADLINE, "the entries are written", || written(8)).await?;
    Ok(())
}

#[tokio::test]
async fn an_api_server_that_dies_and_returns_finds_its_objects_untouched() -> anyhow::Result<()> {
    let (mut fleet, client) = cluster().await?;
    let mut member = Member::new(client, Mode::Federate);
    member.start(1);
    member.applied().await?;
    let before = member.versions().await?;
    fleet.cluster_mut("one")?.kill();
    member.set("echo", |inputs| inputs.owners[1].service.ready = 8);
    let message = member.condition("WriteFailed").await?;
    ensure!(message.contains("cw-echo.net3"), "{message}");
    fleet.cluster_mut("one")?.restart().await?;
    let applied = member.handle().applied();
    eventually(DEADLINE, "the change arrives", || async {
        let now = applied.borrow().clone();
        ensure!(now.would_change == 0, "{now:#?}");
        let entry = &member.objects().await?["WorkloadEntry cw-echo.net3"];
        ensure!(entry["spec"]["weight"] == 8, "{entry}");
        Ok(())
    })
    .await?;
    let after = member.versions().await?;
    for (name, version) in &before {
        ensure!(
            (after[name] == *version) == (name != "WorkloadEntry cw-echo.net3"),
            "{name}"
        );
    }
    Ok(())
}
