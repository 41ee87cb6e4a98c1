//! What people declare (MemberClusters, policies, exports) and what they're told (conditions), as plain objects.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use k8s_openapi::api::authorization::v1::SubjectAccessReview;
use kube::{
    Api, Client, ResourceExt as _,
    api::{ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use super::DEADLINE;
use crate::{
    eventually,
    json::{at, list, text},
    objects::FIELD_MANAGER,
};

/// The API of a kind, such as `networking.istio.io/v1` and `WorkloadEntry`; `None`: of a kind without namespaces, or in
/// all of them.
#[must_use]
pub fn api(
    client: &Client,
    api_version: &str,
    kind: &str,
    namespace: Option<&str>,
) -> Api<DynamicObject> {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
    match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    }
}

/// Creates or changes an object, as somebody who isn't us (server-side apply).
///
/// # Errors
/// If the API server refuses it.
pub async fn put(client: &Client, object: Value) -> anyhow::Result<DynamicObject> {
    let object: DynamicObject = serde_json::from_value(object)?;
    let types = object
        .types
        .clone()
        .context("an object without apiVersion and kind")?;
    let (namespace, name) = (object.namespace(), object.name_any());
    api(
        client,
        &types.api_version,
        &types.kind,
        namespace.as_deref(),
    )
    .patch(
        &name,
        &PatchParams::apply(FIELD_MANAGER).force(),
        &Patch::Apply(&object),
    )
    .await
    .with_context(|| format!("writing the {} {name}", types.kind))
}

/// Registers a member, or changes its registration.
///
/// # Errors
/// If the host cluster refuses it.
pub async fn register(host: &Client, member: &str, spec: Value) -> anyhow::Result<()> {
    let object = json!({
        "apiVersion": "causeway.dev/v1alpha1", "kind": "MemberCluster",
        "metadata": { "name": member }, "spec": spec,
    });
    put(host, object).await.map(drop)
}

/// Writes a FailoverPolicy.
///
/// # Errors
/// If the host cluster refuses it.
pub async fn policy(
    host: &Client,
    (namespace, name): (&str, &str),
    spec: Value,
) -> anyhow::Result<()> {
    let object = json!({
        "apiVersion": "causeway.dev/v1alpha1", "kind": "FailoverPolicy",
        "metadata": { "name": name, "namespace": namespace }, "spec": spec,
    });
    put(host, object).await.map(drop)
}

/// Exports a service of a cluster to the others.
///
/// # Errors
/// If the cluster refuses it.
pub async fn export(client: &Client, (namespace, name): (&str, &str)) -> anyhow::Result<()> {
    let object = json!({
        "apiVersion": "multicluster.x-k8s.io/v1alpha1", "kind": "ServiceExport",
        "metadata": { "name": name, "namespace": namespace },
    });
    put(client, object).await.map(drop)
}

/// Waits until a user may no longer do this: what RBAC objects say is in force a moment after they were written.
///
/// # Errors
/// At the deadline.
pub async fn denied(
    admin: &Client,
    user: &str,
    (verb, group, resource): (&str, &str, &str),
    namespace: Option<&str>,
) -> anyhow::Result<()> {
    let review: SubjectAccessReview = serde_json::from_value(json!({ "metadata": {}, "spec": {
        "user": user,
        "resourceAttributes": { "verb": verb, "group": group, "resource": resource, "namespace": namespace },
    } }))?;
    let reviews = Api::<SubjectAccessReview>::all(admin.clone());
    let what = format!("{user} may not {verb} {resource}");
    eventually(DEADLINE, &what, || async {
        let answer = reviews.create(&PostParams::default(), &review).await?;
        let status = answer.status.context("no answer")?;
        ensure!(!status.allowed, "{status:?}");
        Ok(())
    })
    .await
}

/// The MemberCluster as it is, with its status.
///
/// # Errors
/// If the host cluster doesn't have it.
pub async fn member(host: &Client, name: &str) -> anyhow::Result<Value> {
    let found = api(host, "causeway.dev/v1alpha1", "MemberCluster", None)
        .get(name)
        .await?;
    Ok(serde_json::to_value(found)?)
}

/// The message of a MemberCluster's condition of this type, status and reason.
///
/// # Errors
/// If it has no such one now, with all its conditions.
pub async fn said(
    host: &Client,
    name: &str,
    (kind, status, reason): (&str, &str, &str),
) -> anyhow::Result<String> {
    let found = member(host, name).await?;
    let conditions = list(&found, "/status/conditions");
    let such = conditions.iter().find(|one| {
        at(one, "/type") == kind && at(one, "/status") == status && at(one, "/reason") == reason
    });
    ensure!(
        such.is_some(),
        "{}",
        serde_json::to_string_pretty(&conditions)?
    );
    Ok(such.map(|one| text(one, "/message")).unwrap_or_default())
}

/// Waits until a condition of a MemberCluster has this status and reason, and returns its message.
///
/// # Errors
/// At the deadline, with all its conditions.
pub async fn condition(
    host: &Client,
    name: &str,
    wanted: (&str, &str, &str),
    deadline: Duration,
) -> anyhow::Result<String> {
    let (kind, status, reason) = wanted;
    let what = format!("MemberCluster {name}: {kind} is {status} ({reason})");
    eventually(deadline, &what, || said(host, name, wanted)).await
}
