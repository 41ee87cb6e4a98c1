//! Probing gateways on virtual time, and once for real.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use causeway_api::facts::GatewayAddress;
use causeway_api::ids::FailureDomain;
use causeway_api::verdict::{Ballot, ObserverId, Subject, Vote};
use causeway_discovery::probe::{Probe, ProbeConfig, Prober, Target, TcpProbe};
use causeway_seam::{Env, real};
use tokio::sync::mpsc;

/// Reaches what it is told to.
#[derive(Default)]
struct Scripted {
    up: Mutex<BTreeSet<String>>,
    attempts: Mutex<u32>,
}

#[async_trait]
impl Probe for Scripted {
    async fn reach(&self, address: &GatewayAddress, _: u16, _: Duration) -> Result<(), String> {
        *self.attempts.lock().unwrap() += 1;
        let up = self.up.lock().unwrap().contains(&address.to_string());
        if up {
            Ok(())
        } else {
            Err("refused".to_owned())
        }
    }
}

impl Scripted {
    fn set(&self, address: &str, up: bool) {
        let mut all = self.up.lock().unwrap();
        if up {
            all.insert(address.to_owned());
        } else {
            all.remove(address);
        }
    }
}

fn subject(name: &str) -> Subject {
    format!("gateway/{name}/eastwest").parse().unwrap()
}

fn target(addresses: &[&str]) -> Target {
    let addresses = addresses
        .iter()
        .map(|a| (GatewayAddress::Host((*a).to_owned()), 15443));
    Target {
        addresses: addresses.collect(),
        ..Target::default()
    }
}

fn config() -> ProbeConfig {
    let observer: ObserverId = "replica/r1".parse().unwrap();
    ProbeConfig::new(observer, FailureDomain::new("d1").unwrap())
}

fn start(env: &Env) -> (Arc<Scripted>, Prober, mpsc::Receiver<Vec<Vote>>) {
    let probe = Arc::new(Scripted::default());
    let (prober, votes) = Prober::start(env, Arc::clone(&probe) as Arc<dyn Probe>, config());
    (probe, prober, votes)
}

async fn next(env: &Env, votes: &mut mpsc::Receiver<Vec<Vote>>) -> Vote {
    let batch = env.timeout(Duration::from_secs(60), votes.recv()).await;
    let mut batch = batch.expect("a vote within a minute").unwrap();
    assert_eq!(batch.len(), 1);
    batch.remove(0)
}

async fn quiet(env: &Env, votes: &mut mpsc::Receiver<Vec<Vote>>, seconds: u64) -> bool {
    env.timeout(Duration::from_secs(seconds), votes.recv())
        .await
        .is_err()
}

#[tokio::test(start_paused = true)]
async fn only_a_change_of_mind_is_a_vote_and_a_negative_one_is_renewed() {
    let env = real::env();
    let (probe, mut prober, mut votes) = start(&env);
    prober.set_subjects(BTreeMap::from([(subject("a"), target(&["gw-a"]))]));
    let vote = next(&env, &mut votes).await;
    assert_eq!(
        vote.ballot,
        Ballot::Abstain,
        "never reached: {}",
        vote.evidence
    );
    assert!(quiet(&env, &mut votes, 100).await);
    probe.set("gw-a", true);
    assert_eq!(next(&env, &mut votes).await.ballot, Ballot::Reachable);
    assert!(
        quiet(&env, &mut votes, 1000).await,
        "a quiet fleet says nothing"
    );
    let down = env.now();
    probe.set("gw-a", false);
    let vote = next(&env, &mut votes).await;
    let took = env.now().since(down);
    assert_eq!(vote.ballot, Ballot::Unreachable);
    assert!(
        took >= Duration::from_millis(1000) && took < Duration::from_secs(4),
        "{took:?}"
    );
    assert!(
        vote.evidence
            .contains("connect to gw-a:15443: refused, 3 times"),
        "{}",
        vote.evidence
    );
    for _ in 0..5 {
        let before = env.now();
        assert_eq!(next(&env, &mut votes).await.ballot, Ballot::Unreachable);
        let after = env.now().since(before);
        assert!(
            after >= Duration::from_secs(4) && after <= Duration::from_secs(7),
            "{after:?}"
        );
    }
    probe.set("gw-a", true);
    assert_eq!(next(&env, &mut votes).await.ballot, Ballot::Reachable);
}

#[tokio::test(start_paused = true)]
async fn any_address_is_enough_and_addresses_may_change() {
    let env = real::env();
    let (probe, mut prober, mut votes) = start(&env);
    probe.set("one", true);
    prober.set_subjects(BTreeMap::from([(subject("a"), target(&["one", "two"]))]));
    assert_eq!(next(&env, &mut votes).await.ballot, Ballot::Reachable);
    probe.set("two", true);
    probe.set("one", false);
    assert!(quiet(&env, &mut votes, 60).await);
    // It moves to an address that does not answer: known once, so it is missed.
    prober.set_subjects(BTreeMap::from([(subject("a"), target(&["three"]))]));
    let vote = next(&env, &mut votes).await;
    assert_eq!(vote.ballot, Ballot::Unreachable);
    assert!(vote.evidence.contains("three:15443"), "{}", vote.evidence);
    // Gone and come again: as new.
    prober.set_subjects(BTreeMap::new());
    assert!(quiet(&env, &mut votes, 60).await);
    let attempts = *probe.attempts.lock().unwrap();
    assert!(quiet(&env, &mut votes, 60).await);
    assert_eq!(
        *probe.attempts.lock().unwrap(),
        attempts,
        "nothing is probed"
    );
    prober.set_subjects(BTreeMap::from([(subject("a"), target(&[]))]));
    let vote = next(&env, &mut votes).await;
    assert_eq!(vote.ballot, Ballot::Abstain);
    assert!(
        vote.evidence.contains("no address is known"),
        "{}",
        vote.evidence
    );
    prober.set_subjects(BTreeMap::new());
    prober.set_subjects(BTreeMap::from([(subject("a"), target(&[]))]));
    let vote = next(&env, &mut votes).await;
    assert_eq!(vote.ballot, Ballot::Abstain, "voted on anew");
}

#[tokio::test]
async fn a_real_listener_is_reached_and_a_closed_port_is_not() {
    let env = real::env();
    let listener = real::net::listen("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let probe = TcpProbe::new(env.clone());
    let limit = Duration::from_secs(60);
    let ip = GatewayAddress::Ip("127.0.0.1".parse().unwrap());
    probe.reach(&ip, port, limit).await.unwrap();
    let name = GatewayAddress::Host("localhost".to_owned());
    probe.reach(&name, port, limit).await.unwrap();
    drop(listener);
    let why = probe.reach(&ip, port, limit).await.unwrap_err();
    assert!(why.contains("refused"), "{why}");
    let nowhere = GatewayAddress::Host("no-such-host.invalid".to_owned());
    assert!(probe.reach(&nowhere, 1, limit).await.is_err());
}
