//! How an agent's index counts: one test for each thing that the API's documents say.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::facts::{GatewayAddress, ServiceFact, TargetPort};
use causeway_api::ids::{Region, Zone};
use causeway_api::{FactVersion, Locality, Name};
use causeway_index::border::{Endpoint, Ingress, Port, SlicePort, Target};
use causeway_index::{Declared, FactStore, Index, MemberInfo};
use common::{
    bare, counted, export, member, namespace, node, pass, pod, rows, service, shop, slice,
};

fn fact(index: &mut Index) -> ServiceFact {
    let mut store = FactStore::new();
    store.apply(index.take_delta().unwrap()).unwrap();
    let facts = store.owner(&member("ack")).unwrap();
    facts.service(&common::key("cart")).unwrap()
}

fn problems(index: &mut Index) -> String {
    let delta = index.take_delta().unwrap();
    delta.member.unwrap().problems.join("\n")
}

#[test]
fn conditions_count_as_the_api_says() {
    let condition = |ready, serving, terminating, n: u8| Endpoint {
        ready,
        serving,
        terminating,
        ..pod(&format!("p-{n}"), &format!("10.1.0.{n}"), "n1")
    };
    let mut index = shop();
    let endpoints = vec![
        // Nil is ready, and serving follows it.
        condition(None, None, None, 1),
        condition(Some(true), Some(true), Some(false), 2),
        condition(Some(false), None, None, 3),
        // Terminating and still serving: it takes no new requests.
        condition(Some(false), Some(true), Some(true), 4),
    ];
    index.apply_slice(&slice("a", "cart", endpoints));
    assert_eq!(counted(&mut index), ["http r1/z1 2/3/4"]);
}

#[test]
fn a_dual_stack_pod_counts_once() {
    let mut index = shop();
    let v4 = vec![pod("p-1", "10.1.0.1", "n1"), pod("p-2", "10.1.0.2", "n2")];
    let v6 = vec![pod("p-1", "fd00::1", "n1"), pod("p-2", "fd00::2", "n2")];
    index.apply_slice(&slice("four", "cart", v4));
    index.apply_slice(&slice("six", "cart", v6));
    assert_eq!(
        counted(&mut index),
        ["http r1/z1 1/1/1", "http r1/z2 1/1/1"]
    );
}

#[test]
fn of_bare_addresses_the_larger_family_counts() {
    let mut index = shop();
    let v4 = vec![bare("10.1.0.1", "z1"), bare("10.1.0.2", "z1")];
    let v6 = vec![bare("fd00::1", "z1")];
    index.apply_slice(&slice("four", "cart", v4));
    index.apply_slice(&slice("six", "cart", v6));
    assert_eq!(counted(&mut index), ["http r1/z1 2/2/2"]);
}

#[test]
fn an_address_in_two_slices_counts_once_until_it_is_in_neither() {
    let mut index = shop();
    let mut store = FactStore::new();
    index.apply_slice(&slice("a", "cart", vec![bare("10.1.0.1", "z1")]));
    index.apply_slice(&slice(
        "b",
        "cart",
        vec![bare("10.1.0.1", "z1"), bare("10.1.0.2", "z1")],
    ));
    pass(&mut index, &mut store);
    assert_eq!(rows(&store, "cart"), ["http r1/z1 2/2/2"]);
    index.delete_slice("shop", "a");
    assert!(
        index.take_delta().is_none(),
        "it still stands in the other slice"
    );
    index.delete_slice("shop", "b");
    pass(&mut index, &mut store);
    assert_eq!(rows(&store, "cart"), ["http -/- 0/0/0"], "an explicit zero");
}

#[test]
fn an_endpoint_of_two_slices_is_ready_where_either_says_so() {
    let mut index = shop();
    let unready = Endpoint {
        ready: Some(false),
        ..pod("p-1", "10.1.0.1", "n1")
    };
    index.apply_slice(&slice("a", "cart", vec![pod("p-1", "10.1.0.1", "n1")]));
    index.apply_slice(&slice("b", "cart", vec![unready]));
    assert_eq!(counted(&mut index), ["http r1/z1 1/1/1"]);
}

#[test]
fn ports_are_counted_each_by_its_own_slices() {
    let mut index = shop();
    let mut metrics = slice("b", "cart", vec![pod("p-1", "10.1.0.1", "n1")]);
    metrics.ports = vec![
        SlicePort {
            name: Some("metrics".into()),
            port: Some(9090),
        },
        SlicePort {
            name: Some("http".into()),
            port: Some(8080),
        },
    ];
    index.apply_slice(&metrics);
    index.apply_slice(&slice("a", "cart", vec![pod("p-2", "10.1.0.2", "n1")]));
    assert_eq!(
        counted(&mut index),
        ["http r1/z1 2/2/2", "metrics r1/z1 1/1/1"]
    );
}

#[test]
fn a_named_target_port_is_resolved_where_slices_agree() {
    let mut named = service("cart");
    named.ports[0].target = Some(Target::Name("web".into()));
    let mut index = shop();
    index.apply_service(&named);
    index.apply_slice(&slice("a", "cart", vec![pod("p-1", "10.1.0.1", "n1")]));
    let resolved = |index: &mut Index| match &fact(index).ports[0].target {
        TargetPort::Name { name, resolved } => (name.clone(), *resolved),
        TargetPort::Number(n) => panic!("a number: {n}"),
    };
    assert_eq!(resolved(&mut index), ("web".into(), Some(8080)));

    let mut index = shop();
    index.apply_service(&named);
    index.apply_slice(&slice("a", "cart", vec![pod("p-1", "10.1.0.1", "n1")]));
    let mut other = slice("b", "cart", vec![pod("p-2", "10.1.0.2", "n1")]);
    other.ports[0].port = Some(8081);
    index.apply_slice(&other);
    assert_eq!(resolved(&mut index), ("web".into(), None));
}

#[test]
fn a_port_that_is_renamed_arrives() {
    let mut index = shop();
    let mut store = FactStore::new();
    index.apply_slice(&slice("a", "cart", vec![pod("p-1", "10.1.0.1", "n1")]));
    pass(&mut index, &mut store);
    let mut renamed = service("cart");
    renamed.ports[0].name = Some("web".into());
    let mut moved = slice("a", "cart", vec![pod("p-1", "10.1.0.1", "n1")]);
    moved.ports[0].name = Some("web".into());
    index.apply_service(&renamed);
    index.apply_slice(&moved);
    let delta = pass(&mut index, &mut store);
    assert_eq!(rows(&store, "cart"), ["web r1/z1 1/1/1"]);
    assert_eq!(
        delta.rows(),
        3,
        "the service, the new row and the old one's end: {delta:?}"
    );
}

#[test]
fn headless_and_external_names_are_told_apart() {
    let mut index = shop();
    let mut headless = service("cart");
    headless.cluster_ip = Some("None".into());
    index.apply_service(&headless);
    assert!(fact(&mut index).headless);

    let mut index = shop();
    let mut external = service("cart");
    external.kind = Some("ExternalName".into());
    index.apply_service(&external);
    assert!(!fact(&mut index).exported);
}

#[test]
fn a_relabelled_node_moves_its_endpoints() {
    let mut index = shop();
    let mut store = FactStore::new();
    let mut on_node = pod("p-1", "10.1.0.1", "n1");
    on_node.zone = Some("z1".into());
    index.apply_slice(&slice("a", "cart", vec![on_node]));
    pass(&mut index, &mut store);
    assert_eq!(rows(&store, "cart"), ["http r1/z1 1/1/1"]);
    index.apply_node(&node("n1", "r1", "z9"));
    let delta = pass(&mut index, &mut store);
    assert_eq!(rows(&store, "cart"), ["http r1/z9 1/1/1"]);
    assert_eq!(delta.endpoints.len(), 2);
    index.delete_node("n1");
    pass(&mut index, &mut store);
    assert_eq!(
        rows(&store, "cart"),
        ["http -/z1 1/1/1"],
        "what the slice says is left"
    );
}

#[test]
fn a_node_that_comes_after_its_endpoints_places_them() {
    let mut index = shop();
    index.apply_slice(&slice("a", "cart", vec![pod("p-1", "10.1.0.1", "n7")]));
    index.apply_node(&node("n7", "r7", "z7"));
    assert_eq!(counted(&mut index), ["http r7/z7 1/1/1"]);
}

#[test]
fn the_region_of_a_bare_address_is_that_of_its_zone() {
    let mut index = shop();
    index.apply_slice(&slice(
        "a",
        "cart",
        vec![bare("10.1.0.1", "z2"), bare("10.1.0.2", "z5")],
    ));
    assert_eq!(counted(&mut index), ["http -/z5 1/1/1", "http r1/z2 1/1/1"]);
    let mut index = shop();
    index.apply_node(&node("n3", "r3", "z2"));
    index.apply_slice(&slice("a", "cart", vec![bare("10.1.0.1", "z2")]));
    assert_eq!(
        counted(&mut index),
        ["http -/z2 1/1/1"],
        "two regions claim the zone: not guessed"
    );
}

#[test]
fn declared_mappings_and_region_go_before_what_is_found() {
    let locality = |text: &str| text.parse::<Locality>().unwrap();
    let declared = Declared {
        region: Some(Region::new("hz").unwrap()),
        localities: BTreeMap::from([
            (locality("-/z1"), locality("hz/h")),
            (locality("r1/-"), locality("hz/-")),
        ]),
        ..Declared::default()
    };
    let mut index = shop();
    let mut store = FactStore::new();
    index.apply_slice(&slice(
        "a",
        "cart",
        vec![pod("p-1", "10.1.0.1", "n1"), pod("p-2", "10.1.0.2", "n2")],
    ));
    pass(&mut index, &mut store);
    index.set_declared(declared);
    let delta = pass(&mut index, &mut store);
    assert_eq!(
        rows(&store, "cart"),
        ["http hz/h 1/1/1", "http hz/z2 1/1/1"]
    );
    let nodes = delta.member.unwrap().nodes;
    assert_eq!(
        nodes.keys().map(ToString::to_string).collect::<Vec<_>>(),
        ["hz/h", "hz/z2"]
    );
}

#[test]
fn only_exported_or_wanted_services_have_rows() {
    let mut index = shop();
    let mut store = FactStore::new();
    index.apply_service(&service("fx"));
    index.apply_slice(&slice("a", "fx", vec![pod("f-1", "10.1.0.9", "n1")]));
    pass(&mut index, &mut store);
    assert!(rows(&store, "fx").is_empty());
    let facts = store.owner(&member("ack")).unwrap();
    assert!(!facts.service(&common::key("fx")).unwrap().exported);
    index.set_wanted(BTreeSet::from([common::key("fx")]));
    pass(&mut index, &mut store);
    assert_eq!(rows(&store, "fx"), ["http r1/z1 1/1/1"]);
    index.set_wanted(BTreeSet::new());
    pass(&mut index, &mut store);
    assert!(rows(&store, "fx").is_empty());
    // The member's own mesh sees it all along.
    assert_eq!(index.local(&common::key("fx")).unwrap().ready, 1);
}

#[test]
fn an_export_may_come_before_its_service_and_outlive_it() {
    let mut index = common::index();
    index.apply_export(&export("cart"));
    assert!(problems(&mut index).contains("ServiceExport shop/cart: there is no Service"));
    index.apply_service(&service("cart"));
    let delta = index.take_delta().unwrap();
    assert!(delta.services[0].value.as_ref().unwrap().exported);
    assert!(delta.member.unwrap().problems.is_empty());
    index.delete_service("shop", "cart");
    let delta = index.take_delta().unwrap();
    assert!(delta.services[0].value.is_none());
    assert!(delta.endpoints.iter().all(|row| row.value.is_none()));
    index.apply_service(&service("cart"));
    let again = index.take_delta().unwrap();
    assert!(again.services[0].value.as_ref().unwrap().exported);
}

#[test]
fn system_namespaces_stay_private() {
    let mut index = common::index();
    let mut dns = service("dns");
    dns.namespace = "kube-system".into();
    index.apply_service(&dns);
    let mut api = service("kubernetes");
    api.namespace = "default".into();
    index.apply_service(&api);
    assert!(index.take_delta().unwrap().services.is_empty());
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
fn a_slice_may_change_its_service() {
    let mut index = shop();
    let mut store = FactStore::new();
    index.apply_service(&service("fx"));
    index.apply_export(&export("fx"));
    index.apply_slice(&slice("a", "cart", vec![pod("p-1", "10.1.0.1", "n1")]));
    pass(&mut index, &mut store);
    index.apply_slice(&slice("a", "fx", vec![pod("p-1", "10.1.0.1", "n1")]));
    pass(&mut index, &mut store);
    assert_eq!(rows(&store, "cart"), ["http -/- 0/0/0"]);
    assert_eq!(rows(&store, "fx"), ["http r1/z1 1/1/1"]);
    let mut orphan = slice("a", "fx", vec![pod("p-1", "10.1.0.1", "n1")]);
    orphan.service = None;
    index.apply_slice(&orphan);
    pass(&mut index, &mut store);
    assert_eq!(rows(&store, "fx"), ["http -/- 0/0/0"]);
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
    index.reset_slices(&[b.clone(), a.clone()]);
    index.reset_services(&[service("cart")]);
    index.reset_exports(&[export("cart")]);
    index.reset_nodes(&[node("n2", "r1", "z2"), node("n1", "r1", "z1")]);
    index.reset_namespaces(&[namespace("shop")]);
    assert!(index.take_delta().is_none());
    index.reset_slices(&[b]);
    index.reset_nodes(&[node("n2", "r1", "z3")]);
    let delta = pass(&mut index, &mut store);
    assert_eq!(rows(&store, "cart"), ["http r1/z3 1/1/1"]);
    assert!(delta.services.is_empty() && delta.namespaces.is_empty());
}

#[test]
fn locals_are_all_own_services_and_tell_what_was_touched() {
    let mut index = shop();
    let cart = common::key("cart");
    assert!(index.take_touched_locals().contains(&cart));
    let mut two_ports = service("cart");
    two_ports.ports.push(Port {
        name: Some("grpc".into()),
        port: 90,
        ..Port::default()
    });
    index.apply_service(&two_ports);
    index.apply_slice(&slice("a", "cart", vec![pod("p-1", "10.1.0.1", "n1")]));
    let local = index.local(&cart).unwrap();
    assert_eq!(local.ready, 0, "one of its ports has no endpoint");
    assert_eq!(local.selector["app"], "cart");
    assert_eq!(index.locals().collect::<Vec<_>>(), [&cart]);
    assert_eq!(index.take_touched_locals(), BTreeSet::from([cart]));
    assert!(index.take_touched_locals().is_empty());
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
