//! `causeway agent`: the wiring of an agent as a process of its own.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use causeway_discovery::probe::NetProbe;
use causeway_seam::real::{self, Folder, net};

use super::{Agent, AgentConfig, Observing};
use crate::admin::health;
use crate::args::AgentArgs;
use crate::cli::{pems, signals};
use crate::cluster;
use crate::session::TonicDialer;
use crate::telemetry::Metrics;

/// Runs until it is asked to stop.
///
/// # Errors
/// Where an address, a file or a folder cannot be used; the message names it.
pub async fn run(args: AgentArgs) -> anyhow::Result<ExitCode> {
    let env = real::env();
    let dialer = TonicDialer::new(&env, &pems(&args.tls)?)?;
    let client = cluster::client(&args.kube).await?;
    let disk = Arc::new(Folder::open(&args.data_dir)?);
    let metrics = Metrics::new("agent");
    let health = net::listen(&args.metrics_listen.to_string())
        .await
        .context("health cannot be served (--metrics-listen)")?;
    let identity = args.identity.unwrap_or_else(|| identity(&env));
    let config = AgentConfig {
        member: args.member,
        controllers: args.controllers,
        proxies: args.proxy_admin,
        identity,
    };
    tracing::info!(member = %config.member, identity = %config.identity, controllers = ?config.controllers, "agent starts");
    let agent = Arc::new(Agent::start_observing(
        &env,
        client,
        Arc::new(dialer),
        disk,
        config,
        Some(Observing::by(Arc::new(NetProbe::new(env.clone())))),
    ));
    // Held weakly: who serves must not keep from stopping in order.
    let ready = Arc::downgrade(&agent);
    let ready = move || {
        ready.upgrade().map_or_else(
            || Err("it is stopping".to_owned()),
            |agent| agent.ready().map(|()| Vec::new()),
        )
    };
    let health = health::serve_health(&env, health, Arc::new(ready), metrics)?;
    signals::stopped().await;
    tracing::info!("stopping; the mesh keeps what it has");
    drop(health);
    if let Some(agent) = Arc::into_inner(agent) {
        agent.stop().await;
    }
    Ok(ExitCode::SUCCESS)
}

/// Unique for each process: a pod that restarts in place must not be taken for its former self.
fn identity(env: &causeway_seam::Env) -> String {
    let host = std::env::var("HOSTNAME").unwrap_or_else(|_| "agent".to_owned());
    format!("{host}-{:08x}", env.random().next_u64() >> 32)
}
