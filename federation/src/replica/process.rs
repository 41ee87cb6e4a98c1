//! `causeway controller`: the wiring of a replica as a process of its own.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use causeway_api::ReplicaId;
use causeway_api::peer::PeerAddresses;
use causeway_discovery::probe::NetProbe;
use causeway_seam::Env;
use causeway_seam::real::{self, Folder, net};

use super::among::{Among, Begin, Tuning};
use super::{ProbeTimes, Replica, ReplicaConfig};
use crate::admin::{health, server};
use crate::args::ControllerArgs;
use crate::certs::tls::{self, Pems};
use crate::cli::{pems, signals};
use crate::cluster;
use crate::peers::{Me, PeerLinks};
use crate::session::{PeerDialer, PeerListener, TonicListener};
use crate::telemetry::Metrics;

/// Runs until it is asked to stop.
///
/// # Errors
/// Where an address, a file or a folder cannot be used; the message names it.
pub async fn run(args: ControllerArgs) -> anyhow::Result<ExitCode> {
    let env = real::env();
    let pems = pems(&args.tls)?;
    let admin_tls = tls::server(&pems)?;
    let host = cluster::client(&args.kube).await?;
    let disk = Arc::new(Folder::open(&args.data_dir)?);
    let metrics = Metrics::new("controller");

    let admin = net::listen(&args.admin_listen.to_string())
        .await
        .context("operators cannot be served (--admin-listen)")?;
    let health = net::listen(&args.metrics_listen.to_string())
        .await
        .context("health cannot be served (--metrics-listen)")?;
    let sessions = TonicListener::bind(&env, &args.listen.to_string(), &pems)
        .await
        .with_context(|| format!("agents cannot be served at {} (--listen)", args.listen))?;
    let session_address = sessions.address();

    let config = ReplicaConfig {
        id: ReplicaId(args.replica_id),
        domain: args.failure_domain.clone(),
        root_namespace: args.root_namespace.clone(),
        probe: ProbeTimes::default(),
    };
    let among = among(&env, &args, &pems, session_address, admin.local_addr()?).await?;
    let replica = Replica::start_among(
        env.clone(),
        disk,
        Some(host),
        Box::new(sessions),
        Arc::new(NetProbe::new(env.clone())),
        metrics.clone(),
        config,
        among,
    )
    .await?;
    let replica = Arc::new(replica);
    let admin = server::serve_admin(&env, admin, admin_tls, replica.admin())?;
    // Held weakly: who serves must not keep from stopping in order.
    let ready = Arc::downgrade(&replica);
    let ready = move || {
        ready.upgrade().map_or_else(
            || Err("it is stopping".to_owned()),
            |replica| replica.ready().map(|()| replica.waiting()),
        )
    };
    let health = health::serve_health(&env, health, Arc::new(ready), metrics)?;
    tracing::info!(
        sessions = %session_address,
        admin = %admin.address(),
        metrics = %health.address(),
        data = %args.data_dir.display(),
        "controller started"
    );
    signals::stopped().await;
    tracing::info!("stopping; every mesh keeps what it has");
    drop((admin, health));
    if let Some(replica) = Arc::into_inner(replica) {
        replica.stop().await;
    }
    Ok(ExitCode::SUCCESS)
}

/// The other replicas, where this one is not to be alone.
async fn among(
    env: &Env,
    args: &ControllerArgs,
    pems: &Pems,
    sessions: SocketAddr,
    admin: SocketAddr,
) -> anyhow::Result<Option<Among>> {
    let Some(listen) = args.peer_listen else {
        return Ok(None);
    };
    let acceptor = PeerListener::bind(env, &listen.to_string(), pems)
        .await
        .with_context(|| format!("replicas cannot be served at {listen} (--peer-listen)"))?;
    let or = |given: &Option<String>, found: SocketAddr| {
        given.clone().unwrap_or_else(|| found.to_string())
    };
    let me = Me {
        replica: ReplicaId(args.replica_id),
        domain: super::among::declared(&args.failure_domain),
        addresses: PeerAddresses {
            peers: or(&args.peer_address, acceptor.address()),
            sessions: or(&args.session_address, sessions),
            admin: or(&args.admin_address, admin),
        },
        join: args.join.clone(),
    };
    let dialler = Arc::new(PeerDialer::new(env, pems)?);
    tracing::info!(peers = %me.addresses.peers, "replicas are served");
    Ok(Some(Among {
        links: PeerLinks::new(env, me, Some(dialler)),
        acceptor: Box::new(acceptor),
        begin: match (args.bootstrap, args.join.is_empty()) {
            (true, _) => Begin::Bootstrap,
            (false, false) => Begin::Join,
            (false, true) => Begin::Unsaid,
        },
        tuning: Tuning {
            snapshot_every: args.snapshot_every,
            feature_level: args.feature_level,
        },
    }))
}
