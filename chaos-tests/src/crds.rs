//! Installing CustomResourceDefinitions, and waiting until they're served.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
};
use serde_json::Value;

use crate::{
    assets, eventually,
    json::{self, at},
};

/// Istio's, as its own chart installs them.
///
/// # Errors
/// If the assets are missing or the API server refuses one.
pub async fn install_istio(client: &Client) -> anyhow::Result<()> {
    install(client, &[assets::file("istio-crds", "crd-all.gen.yaml")?]).await
}

/// The Gateway API's, standard channel; before Kubernetes 1.31 without TLSRoutes, whose rules call a function that CEL
/// has had since then.
///
/// # Errors
/// As [`install_istio`].
pub async fn install_gateway_api(client: &Client) -> anyhow::Result<()> {
    let mut files = yaml_files(&assets::folder("gateway-api-crds")?)?;
    let version = client.apiserver_version().await?;
    if version.minor.parse::<u32>()? < 31 {
        files.retain(|file| !file.ends_with("gateway.networking.k8s.io_tlsroutes.yaml"));
    }
    install(client, &files).await
}

/// ServiceExport and ServiceImport of the Multi-Cluster Services API (KEP-1645).
///
/// # Errors
/// As [`install_istio`].
pub async fn install_mcs(client: &Client) -> anyhow::Result<()> {
    install(client, &yaml_files(&assets::folder("mcs-api-crds")?)?).await
}

/// Causeway's own, from its chart. Those that are templates for Helm can't be read here.
///
/// # Errors
/// If the chart's folder has none or the API server refuses one.
pub async fn install_causeway(client: &Client) -> anyhow::Result<()> {
    let chart = Path::new(env!("CARGO_MANIFEST_DIR")).join("../charts/causeway-crds");
    let mut files = Vec::new();
    for folder in [chart.join("templates"), chart.join("crds")] {
        if folder.is_dir() {
            files.extend(yaml_files(&folder)?);
        }
    }
    ensure!(
        !files.is_empty(),
        "{} has no YAML file in templates or crds",
        chart.display()
    );
    install(client, &files).await
}

/// The definitions in these YAML files; objects of other kinds in them are left out.
///
/// # Errors
/// If a file is unreadable, the API server refuses a definition, or one isn't served within a minute.
pub async fn install(client: &Client, files: &[PathBuf]) -> anyhow::Result<()> {
    let mut definitions = Vec::new();
    for file in files {
        let text =
            fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
        let documents: Vec<Value> = serde_saphyr::from_multiple(&text)
            .with_context(|| format!("parsing {}", file.display()))?;
        definitions.extend(
            documents
                .into_iter()
                .filter(|document| at(document, "/kind") == "CustomResourceDefinition"),
        );
    }
    apply(client, definitions).await
}

/// These definitions, for example those that a Rust type derives.
///
/// # Errors
/// If the API server refuses one, or doesn't serve it within a minute.
pub async fn apply(client: &Client, definitions: Vec<Value>) -> anyhow::Result<()> {
    stream::iter(
        definitions
            .into_iter()
            .map(|definition| Box::pin(apply_one(client.clone(), definition))),
    )
    .buffer_unordered(8)
    .try_collect()
    .await
}

async fn apply_one(client: Client, definition: Value) -> anyhow::Result<()> {
    let api = Api::<CustomResourceDefinition>::all(client.clone());
    let name = at(&definition, "/metadata/name")
        .as_str()
        .context("a definition without a name")?;
    let parameters = PatchParams::apply("causeway-test").force();
    api.patch(name, &parameters, &Patch::Apply(&definition))
        .await
        .with_context(|| format!("applying {name}"))?;
    let lists = lists(&definition);
    eventually(
        Duration::from_secs(60),
        &format!("{name} is served"),
        || {
            let (api, client, lists) = (api.clone(), client.clone(), lists.clone());
            async move {
                let conditions = api
                    .get(name)
                    .await?
                    .status
                    .and_then(|status| status.conditions)
                    .unwrap_or_default();
                let established = conditions
                    .iter()
                    .any(|one| one.type_ == "Established" && one.status == "True");
                ensure!(established, "conditions {conditions:?}");
                // What serves the objects hears of it a moment later.
                for list in lists {
                    let request = http::Request::get(list).body(Vec::new())?;
                    client.request_text(request).await?;
                }
                Ok(())
            }
        },
    )
    .await
}

/// Where objects of a definition are listed, by each version of it that is served.
fn lists(definition: &Value) -> Vec<String> {
    let text = |pointer| json::text(definition, pointer);
    let (group, plural) = (text("/spec/group"), text("/spec/names/plural"));
    let versions = json::list(definition, "/spec/versions").iter();
    versions
        .filter(|version| at(version, "/served") == true)
        .map(|version| {
            let version = json::text(version, "/name");
            format!("/apis/{group}/{version}/{plural}?limit=1")
        })
        .collect()
}

fn yaml_files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    let mut files: Vec<_> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "yaml")
        })
        .collect();
    files.sort();
    Ok(files)
}
