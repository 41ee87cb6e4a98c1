//! What a cluster tells of itself.

use anyhow::{Context as _, ensure};
use serde_json::Value;

use crate::cluster::{Cluster, text};

pub(crate) async fn version_and_groups(c: &Cluster) -> anyhow::Result<()> {
    let version = c.client.apiserver_version().await?;
    ensure!(version.git_version.starts_with("v1."), "{version:?}");
    ensure!(
        version.major == "1" && version.minor.parse::<u32>().is_ok(),
        "{version:?}"
    );

    let groups = c.client.list_api_groups().await?;
    for (name, preferred, others) in [
        ("discovery.k8s.io", "v1", &[][..]),
        ("coordination.k8s.io", "v1", &[]),
        ("events.k8s.io", "v1", &[]),
        ("multicluster.x-k8s.io", "v1beta1", &["v1alpha1"]),
        ("networking.istio.io", "v1", &["v1beta1", "v1alpha3"]),
        ("gateway.networking.k8s.io", "v1", &["v1beta1"]),
        ("causeway.dev", "v1alpha1", &[]),
    ] {
        let group = groups.groups.iter().find(|group| group.name == name);
        let group = group.with_context(|| format!("no {name}"))?;
        let found = group
            .preferred_version
            .as_ref()
            .map(|found| found.version.as_str());
        ensure!(found == Some(preferred), "{group:?}");
        for other in others {
            ensure!(
                group
                    .versions
                    .iter()
                    .any(|version| version.version == *other),
                "{group:?}"
            );
        }
        let alone = c.get(&format!("/apis/{name}")).await?.expect(200)?;
        ensure!(
            text(&alone, "/preferredVersion/version") == preferred,
            "{alone}"
        );
    }

    for (path, plural, kind, namespaced) in [
        ("/api/v1", "services", "Service", true),
        ("/api/v1", "nodes", "Node", false),
        (
            "/apis/networking.istio.io/v1",
            "workloadentries",
            "WorkloadEntry",
            true,
        ),
        (
            "/apis/networking.istio.io/v1",
            "destinationrules",
            "DestinationRule",
            true,
        ),
        (
            "/apis/multicluster.x-k8s.io/v1alpha1",
            "serviceexports",
            "ServiceExport",
            true,
        ),
        (
            "/apis/multicluster.x-k8s.io/v1beta1",
            "serviceexports",
            "ServiceExport",
            true,
        ),
        (
            "/apis/gateway.networking.k8s.io/v1",
            "gateways",
            "Gateway",
            true,
        ),
        (
            "/apis/causeway.dev/v1alpha1",
            "memberclusters",
            "MemberCluster",
            false,
        ),
        (
            "/apis/causeway.dev/v1alpha1",
            "memberclusters/status",
            "MemberCluster",
            false,
        ),
    ] {
        let list = c.get(path).await?.expect(200)?;
        ensure!(list["kind"] == "APIResourceList", "{list}");
        let rows = list["resources"].as_array().context("no resources")?;
        let row = rows.iter().find(|row| text(row, "/name") == plural);
        let row = row.with_context(|| format!("no {plural} in {path}"))?;
        ensure!(
            text(row, "/kind") == kind && row["namespaced"] == namespaced,
            "{row}"
        );
        let verbs: Vec<&str> = row["verbs"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        ensure!(verbs.contains(&"patch"), "{row}");
        ensure!(plural.contains('/') || verbs.contains(&"watch"), "{row}");
    }
    Ok(())
}

pub(crate) async fn unknown_paths(c: &Cluster) -> anyhow::Result<()> {
    for path in [
        "/apis/no.such.group",
        "/apis/no.such.group/v1",
        "/apis/no.such.group/v1/things",
        "/apis/networking.istio.io/v7",
        "/apis/networking.istio.io/v1/nosuchthings",
        "/apis/networking.istio.io/v1/namespaces/default/nosuchthings/a",
        "/apis/multicluster.x-k8s.io/v1/serviceexports",
    ] {
        let answer = c.get(path).await?;
        ensure!(answer.code == 404, "{path}: {answer:?}");
        // Such a path is told in plain text, not as a Status.
        ensure!(
            answer
                .body
                .as_str()
                .is_some_and(|text| text.contains("page not found")),
            "{path}: {answer:?}"
        );
    }
    Ok(())
}

pub(crate) async fn definitions_are_objects(c: &Cluster) -> anyhow::Result<()> {
    let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    for (name, kind, scope, version) in [
        (
            "memberclusters.causeway.dev",
            "MemberCluster",
            "Cluster",
            "v1alpha1",
        ),
        (
            "workloadentries.networking.istio.io",
            "WorkloadEntry",
            "Namespaced",
            "v1",
        ),
        (
            "serviceexports.multicluster.x-k8s.io",
            "ServiceExport",
            "Namespaced",
            "v1beta1",
        ),
        (
            "gateways.gateway.networking.k8s.io",
            "Gateway",
            "Namespaced",
            "v1",
        ),
    ] {
        let found = c.get(&format!("{path}/{name}")).await?.expect(200)?;
        ensure!(!text(&found, "/metadata/uid").is_empty(), "{found}");
        ensure!(
            text(&found, "/spec/names/kind") == kind && text(&found, "/spec/scope") == scope,
            "{found}"
        );
        let versions = found["spec"]["versions"]
            .as_array()
            .context("no versions")?;
        let stored: Vec<&str> = versions
            .iter()
            .filter(|version| version["storage"] == true && version["served"] == true)
            .map(|version| text(version, "/name"))
            .collect();
        ensure!(stored == [version], "{found}");
        let conditions = found["status"]["conditions"]
            .as_array()
            .context("no conditions")?;
        let established = conditions
            .iter()
            .any(|condition| condition["type"] == "Established" && condition["status"] == "True");
        ensure!(established, "{found}");
    }
    let absent = c.get(&format!("{path}/things.no.such.group")).await?;
    absent.refused(404, "NotFound")?;
    Ok(())
}
