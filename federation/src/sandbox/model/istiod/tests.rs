//! Assignments against what was observed of a real istiod.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
use serde_json::{Value, json};

use super::super::envoy::shares;
use super::*;

fn key() -> ServiceKey {
    ServiceKey::new("app", "echo").unwrap()
}

/// A Service with one local pod in r1/z1.
fn local() -> LocalObjects {
    let meta = |name: &str| json!({"name": name, "namespace": "app", "labels": {"kubernetes.io/service-name": "echo"}});
    LocalObjects::read(
        &[json!({"metadata": meta("echo"), "spec": {"selector": {"app": "echo"}}})],
        &[json!({"metadata": meta("echo-1"), "endpoints": [
            {"addresses": ["10.1.0.1"], "targetRef": {"name": "echo-a"}},
            {"addresses": ["10.1.0.2"], "targetRef": {"name": "echo-b"}, "conditions": {"ready": false}},
        ]})],
        &[json!({"metadata": meta("echo-a"), "spec": {"nodeName": "n1"}})],
        &[json!({"metadata": {"name": "n1", "labels": {
            "topology.kubernetes.io/region": "r1", "topology.kubernetes.io/zone": "z1"}}})],
    )
}

fn entry(network: &str, locality: &str, weight: u32) -> Value {
    json!({"metadata": {"name": network, "namespace": "app"}, "spec": {"address": "", "network": network,
        "locality": locality, "weight": weight, "labels": {"app": "echo"}, "serviceAccount": "echo"}})
}

fn gateway(network: &str, addresses: &[&str]) -> Value {
    let addresses: Vec<Value> = addresses
        .iter()
        .map(|ip| json!({"type": "IPAddress", "value": ip}))
        .collect();
    json!({"metadata": {"name": network, "namespace": "istio-system", "labels": {"topology.istio.io/network": network}},
        "spec": {"gatewayClassName": "istio-remote", "addresses": addresses, "listeners": [{"port": 15443}]}})
}

#[allow(clippy::needless_pass_by_value, reason = "reads better at the calls")]
fn rule(locality: Value) -> Value {
    json!({"metadata": {"name": "echo", "namespace": "app"}, "spec": {"host": "echo.app.svc.cluster.local",
        "trafficPolicy": {"outlierDetection": {"interval": "1s"}, "loadBalancer": {"localityLbSetting": locality}}}})
}

fn percents(local: &LocalObjects, mesh: &MeshObjects, proxy: &str) -> BTreeMap<String, f64> {
    let all = Mesh {
        network: "net1",
        local,
        mesh,
    };
    let localities = all.endpoints(&key(), &Place::parse(proxy)).unwrap();
    let name = |target: Target| match target {
        Target::Local(_) => "local".to_owned(),
        Target::Network(network) => network,
    };
    shares(&localities)
        .into_iter()
        .map(|(target, share)| (name(target), (share * 1000.0).round() / 10.0))
        .collect()
}

fn expect(rows: &[(&str, f64)]) -> BTreeMap<String, f64> {
    rows.iter()
        .map(|(name, share)| ((*name).to_owned(), *share))
        .collect()
}

/// "7 beside 1 local: 87 % left the region at once."
#[test]
fn without_outlier_detection_raw_weights_count() {
    let mesh = MeshObjects::read(
        &[entry("net2", "r2/z1", 7)],
        &[],
        &[],
        &[gateway("net2", &["203.0.113.2"])],
    );
    assert_eq!(
        percents(&local(), &mesh, "r1/z1"),
        expect(&[("local", 12.5), ("net2", 87.5)])
    );
}

#[test]
fn with_it_the_nearest_takes_all_and_a_proxy_without_a_place_sees_all_alike() {
    let gateways = [gateway("net2", &["203.0.113.2"])];
    let mesh = MeshObjects::read(
        &[entry("net2", "r2/z1", 7)],
        &[rule(json!({"enabled": true}))],
        &[],
        &gateways,
    );
    assert_eq!(
        percents(&local(), &mesh, "r1/z1"),
        expect(&[("local", 100.0)])
    );
    assert_eq!(
        percents(&local(), &mesh, ""),
        expect(&[("local", 12.5), ("net2", 87.5)])
    );
}

/// "With no failover list all other regions share one priority by weight; with from r1 to r3, r3 comes before the rest."
#[test]
fn other_regions_share_a_priority_unless_one_comes_first() {
    let entries = [entry("net2", "r2/z1", 1), entry("net3", "r3/z1", 3)];
    let gateways = [
        gateway("net2", &["203.0.113.2"]),
        gateway("net3", &["203.0.113.3"]),
    ];
    let host = json!({"metadata": {"namespace": "app"}, "spec": {"hosts": ["echo.app.svc.cluster.local"],
        "workloadSelector": {"labels": {"app": "echo"}}}});
    let nobody = LocalObjects::default();
    let with = |setting| {
        MeshObjects::read(
            &entries,
            &[rule(setting)],
            std::slice::from_ref(&host),
            &gateways,
        )
    };
    let shared = percents(&nobody, &with(json!({"enabled": true})), "r1/z1");
    assert_eq!(shared, expect(&[("net2", 25.0), ("net3", 75.0)]));
    let ordered = with(json!({"enabled": true, "failover": [{"from": "r1", "to": "r2"}]}));
    assert_eq!(
        percents(&nobody, &ordered, "r1/z1"),
        expect(&[("net2", 100.0)])
    );
}

#[test]
fn distribution_gives_exact_shares_and_drops_what_it_does_not_list() {
    let entries = [entry("net2", "r2/z1", 9), entry("net3", "r3/z1", 9)];
    let gateways = [
        gateway("net2", &["203.0.113.2"]),
        gateway("net3", &["203.0.113.3"]),
    ];
    let setting =
        json!({"enabled": true, "distribute": [{"from": "r1/*", "to": {"r1/*": 70, "r2/*": 30}}]});
    let mesh = MeshObjects::read(&entries, &[rule(setting)], &[], &gateways);
    assert_eq!(
        percents(&local(), &mesh, "r1/z1"),
        expect(&[("local", 70.0), ("net2", 30.0)])
    );
    // No `from` fits: neither distribution nor priorities.
    assert_eq!(percents(&local(), &mesh, "r4/z1").len(), 3);
    // Renormalised where a listed place has no endpoints.
    let only = MeshObjects::read(
        &entries[..1],
        &[rule(
            json!({"distribute": [{"from": "*", "to": {"r1/*": 70, "r2/*": 10, "r3/*": 20}}]}),
        )],
        &[],
        &gateways,
    );
    assert_eq!(
        percents(&local(), &only, "r1/z1"),
        expect(&[("local", 87.5), ("net2", 12.5)])
    );
}

/// "Two addresses for one gateway: all weights double, the remote weight is split, shares stay."
#[test]
fn two_addresses_of_a_gateway_keep_the_shares() {
    let gateways = [gateway("net2", &["203.0.113.2", "203.0.113.3"])];
    let mesh = MeshObjects::read(&[entry("net2", "r2/z1", 7)], &[], &[], &gateways);
    assert_eq!(
        percents(&local(), &mesh, "r1/z1"),
        expect(&[("local", 12.5), ("net2", 87.5)])
    );
}

#[test]
fn entries_without_gateway_are_dropped_as_long_as_any_gateway_is_known() {
    let entries = [entry("net2", "r2/z1", 7)];
    let void = MeshObjects::read(&entries, &[], &[], &[gateway("nowhere", &["192.0.2.1"])]);
    assert_eq!(
        percents(&local(), &void, "r1/z1"),
        expect(&[("local", 100.0)])
    );
    let wedged = MeshObjects::read(&entries, &[], &[], &[]);
    let all = Mesh {
        network: "net1",
        local: &local(),
        mesh: &wedged,
    };
    assert_eq!(all.endpoints(&key(), &Place::parse("r1/z1")), Err(Wedged));
}

#[test]
fn an_endpoint_behind_a_gateway_needs_mtls() {
    let mut bare = entry("net2", "r2/z1", 7);
    bare["spec"]["serviceAccount"] = json!("");
    let gateways = [gateway("net2", &["203.0.113.2"])];
    let mesh = MeshObjects::read(&[bare.clone()], &[], &[], &gateways);
    assert_eq!(
        percents(&local(), &mesh, "r1/z1"),
        expect(&[("local", 100.0)])
    );
    bare["spec"]["labels"]["security.istio.io/tlsMode"] = json!("istio");
    let mesh = MeshObjects::read(&[bare], &[], &[], &gateways);
    assert!(percents(&local(), &mesh, "r1/z1").contains_key("net2"));
}
