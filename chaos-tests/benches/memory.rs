//! What a replica holds in memory: idle, and with a million rows of facts of a hundred members, as they come by sessions.
//! `cargo xtask bench memory`; it takes half a minute. The replica is a process of its own; what is measured is its resident
//! memory.

#![allow(clippy::indexing_slicing, clippy::cast_precision_loss)]

#[path = "fleet/mod.rs"]
mod fleet;
#[path = "support/mod.rs"]
mod support;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use anyhow::Context as _;
use causeway::session::TonicDialer;
use causeway_api::{
    FactVersion, MemberName,
    facts::{
        Change, EndpointCounts, EndpointKey, FactDelta, NamespaceFact, Protocol, ServiceFact,
        ServicePort, TargetPort,
    },
    ids::{PortName, ServiceKey},
};
use causeway_chaos_tests::Scratch;
use causeway_seam::real::env;
use fleet::{
    Fleet,
    agent::{Agent, Known},
};
use support::print;
use tokio::{sync::watch, task::JoinSet};

const BENCH: &str = "memory";
const MEMBERS: usize = 100;
const ROWS: usize = 1_000_000;
const LIMIT: Duration = Duration::from_secs(120);

fn main() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let _ = rustls::crypto::ring::default_provider().install_default();
    if let Some(told) = fleet::told() {
        return runtime.block_on(fleet::play(told?));
    }
    runtime.block_on(bench())
}

async fn bench() -> anyhow::Result<()> {
    let env = env();
    let scratch = Scratch::new()?;
    let fleet = Fleet::start(&scratch, 1, MEMBERS).await?;
    env.sleep(Duration::from_secs(5)).await;
    let idle = fleet.memory(0)?;
    let mut tasks = JoinSet::new();
    for number in 0..MEMBERS {
        let member = fleet::member(number)?;
        let (tell, mut hear) = watch::channel(Known::default());
        let facts = facts(&member)?;
        let version = facts.version;
        let agent = Agent {
            env: env.clone(),
            dialer: Arc::new(TonicDialer::new(&env, &fleet.papers(&member)?)?),
            facts,
            member,
            first: fleet.sessions[0].clone(),
            known: tell,
        };
        tasks.spawn(agent.run());
        let held = async {
            hear.wait_for(|known| known.facts >= version).await?;
            anyhow::Ok(())
        };
        tokio::select! {
            held = env.timeout(LIMIT, held) => held.context("facts were not taken")??,
            Some(ended) = tasks.join_next() => {
                ended??;
                anyhow::bail!("an agent ended")
            }
        }
    }
    env.sleep(Duration::from_secs(5)).await;
    let full = fleet.memory(0)?;
    print(BENCH, "an idle replica", (idle, None), "MiB", (None, None));
    let what = format!("with {ROWS} rows of facts of {MEMBERS} members, and their sessions");
    print(BENCH, &what, (full, None), "MiB", (None, None));
    let each = (full - idle) * f64::from(1 << 20) / ROWS as f64;
    print(
        BENCH,
        "the same for each row",
        (each, None),
        "B",
        (None, None),
    );
    Ok(())
}

/// Services with one row of their own and nine of endpoints, none of them exported.
fn facts(member: &MemberName) -> anyhow::Result<FactDelta> {
    let version = FactVersion {
        epoch: 1,
        sequence: 1,
    };
    let mut delta = FactDelta::empty(member.clone(), None, version);
    delta.namespaces = vec![Change::set("shop".parse()?, NamespaceFact::default())];
    for service in 0..ROWS / MEMBERS / 10 {
        let name = format!("service-{service}");
        let key = ServiceKey::new("shop", &name)?;
        let fact = ServiceFact {
            exported: false,
            selector: BTreeMap::from([("app".to_owned(), name)]),
            headless: false,
            ports: vec![ServicePort {
                name: PortName::new("http")?,
                port: 80,
                protocol: Protocol::Tcp,
                app_protocol: None,
                target: TargetPort::Number(8080),
            }],
            service_accounts: vec!["default".parse()?],
        };
        delta.services.push(Change::set(key.clone(), fact));
        for place in 0..9_u32 {
            let key = EndpointKey {
                service: key.clone(),
                port: PortName::new("http")?,
                locality: format!("region-{}/zone-{place}", place / 3).parse()?,
            };
            let counts = EndpointCounts {
                ready: place + 1,
                serving: place + 1,
                total: place + 2,
            };
            delta.endpoints.push(Change::set(key, counts));
        }
    }
    Ok(delta)
}
