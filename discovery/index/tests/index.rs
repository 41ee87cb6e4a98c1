//! How an agent's index counts: one test for each thing that the API's documents say.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::Locality;
use causeway_api::facts::{ServiceFact, TargetPort};
use causeway_api::ids::Region;
use causeway_index::border::{Endpoint, Port, SlicePort, Target};
use causeway_index::{Declared, FactStore, Index};
use common::{bare, counted, export, member, node, pass, pod, rows, service, shop, slice};

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
    index.want(&common::key("fx"), false);
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
