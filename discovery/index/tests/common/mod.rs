//! Objects for tests, as short as they can be said.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::facts::{EndpointCounts, FactDelta};
use causeway_api::{MemberName, ServiceKey};
use causeway_index::border::{
    Endpoint, Export, Namespace, Node, PodTarget, Port, Service, Slice, SlicePort, Target,
};
use causeway_index::{FactStore, Index};

pub(crate) fn member(name: &str) -> MemberName {
    MemberName::new(name).unwrap()
}

pub(crate) fn index() -> Index {
    Index::new(member("ack"))
}

pub(crate) fn key(name: &str) -> ServiceKey {
    ServiceKey::new("shop", name).unwrap()
}

pub(crate) fn service(name: &str) -> Service {
    Service {
        namespace: "shop".into(),
        name: name.into(),
        selector: BTreeMap::from([("app".into(), name.into())]),
        cluster_ip: Some("10.0.0.1".into()),
        ports: vec![Port {
            name: Some("http".into()),
            port: 80,
            target: Some(Target::Number(8080)),
            ..Port::default()
        }],
        ..Service::default()
    }
}

pub(crate) fn export(name: &str) -> Export {
    Export {
        namespace: "shop".into(),
        name: name.into(),
        deleting: false,
    }
}

pub(crate) fn namespace(name: &str) -> Namespace {
    Namespace {
        name: name.into(),
        network: None,
    }
}

pub(crate) fn node(name: &str, region: &str, zone: &str) -> Node {
    let label = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Node {
        name: name.into(),
        region: label(region),
        zone: label(zone),
        ready: true,
    }
}

/// A ready endpoint: a Pod on a node.
pub(crate) fn pod(name: &str, address: &str, node: &str) -> Endpoint {
    Endpoint {
        addresses: vec![address.into()],
        node: (!node.is_empty()).then(|| node.into()),
        pod: Some(PodTarget {
            name: name.into(),
            uid: None,
        }),
        ..Endpoint::default()
    }
}

/// An endpoint without a Pod, in a zone.
pub(crate) fn bare(address: &str, zone: &str) -> Endpoint {
    Endpoint {
        addresses: vec![address.into()],
        zone: (!zone.is_empty()).then(|| zone.into()),
        ..Endpoint::default()
    }
}

pub(crate) fn slice(name: &str, of: &str, endpoints: Vec<Endpoint>) -> Slice {
    let v6 = endpoints.iter().any(|e| e.addresses[0].contains(':'));
    Slice {
        namespace: "shop".into(),
        name: name.into(),
        service: Some(of.into()),
        address_type: if v6 { "IPv6" } else { "IPv4" }.into(),
        endpoints,
        ports: vec![SlicePort {
            name: Some("http".into()),
            port: Some(8080),
        }],
    }
}

/// An index with one exported service `cart`, two nodes in two zones, and nothing else.
pub(crate) fn shop() -> Index {
    let mut index = index();
    index.apply_node(&node("n1", "r1", "z1"));
    index.apply_node(&node("n2", "r1", "z2"));
    index.apply_namespace(&namespace("shop"));
    index.apply_service(&service("cart"));
    index.apply_export(&export("cart"));
    index
}

/// `port locality ready/serving/total` of each row of a service.
pub(crate) fn rows(store: &FactStore, name: &str) -> Vec<String> {
    let facts = store.owner(&member("ack")).unwrap();
    let rows = facts.endpoints(&key(name));
    rows.map(|(port, locality, counts)| {
        let EndpointCounts {
            ready,
            serving,
            total,
        } = counts;
        format!("{port} {locality} {ready}/{serving}/{total}")
    })
    .collect()
}

/// The index's next delta, applied to a store.
pub(crate) fn pass(index: &mut Index, store: &mut FactStore) -> FactDelta {
    let delta = index.take_delta().expect("something changed");
    store.apply(delta.clone()).unwrap();
    delta
}

/// The rows of `cart` in an index that was never asked before.
pub(crate) fn counted(index: &mut Index) -> Vec<String> {
    let mut store = FactStore::new();
    pass(index, &mut store);
    rows(&store, "cart")
}

/// A kind whose objects a fresh list names.
pub(crate) trait Listed {
    fn apply(&self, index: &mut Index);
    fn named(&self) -> (&str, &str);
    fn retain(index: &mut Index, listed: &BTreeSet<(&str, &str)>);
}

macro_rules! listed {
    ($($kind:ident: $apply:ident, $retain:ident, $namespace:expr;)*) => {$(
        impl Listed for $kind {
            fn apply(&self, index: &mut Index) {
                index.$apply(self);
            }
            fn named(&self) -> (&str, &str) {
                let namespace: fn(&$kind) -> &str = $namespace;
                (namespace(self), &self.name)
            }
            fn retain(index: &mut Index, listed: &BTreeSet<(&str, &str)>) {
                index.$retain(listed);
            }
        }
    )*};
}

listed! {
    Export: apply_export, retain_exports, |export| &export.namespace;
    Namespace: apply_namespace, retain_namespaces, |_| "";
    Node: apply_node, retain_nodes, |_| "";
    Service: apply_service, retain_services, |service| &service.namespace;
    Slice: apply_slice, retain_slices, |slice| &slice.namespace;
}

/// A fresh list of all objects of a kind, as watchers hand it in.
pub(crate) fn relist<K: Listed>(index: &mut Index, objects: &[K]) {
    for object in objects {
        object.apply(index);
    }
    K::retain(index, &objects.iter().map(K::named).collect());
}
