//! What an agent's index says of the member itself: gateways, problems, accounts, versions, fresh lists.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;

use std::collections::BTreeMap;

use causeway_api::facts::GatewayAddress;
use causeway_api::ids::Zone;
use causeway_api::{FactVersion, Name};
use causeway_index::border::{Endpoint, Ingress, Port, SlicePort};
use causeway_index::{Declared, FactStore, Index, MemberInfo};
use common::{
    bare, export, member, namespace, node, pass, pod, relist, rows, service, shop, slice,
};

#[test]
fn what_callers_eject_touches_the_services_that_it_is_about() {
    let mut index = common::index();
    let mut facts = FactStore::new();
    let mut say = |pairs: &[(&str, &str)], fresh: bool| {
        let row = |(service, network): &(&str, &str)| {
            let networks = [network.parse().unwrap()].into();
            (service.parse().unwrap(), networks)
        };
        index.set_member(MemberInfo {
            ejected: pairs.iter().map(row).collect(),
            ..MemberInfo::default()
        });
        let delta = index.take_delta()?;
        let delta = if fresh { index.snapshot() } else { delta };
        let touched = facts.apply(delta).unwrap();
        let names = touched.services.iter().map(ToString::to_string);
        Some(names.collect::<Vec<_>>())
    };
    let none: &[(&str, &str)] = &[];
    assert_eq!(say(none, false), Some(Vec::new()));
    let cart = ("shop/cart", "hz");
    assert_eq!(say(&[cart], false).unwrap(), ["shop/cart"]);
    assert_eq!(say(&[cart], false), None);
    let both = [cart, ("shop/search", "hz")];
    assert_eq!(say(&both, false).unwrap(), ["shop/search"]);
    let other = [cart, ("shop/search", "sh")];
    assert_eq!(say(&other, true).unwrap(), ["shop/search"]);
    assert_eq!(say(none, false).unwrap(), ["shop/cart", "shop/search"]);
}

#[test]
fn gateways_are_found_by_label() {
    let mut gateway = service("eastwest");
    gateway.namespace = "istio-system".into();
    let network = "topology.istio.io/network";
    gateway.labels = BTreeMap::from([(network.into(), "net1".into())]);
    gateway.ingress = vec![
        Ingress {
            ip: Some("203.0.113.7".into()),
            hostname: None,
        },
        Ingress {
            ip: None,
            hostname: Some("LB.example.com.".into()),
        },
    ];
    gateway.external_ips = vec!["203.0.113.8".into(), "nonsense".into()];
    gateway.ports = vec![Port {
        name: Some("tls".into()),
        port: 15443,
        ..Port::default()
    }];
    let mut index = common::index();
    index.apply_service(&gateway);
    let delta = index.take_delta().unwrap();
    let fact = delta.gateways[0].value.clone().unwrap();
    assert_eq!(delta.gateways[0].key.as_str(), "eastwest");
    assert_eq!(fact.port, 15443);
    assert_eq!(
        fact.addresses,
        [
            GatewayAddress::Ip("203.0.113.7".parse().unwrap()),
            GatewayAddress::Ip("203.0.113.8".parse().unwrap()),
            GatewayAddress::Host("lb.example.com".into()),
        ]
    );
    let member = delta.member.unwrap();
    assert_eq!(member.network.unwrap().as_str(), "net1");
    assert!(member.problems[0].contains("\"nonsense\" is no IP address"));

    gateway
        .labels
        .insert("networking.istio.io/gatewayPort".into(), "31443".into());
    gateway.ports[0].port = 31443;
    index.apply_service(&gateway);
    let delta = index.take_delta().unwrap();
    assert_eq!(delta.gateways[0].value.as_ref().unwrap().port, 31443);

    gateway.labels.remove(network);
    index.apply_service(&gateway);
    let delta = index.take_delta().unwrap();
    assert!(delta.gateways[0].value.is_none());
}

#[test]
fn the_network_is_declared_or_labelled_or_the_gateways() {
    let mut index = common::index();
    let mut mesh = namespace("istio-system");
    mesh.network = Some("net-a".into());
    index.apply_namespace(&mesh);
    assert_eq!(index.network().unwrap().as_str(), "net-a");
    index.set_declared(Declared {
        network: "net-b".parse().ok(),
        ..Declared::default()
    });
    assert_eq!(index.network().unwrap().as_str(), "net-b");
    let member = index.take_delta().unwrap().member.unwrap();
    assert_eq!(member.network.unwrap().as_str(), "net-b");
}

#[test]
fn the_region_is_that_of_most_nodes() {
    let mut index = common::index();
    for (name, region) in [("a", "r2"), ("b", "r1"), ("c", "r2")] {
        index.apply_node(&node(name, region, "z"));
    }
    let mut unready = node("d", "r1", "z");
    unready.ready = false;
    index.apply_node(&unready);
    let member = index.take_delta().unwrap().member.unwrap();
    assert_eq!(
        member.region.unwrap().as_str(),
        "r1",
        "a tie goes to the first by name"
    );
    assert_eq!(member.nodes.values().sum::<u32>(), 3);
    index.apply_node(&node("e", "r2", "z"));
    let member = index.take_delta().unwrap().member.unwrap();
    assert_eq!(member.region.unwrap().as_str(), "r2");
}

#[test]
fn nonsense_costs_itself_alone_and_is_reported() {
    let mut index = shop();
    let endpoints = vec![
        pod("p-1", "10.1.0.1", "n1"),
        bare("not an address", "z1"),
        bare("fd00::1", "z1"),
        Endpoint::default(),
        bare("0.0.0.0", "z1"),
        pod("p-2", "10.1.0.2", "NO NODE"),
    ];
    let mut poison = slice("a", "cart", endpoints);
    poison.address_type = "IPv4".into();
    poison.ports.push(SlicePort {
        name: Some("Bad Name".into()),
        port: Some(1),
    });
    poison.ports.push(SlicePort {
        name: Some("big".into()),
        port: Some(70_000),
    });
    index.apply_slice(&poison);
    let mut odd = service("odd");
    odd.ports[0].port = 0;
    odd.ports.push(Port {
        name: Some("ok".into()),
        port: 81,
        ..Port::default()
    });
    index.apply_service(&odd);
    let mut fqdn = slice("names", "cart", vec![bare("example.com", "")]);
    fqdn.address_type = "FQDN".into();
    index.apply_slice(&fqdn);

    let mut store = FactStore::new();
    let delta = pass(&mut index, &mut store);
    assert_eq!(rows(&store, "cart"), ["http -/- 1/1/1", "http r1/z1 1/1/1"]);
    let text = delta.member.unwrap().problems.join("\n");
    for part in [
        "EndpointSlice shop/a: endpoints[1].addresses[0] is \"not an address\"",
        "EndpointSlice shop/names: addressType \"FQDN\"",
        "Service shop/odd: spec.ports[http].port: 0 is no port",
    ] {
        assert!(text.contains(part), "{part} is missing from:\n{text}");
    }
    // Mended: the sentence goes.
    index.apply_slice(&slice("a", "cart", vec![pod("p-1", "10.1.0.1", "n1")]));
    index.delete_slice("shop", "names");
    index.delete_service("shop", "odd");
    let member = pass(&mut index, &mut store).member.unwrap();
    assert!(member.problems.is_empty(), "{:?}", member.problems);
}

#[test]
fn versions_continue_over_epochs() {
    let mut index = shop();
    index.set_epoch(4);
    let first = index.take_delta().unwrap();
    let version = |epoch, sequence| FactVersion { epoch, sequence };
    assert_eq!((first.base, first.version), (None, version(4, 1)));
    assert!(index.take_delta().is_none());
    index.set_epoch(7);
    index.set_epoch(5);
    index.apply_namespace(&namespace("pay"));
    let next = index.take_delta().unwrap();
    assert_eq!(
        (next.base, next.version),
        (Some(version(4, 1)), version(7, 2))
    );
    assert_eq!(index.snapshot().version, version(7, 2));
    // What comes and goes between two deltas is none.
    index.apply_namespace(&namespace("brief"));
    index.delete_namespace("brief");
    assert!(index.take_delta().is_none());
    assert_eq!(index.version(), version(7, 2));
}

#[test]
fn one_pod_of_each_workload_tells_the_account() {
    let mut index = shop();
    let pods = |names: &[&str]| {
        let endpoints = (1..).zip(names);
        let endpoints = endpoints.map(|(n, name)| pod(name, &format!("10.1.0.{n}"), "n1"));
        slice("a", "cart", endpoints.collect())
    };
    let asked = |index: &mut Index| -> Vec<String> {
        let requests = index.take_pod_requests().into_iter();
        requests.map(|pod| pod.name.to_string()).collect()
    };
    index.apply_slice(&pods(&["cart-1-a", "cart-1-b", "canary-1-a"]));
    index.take_delta();
    assert_eq!(asked(&mut index), ["canary-1-a", "cart-1-a"]);
    assert!(asked(&mut index).is_empty(), "each is asked for once");
    let answer = |index: &mut Index, name: &str, account: Option<&str>| {
        let pod = causeway_index::PodRef {
            namespace: Name::new("shop").unwrap(),
            name: Name::new(name).unwrap(),
        };
        index.apply_pod(&pod, account);
        let delta = index.take_delta()?;
        let fact = delta.services[0].value.clone()?;
        Some(
            fact.service_accounts
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>(),
        )
    };
    assert_eq!(
        answer(&mut index, "cart-1-a", Some("cart")).unwrap(),
        ["cart"]
    );
    assert_eq!(
        answer(&mut index, "canary-1-a", Some("canary")).unwrap(),
        ["canary", "cart"]
    );
    // Another Pod of the same workload changes nothing, for as long as the one that was asked is there.
    index.apply_slice(&pods(&["cart-1-a", "cart-1-c", "canary-1-a"]));
    index.take_delta();
    assert!(asked(&mut index).is_empty());
    // The workload is replaced: the new one is asked, and until it answers the old word stands.
    index.apply_slice(&pods(&["cart-2-x"]));
    index.take_delta();
    assert_eq!(asked(&mut index), ["cart-2-x"]);
    let local = fact_of_snapshot(&index);
    assert_eq!(local, ["canary", "cart"]);
    assert!(
        answer(&mut index, "cart-2-x", None).is_none(),
        "gone before it was asked"
    );
    index.apply_slice(&pods(&["cart-2-y"]));
    index.take_delta();
    assert_eq!(asked(&mut index), ["cart-2-y"]);
    assert_eq!(
        answer(&mut index, "cart-2-y", Some("")).unwrap(),
        ["default"]
    );
}

fn fact_of_snapshot(index: &Index) -> Vec<String> {
    let snapshot = index.snapshot();
    let fact = snapshot.services[0].value.clone().unwrap();
    fact.service_accounts
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn a_fresh_list_is_diffed() {
    let mut index = shop();
    let mut store = FactStore::new();
    let a = slice("a", "cart", vec![pod("p-1", "10.1.0.1", "n1")]);
    let b = slice("b", "cart", vec![pod("p-2", "10.1.0.2", "n2")]);
    index.apply_slice(&a);
    index.apply_slice(&b);
    pass(&mut index, &mut store);
    // The same again, in another order: nothing happened.
    relist(&mut index, &[b.clone(), a.clone()]);
    relist(&mut index, &[service("cart")]);
    relist(&mut index, &[export("cart")]);
    relist(
        &mut index,
        &[node("n2", "r1", "z2"), node("n1", "r1", "z1")],
    );
    relist(&mut index, &[namespace("shop")]);
    assert!(index.take_delta().is_none());
    relist(&mut index, &[b]);
    relist(&mut index, &[node("n2", "r1", "z3")]);
    let delta = pass(&mut index, &mut store);
    assert_eq!(rows(&store, "cart"), ["http r1/z3 1/1/1"]);
    assert!(delta.services.is_empty() && delta.namespaces.is_empty());
}

#[test]
fn the_member_row_carries_what_the_watchers_know() {
    let mut index = common::index();
    index.set_member(MemberInfo {
        cluster_uid: "u".into(),
        problems: vec!["p".into()],
        ..MemberInfo::default()
    });
    let member = index.take_delta().unwrap().member.unwrap();
    assert_eq!(
        (member.cluster_uid.as_str(), &member.problems[..]),
        ("u", &["p".to_owned()][..])
    );
    assert!(member.nodes.is_empty() && member.region.is_none() && member.network.is_none());
    assert!(Zone::new("z").is_ok());
}

#[test]
fn a_member_may_speak_of_itself_before_all_is_seen() {
    // What a replica holds of the agent's predecessor.
    let mut old = shop();
    old.set_epoch(3);
    old.apply_slice(&slice("a", "cart", vec![pod("p-1", "10.1.0.1", "n1")]));
    let mut store = FactStore::new();
    pass(&mut old, &mut store);

    let mut index = common::index();
    index.set_epoch(4);
    index.set_member(MemberInfo {
        problems: vec!["may not list services".into()],
        ..MemberInfo::default()
    });
    let held = store.owner(&member("ack")).unwrap().version;
    let delta = index.take_member(Some(held)).unwrap();
    let touched = store.apply(delta).unwrap();
    assert!(touched.member && touched.services.is_empty());
    assert_eq!(rows(&store, "cart"), ["http r1/z1 1/1/1"]);
    // Once all is seen, it is the whole word.
    index.apply_service(&service("fx"));
    let delta = pass(&mut index, &mut store);
    assert!(delta.base.is_none() && delta.version.epoch == 4);
    assert!(rows(&store, "cart").is_empty());
    assert_eq!(store.snapshot(&member("ack")).unwrap(), index.snapshot());
    // Nobody held anything: a snapshot of one row.
    let mut fresh = common::index();
    fresh.set_epoch(1);
    let alone = fresh.take_member(None).unwrap();
    assert_eq!((alone.base, alone.rows()), (None, 1));
    assert_eq!(fresh.take_delta().unwrap().base, None);
    // A standby, and one whose Lease was taken over, do not speak: they would count on from another's version.
    assert!(common::index().take_member(Some(held)).is_none());
    assert!(common::index().take_member(None).is_none());
    let mut late = common::index();
    late.set_epoch(held.epoch);
    assert!(late.take_member(Some(held)).is_none());
    late.set_epoch(held.epoch - 1);
    assert!(late.take_member(Some(held)).is_none());
}

#[test]
fn a_new_export_waits_for_its_accounts_where_somebody_answers() {
    let mut index = shop();
    index.hold_for_accounts(true);
    index.take_delta().unwrap();
    index.apply_service(&service("fx"));
    index.apply_slice(&slice("f", "fx", vec![pod("fx-1-a", "10.1.0.1", "n1")]));
    assert!(
        !index.take_delta().unwrap().services[0]
            .value
            .as_ref()
            .unwrap()
            .exported
    );
    index.apply_export(&export("fx"));
    assert!(index.take_delta().is_none(), "its account is not known yet");
    let asked = index.take_pod_requests();
    index.apply_pod(&asked[0], Some("fx"));
    let delta = index.take_delta().unwrap();
    let fact = delta.services[0].value.clone().unwrap();
    assert!(fact.exported && fact.service_accounts[0].as_str() == "fx");
    assert_eq!(delta.endpoints.len(), 1);
    // A new workload of what is exported already holds nothing back.
    index.apply_slice(&slice("f", "fx", vec![pod("fx-2-a", "10.1.0.2", "n2")]));
    assert_eq!(index.take_delta().unwrap().endpoints.len(), 2);
    // Given up: told without.
    index.apply_service(&service("pay"));
    index.apply_slice(&slice("p", "pay", vec![pod("pay-1-a", "10.1.0.3", "n1")]));
    index.apply_export(&export("pay"));
    assert!(index.take_delta().is_none());
    for pod in index.take_pod_requests() {
        assert!(index.give_up_pod(&pod));
    }
    assert!(
        index
            .take_delta()
            .unwrap()
            .services
            .iter()
            .any(|c| c.key == common::key("pay"))
    );
}
