//! Real Kubernetes API servers to try things on, without containers: one for each name, with Istio's definitions, a
//! service `web` in the namespace `shop`, and an address that accepts connections in place of an east-west gateway. No
//! pods run and no traffic flows. They last until Ctrl-C.
//!
//! ```sh
//! cargo xtask assets
//! cargo run --package causeway-chaos-tests --example clusters -- kubeconfig.yaml eu us ap
//! ```

use std::{env, fs, path::PathBuf};

use anyhow::{Context as _, ensure};
use causeway_chaos_tests::{
    ApiServer, Fleet,
    causeway::furnish::furnish,
    kubeconfig::{Access, merged},
};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (file, names) = arguments
        .split_first()
        .context("usage: clusters KUBECONFIG-TO-WRITE NAME…")?;
    ensure!(
        !names.is_empty(),
        "usage: clusters KUBECONFIG-TO-WRITE NAME…"
    );
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    eprintln!("starting {} API servers", names.len());
    let fleet = Box::pin(Fleet::start(&names)).await?;
    let mut doors = Vec::new();
    for (cluster, number) in fleet.clusters().iter().zip(1_u8..) {
        doors.push(furnish(cluster, number).await?);
    }
    let file = PathBuf::from(file);
    let accesses: Vec<Access> = fleet.clusters().iter().map(ApiServer::admin).collect();
    fs::write(&file, merged(&accesses).to_string())
        .with_context(|| format!("writing {}", file.display()))?;
    println!("export KUBECONFIG={}", file.display());
    println!("contexts: {}", names.join(", "));
    tokio::signal::ctrl_c().await?;
    drop(doors);
    Ok(())
}
