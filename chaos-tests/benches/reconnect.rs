//! A replica dies that a thousand agents had their sessions with: how long until all have one with another, and what that
//! costs the others. `cargo xtask bench reconnect`; it takes half a minute.
//!
//! Three replicas are processes of their own. The agents are sessions of this program, each with a certificate and a
//! connection of its own, which share its processors with the replicas. All of them begin at the first replica, since they
//! are told of no other, and go to the two others when it is killed.

#![allow(clippy::indexing_slicing, clippy::cast_precision_loss)]

#[path = "fleet/mod.rs"]
mod fleet;
#[path = "support/mod.rs"]
mod support;

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use causeway::session::TonicDialer;
use causeway_api::{FactVersion, facts::FactDelta};
use causeway_chaos_tests::Scratch;
use causeway_seam::{Env, real::env};
use fleet::{
    Fleet,
    agent::{Agent, Known},
};
use support::{cpu, print, quantile};
use tokio::{sync::watch, task::JoinSet};

const BENCH: &str = "reconnect";
const AGENTS: usize = 1_000;
const LIMIT: Duration = Duration::from_secs(120);

fn main() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let _ = rustls::crypto::ring::default_provider().install_default();
    if let Some(told) = fleet::told() {
        return runtime.block_on(fleet::play(told?));
    }
    let agents = std::env::args().find_map(|arg| arg.parse().ok());
    runtime.block_on(bench(agents.unwrap_or(AGENTS)))
}

async fn bench(agents: usize) -> anyhow::Result<()> {
    let env = env();
    let scratch = Scratch::new()?;
    let mut fleet = Fleet::start(&scratch, 3, agents).await?;
    let (mut tasks, mut known) = (JoinSet::new(), Vec::new());
    for number in 0..agents {
        let member = fleet::member(number)?;
        let (tell, hear) = watch::channel(Known::default());
        let version = FactVersion {
            epoch: 1,
            sequence: 1,
        };
        let agent = Agent {
            env: env.clone(),
            dialer: Arc::new(TonicDialer::new(&env, &fleet.papers(&member)?)?),
            facts: FactDelta::empty(member.clone(), None, version),
            member,
            first: fleet.sessions[0].clone(),
            known: tell,
        };
        tasks.spawn(agent.run());
        known.push(hear);
    }
    all(&env, &mut tasks, &known, 1).await?;
    // What they begin with is over.
    env.sleep(Duration::from_secs(3)).await;

    let others = [fleet.process(1)?, fleet.process(2)?];
    let used = || anyhow::Ok(cpu(others[0])? + cpu(others[1])?);
    let before = used()?;
    fleet.kill(0).await?;
    let took = all(&env, &mut tasks, &known, 2).await?;
    env.sleep(Duration::from_secs(1)).await;
    let cost = used()? - before;

    let what = format!("a replica dies: its {agents} agents have a session again,");
    for (part, name) in [(0.5, "half of them"), (0.99, "99 in 100"), (1.0, "all")] {
        print(
            BENCH,
            &format!("{what} {name}"),
            (quantile(&took, part), None),
            "s",
            (None, None),
        );
    }
    print(
        BENCH,
        "CPU of both who take them",
        (cost, None),
        "s",
        (None, None),
    );
    let each = cost * 1e3 / agents as f64;
    print(
        BENCH,
        "the same for each agent",
        (each, None),
        "ms",
        (None, None),
    );
    Ok(())
}

/// Waits until each agent has had so many sessions; returns when each got its last, in seconds from now.
async fn all(
    env: &Env,
    tasks: &mut JoinSet<anyhow::Result<()>>,
    known: &[watch::Receiver<Known>],
    sessions: u64,
) -> anyhow::Result<Vec<f64>> {
    let began = env.now();
    let waits = known.iter().cloned().map(|mut known| async move {
        known.wait_for(|known| known.sessions >= sessions).await?;
        anyhow::Ok(env.now().since(began).as_secs_f64())
    });
    let waits = futures::future::try_join_all(waits);
    tokio::select! {
        took = env.timeout(LIMIT, waits) => took.context("not all agents have a session")?,
        Some(ended) = tasks.join_next() => {
            ended??;
            anyhow::bail!("an agent ended")
        }
    }
}
