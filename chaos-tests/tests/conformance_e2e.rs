//! The conformance suite against a real API server: the same cases, with the same assertions, hold for the member in
//! memory (`seam/memory/tests/conformance.rs`). `CASE=part-of-a-name` runs some of them.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use anyhow::{Context as _, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use causeway_chaos_tests::{Fleet, crds};
use causeway_conformance::{Cluster, random};
use causeway_memory::{Config, MemoryMember};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use std::net::SocketAddr;

/// Asks etcd by its JSON gateway.
async fn etcd(address: SocketAddr, path: &str, body: &Value) -> anyhow::Result<Value> {
    let request = http::Request::post(format!("http://{address}{path}"))
        .header("content-type", "application/json")
        .body(Full::new(bytes::Bytes::from(body.to_string())))?;
    let client = Client::builder(TokioExecutor::new()).build_http();
    let answer = client.request(request).await?;
    let code = answer.status();
    let bytes = answer.into_body().collect().await?.to_bytes();
    ensure!(
        code.is_success(),
        "{path}: {code} {}",
        String::from_utf8_lossy(&bytes)
    );
    Ok(serde_json::from_slice(&bytes)?)
}

/// Lets etcd forget its past, and makes the token one of the past: the API server itself would answer a younger one
/// from its cache.
async fn expire(address: SocketAddr, token: String) -> anyhow::Result<String> {
    let range = etcd(address, "/v3/kv/range", &json!({ "key": "AA==" })).await?;
    let now = range["header"]["revision"]
        .as_str()
        .context("no revision")?;
    etcd(
        address,
        "/v3/kv/compaction",
        &json!({ "revision": now, "physical": true }),
    )
    .await?;
    let mut token: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token)?)?;
    ensure!(token["rv"].is_i64(), "another form of token: {token}");
    token["rv"] = json!(2);
    Ok(URL_SAFE_NO_PAD.encode(token.to_string()))
}

/// A real API server with all definitions.
async fn real() -> anyhow::Result<(Fleet, Cluster)> {
    let mut fleet = Fleet::start(&["conformance"]).await?;
    let address = fleet.etcd().address();
    let server = fleet.cluster("conformance")?;
    let client = server.client().await?;
    crds::install_istio(&client).await?;
    crds::install_gateway_api(&client).await?;
    crds::install_causeway(&client).await?;
    let cluster = Cluster {
        client,
        stranger: server.client_as("stranger", None).await?,
        expire: Box::new(move |token| Box::pin(expire(address, token))),
    };
    Ok((fleet, cluster))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_api_server_conforms() -> anyhow::Result<()> {
    let (_fleet, cluster) = real().await?;
    let filter = std::env::var("CASE").unwrap_or_default();
    let failures = causeway_conformance::run(&cluster, &filter, 6).await;
    ensure!(failures.is_empty(), "\n{}", failures.join("\n"));
    Ok(())
}

/// Seeds of random writes.
const SEEDS: std::ops::RangeInclusive<u64> = 1..=5;
/// How many writes each makes.
const WRITES: usize = 250;

/// Random writes of several managers, alike on a real API server and in memory, down to ownership.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_writes_go_alike_in_memory() -> anyhow::Result<()> {
    let (_fleet, real) = real().await?;
    let mut invalid = 0;
    for seed in SEEDS {
        let member = MemoryMember::new(Config::new("memory"), causeway_seam::real::env());
        let memory = Cluster {
            client: member.client(),
            stranger: member.client(),
            expire: Box::new(|token| Box::pin(async { Ok(token) })),
        };
        let compared = random::compare(&real, &memory, seed, WRITES).await?;
        let told = compared.differences.join("\n");
        ensure!(told.is_empty(), "seed {seed}, real and in memory:\n{told}");
        invalid += compared.invalid;
    }
    let all = SEEDS.count() * WRITES;
    ensure!(
        invalid * 50 < all,
        "{invalid} of {all} were invalid, which says little"
    );
    Ok(())
}
