//! A cluster is read whole, in part, or not at all, and each time it is said.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use causeway_memory::{Config as MemoryConfig, Deny, MemoryMember};
use causeway_seam::real;
use serde_json::json;

use super::*;

const LIMIT: Duration = Duration::from_secs(60);

/// A cluster with one service of two endpoints, a gateway, and a rule of somebody's.
fn member(env: &Env) -> MemoryMember {
    let member = MemoryMember::new(MemoryConfig::new("eu"), env.clone());
    let objects = [
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}),
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "istio-system"}}),
        json!({"apiVersion": "v1", "kind": "Node",
            "metadata": {"name": "n1", "labels": {"topology.kubernetes.io/region": "eu-1", "topology.kubernetes.io/zone": "eu-1a"}},
            "status": {"conditions": [{"type": "Ready", "status": "True"}]}}),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"namespace": "shop", "name": "cart"},
            "spec": {"clusterIP": "10.0.0.2", "selector": {"app": "cart"}, "ports": [{"name": "http", "port": 80}]}}),
        json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": {"namespace": "shop", "name": "cart-1", "labels": {"kubernetes.io/service-name": "cart"}},
            "addressType": "IPv4", "ports": [{"name": "http", "port": 8080}],
            "endpoints": [{"addresses": ["10.1.0.1"], "nodeName": "n1", "conditions": {"ready": true}},
                          {"addresses": ["10.1.0.2"], "nodeName": "n1", "conditions": {"ready": true}}]}),
        json!({"apiVersion": "v1", "kind": "Service",
            "metadata": {"namespace": "istio-system", "name": "eastwest", "labels": {"topology.istio.io/network": "net-eu"}},
            "spec": {"clusterIP": "10.0.0.1", "ports": [{"name": "tls", "port": 15443}]},
            "status": {"loadBalancer": {"ingress": [{"ip": "203.0.113.1"}]}}}),
        json!({"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule",
            "metadata": {"namespace": "shop", "name": "own"}, "spec": {"host": "cart"}}),
        json!({"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule",
            "metadata": {"namespace": "shop", "name": "ours", "labels": {"causeway.dev/owner": "causeway"}},
            "spec": {"host": "checkout.shop.svc.cluster.local"}}),
    ];
    for object in objects {
        member.put(object).unwrap();
    }
    member
}

async fn read(env: &Env, member: &MemoryMember) -> Result<Reading, String> {
    cluster(
        env,
        "eu".to_owned(),
        "eu".parse().unwrap(),
        member.client(),
        LIMIT,
    )
    .await
}

#[tokio::test]
async fn everything_is_read_and_nothing_is_written() {
    let env = real::env();
    let member = member(&env);
    let before = member.revision();
    let reading = read(&env, &member).await.unwrap();
    assert_eq!(reading.unread, []);
    let services: Vec<_> = reading
        .services()
        .map(|(key, local)| (key.to_string(), local.ready))
        .collect();
    assert_eq!(
        services,
        [("shop/cart".to_owned(), 2)],
        "the mesh's own are left out"
    );
    let fact = reading.facts.member.as_ref().unwrap();
    assert_eq!(
        (
            fact.kubernetes_version.as_str(),
            fact.network.as_ref().unwrap().as_str()
        ),
        ("v1.36.3", "net-eu")
    );
    assert_eq!(fact.region.as_ref().unwrap().as_str(), "eu-1");
    assert_eq!(fact.cluster_uid, member.cluster_uid());
    assert_eq!(reading.facts.gateways.len(), 1);
    let rules: Vec<_> = reading
        .rules
        .iter()
        .map(|(host, rule)| (host.as_str(), rule.as_str()))
        .collect();
    assert_eq!(
        rules,
        [("cart.shop.svc.cluster.local", "shop/own")],
        "our own rule is in nobody's way"
    );
    assert_eq!(member.revision(), before);
}

#[tokio::test]
async fn what_is_forbidden_is_named_and_the_rest_is_read() {
    let env = real::env();
    let member = member(&env);
    member.deny([
        Deny::of("list", "", "nodes"),
        Deny::of("list", "networking.istio.io", "destinationrules"),
        Deny {
            verb: Some("watch".to_owned()),
            ..Deny::default()
        },
        Deny {
            verb: Some("get".to_owned()),
            ..Deny::default()
        },
    ]);
    let reading = read(&env, &member).await.unwrap();
    let kinds: Vec<&str> = reading.unread.iter().map(|unread| unread.kind).collect();
    assert_eq!(kinds, ["nodes", "destinationrules"]);
    assert!(
        reading.unread[0]
            .reason
            .contains("ClusterRole with apiGroups [\"\"], resources [nodes], verbs [list]")
    );
    assert_eq!(
        reading
            .services()
            .map(|(_, local)| local.ready)
            .sum::<u32>(),
        2
    );
}

#[tokio::test]
async fn a_cluster_that_is_away_is_an_error() {
    let env = real::env();
    let member = member(&env);
    member.refuse();
    assert!(!read(&env, &member).await.unwrap_err().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_hangs_is_given_up() {
    let env = real::env();
    let member = member(&env);
    member.go_dark();
    let error = read(&env, &member).await.unwrap_err();
    assert!(error.contains("no answer within 60s"), "{error}");
}

#[test]
fn a_context_stands_once() {
    let contexts = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert!(targets(&contexts(&["a", "b"])).is_ok());
    assert!(
        targets(&contexts(&["a", "a"]))
            .err()
            .unwrap()
            .contains("twice")
    );
}
