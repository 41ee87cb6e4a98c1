//! What a replica holds of members, under whatever order and repetition deltas come in.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;

use causeway_api::facts::{Change, EndpointCounts, EndpointKey, FactDelta, NamespaceFact};
use causeway_api::ids::PortName;
use causeway_api::{FactVersion, Locality, Name};
use causeway_index::{ApplyError, FactStore, Touched};
use common::{export, key, member, namespace, pass, pod, rows, service, shop, slice};

fn version(epoch: u64, sequence: u64) -> FactVersion {
    FactVersion { epoch, sequence }
}

fn delta(base: Option<FactVersion>, to: FactVersion) -> FactDelta {
    FactDelta::empty(member("ack"), base, to)
}

fn row(service: &str, ready: Option<u32>) -> Change<EndpointKey, EndpointCounts> {
    Change {
        key: EndpointKey {
            service: key(service),
            port: PortName::new("http").unwrap(),
            locality: Locality::default(),
        },
        value: ready.map(|n| EndpointCounts {
            ready: n,
            serving: n,
            total: n,
        }),
    }
}

#[test]
fn a_delta_applies_to_its_base_alone() {
    let mut store = FactStore::new();
    let error = store
        .apply(delta(Some(version(1, 1)), version(1, 2)))
        .unwrap_err();
    assert!(
        matches!(error, ApplyError::NeedSnapshot { held: None, .. }),
        "{error}"
    );
    store.apply(delta(None, version(1, 3))).unwrap();
    let error = store
        .apply(delta(Some(version(1, 4)), version(1, 5)))
        .unwrap_err();
    assert!(error.to_string().contains("version 1.3 is held"), "{error}");
    let mut next = delta(Some(version(1, 3)), version(1, 4));
    next.endpoints = vec![row("cart", Some(3))];
    assert_eq!(store.apply(next.clone()).unwrap().services.len(), 1);
    assert_eq!(
        store.apply(next).unwrap(),
        Touched::default(),
        "a duplicate"
    );
    assert_eq!(rows(&store, "cart"), ["http -/- 3/3/3"]);
}

#[test]
fn what_is_older_is_ignored_even_as_a_snapshot() {
    let mut store = FactStore::new();
    let mut new = delta(None, version(2, 1));
    new.endpoints = vec![row("cart", Some(1))];
    store.apply(new).unwrap();
    let mut old = delta(None, version(1, 900));
    old.endpoints = vec![row("cart", Some(9))];
    assert!(store.apply(old).unwrap().is_empty());
    assert_eq!(rows(&store, "cart"), ["http -/- 1/1/1"]);
}

#[test]
fn a_snapshot_touches_only_what_differs() {
    let mut index = shop();
    let mut store = FactStore::new();
    for name in ["fx", "pay"] {
        index.apply_service(&service(name));
        index.apply_export(&export(name));
    }
    index.apply_slice(&slice("a", "cart", vec![pod("p-1", "10.1.0.1", "n1")]));
    pass(&mut index, &mut store);
    // Two deltas are lost; their sum comes as a snapshot.
    index.apply_slice(&slice("b", "fx", vec![pod("f-1", "10.1.0.2", "n1")]));
    index.take_delta().unwrap();
    index.delete_service("shop", "pay");
    index.apply_namespace(&namespace("pay"));
    index.take_delta().unwrap();
    let touched = store.apply(index.snapshot()).unwrap();
    let services: Vec<String> = touched.services.iter().map(ToString::to_string).collect();
    assert_eq!(services, ["shop/fx", "shop/pay"]);
    assert_eq!(touched.namespaces.first().unwrap().as_str(), "pay");
    assert!(!touched.gateways);
    assert!(touched.member, "an export lost its Service");
    assert_eq!(store.services().count(), 2);
    assert_eq!(store.snapshot(&member("ack")).unwrap(), index.snapshot());
}

#[test]
fn too_many_rows_are_refused_and_the_last_good_ones_stay() {
    let mut store = FactStore::with_max_rows(2);
    let mut first = delta(None, version(1, 1));
    first.endpoints = vec![row("a", Some(1)), row("b", Some(1))];
    store.apply(first).unwrap();
    let mut more = delta(Some(version(1, 1)), version(1, 2));
    more.endpoints = vec![row("c", Some(1))];
    let error = store.apply(more.clone()).unwrap_err();
    assert!(error.to_string().contains("3 rows, at most 2"), "{error}");
    assert_eq!(rows(&store, "a"), ["http -/- 1/1/1"]);
    assert_eq!(store.owner(&member("ack")).unwrap().version, version(1, 1));
    more.base = None;
    more.endpoints = vec![row("a", Some(2)), row("b", Some(2)), row("c", Some(2))];
    assert!(matches!(
        store.apply(more),
        Err(ApplyError::TooManyRows { rows: 3, .. })
    ));
    // A change of rows that are there is none more.
    let mut change = delta(Some(version(1, 1)), version(1, 3));
    change.endpoints = vec![row("a", Some(0)), row("b", None)];
    store.apply(change).unwrap();
    assert_eq!(rows(&store, "a"), ["http -/- 0/0/0"]);
    assert!(rows(&store, "b").is_empty());
}

#[test]
fn an_owner_is_forgotten_only_when_asked() {
    let mut index = shop();
    let mut store = FactStore::new();
    pass(&mut index, &mut store);
    assert_eq!(store.exporters(&key("cart")).count(), 1);
    let touched = store.drop_owner(&member("ack"));
    assert!(touched.services.contains(&key("cart")) && touched.member);
    assert_eq!(store.services().count(), 0);
    assert!(store.owner(&member("ack")).is_none());
    assert!(store.drop_owner(&member("ack")).is_empty());
}

#[test]
fn services_of_a_namespace_are_a_range() {
    let mut store = FactStore::new();
    let mut first = delta(None, version(1, 1));
    let fact = |ns: &str, name: &str| {
        let mut row = row("x", Some(1));
        row.key.service = causeway_api::ServiceKey::new(ns, name).unwrap();
        row
    };
    first.endpoints = vec![
        fact("a", "z"),
        fact("b", "0"),
        fact("b", "y"),
        fact("b-c", "a"),
        fact("c", "a"),
    ];
    first.namespaces = vec![Change::set(Name::new("b").unwrap(), NamespaceFact {})];
    store.apply(first).unwrap();
    let b = Name::new("b").unwrap();
    let found: Vec<String> = store
        .services_in_namespace(&b)
        .map(ToString::to_string)
        .collect();
    assert_eq!(found, ["b/0", "b/y"]);
}

#[test]
fn the_digest_is_of_the_facts_and_not_of_their_way() {
    let mut one = FactStore::new();
    let mut first = delta(None, version(1, 1));
    first.endpoints = vec![row("a", Some(1)), row("b", Some(2))];
    one.apply(first).unwrap();
    let mut two = FactStore::new();
    two.apply(delta(None, version(1, 1))).unwrap();
    let mut later = delta(Some(version(1, 1)), version(3, 9));
    later.endpoints = vec![row("b", Some(2)), row("a", Some(1))];
    two.apply(later).unwrap();
    let ack = member("ack");
    assert_eq!(one.digest(&ack), two.digest(&ack));
    let mut change = delta(Some(version(3, 9)), version(3, 10));
    change.endpoints = vec![row("a", Some(2))];
    two.apply(change).unwrap();
    assert_ne!(one.digest(&ack), two.digest(&ack));
    assert_eq!(one.digest(&member("eks")), None);
}

#[test]
fn tables_give_back_what_no_row_uses() {
    let mut store = FactStore::new();
    store.apply(delta(None, version(1, 1))).unwrap();
    let mut at = version(1, 1);
    for n in 0..5000_u32 {
        let next = version(1, at.sequence + 1);
        let mut change = delta(Some(at), next);
        let mut passing = row("a", Some(1));
        passing.key.locality = format!("r/z{n}").parse().unwrap();
        let mut gone = passing.clone();
        gone.value = None;
        change.endpoints = if n == 4999 {
            vec![passing]
        } else {
            vec![passing, gone]
        };
        store.apply(change).unwrap();
        at = next;
    }
    assert_eq!(rows(&store, "a"), ["http r/z4999 1/1/1"]);
}

#[test]
fn what_an_agent_has_not_seen_stays_as_it_was_known() {
    let mut index = shop();
    index.set_member(causeway_index::MemberInfo {
        cluster_uid: "uid".to_owned(),
        ..causeway_index::MemberInfo::default()
    });
    let mut store = FactStore::new();
    pass(&mut index, &mut store);
    let whole = store.owner(&member("ack")).unwrap();
    let (held, known) = (whole.version, whole.member.clone().unwrap());
    assert!(whole.is_whole() && !known.nodes.is_empty());
    // It starts again while its API server is away, and has only itself to speak of.
    let mut blind = common::index();
    blind.set_epoch(held.epoch + 1);
    store.apply(blind.take_member(Some(held)).unwrap()).unwrap();
    let facts = store.owner(&member("ack")).unwrap();
    let row = facts.member.as_ref().unwrap();
    assert_eq!(
        (&row.cluster_uid, &row.network, &row.region, &row.nodes),
        (
            &known.cluster_uid,
            &known.network,
            &known.region,
            &known.nodes
        )
    );
    assert!(facts.is_whole() && facts.exports(&key("cart")));
    // To a replica that holds nothing it is an introduction, and not a member without services.
    let mut fresh = FactStore::new();
    fresh.apply(blind.take_member(None).unwrap()).unwrap();
    assert!(!fresh.owner(&member("ack")).unwrap().is_whole());
}
