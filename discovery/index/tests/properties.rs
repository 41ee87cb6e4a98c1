//! Whatever happens in whatever order: the facts are those of the objects that are there at the end.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::Locality;
use causeway_api::facts::FactDelta;
use causeway_index::border::{Endpoint, Node, Service, Slice};
use causeway_index::{FactStore, Index};
use common::{bare, export, key, member, node, pod, relist, rows, service, slice};
use proptest::prelude::*;

const SERVICES: [&str; 3] = ["cart", "fx", "pay"];
const SLICES: [&str; 5] = ["a", "b", "c", "d", "e"];
const NODES: [&str; 3] = ["n1", "n2", "n3"];

/// What is in the cluster.
#[derive(Debug, Clone, Default)]
struct World {
    services: BTreeMap<usize, Service>,
    slices: BTreeMap<usize, Slice>,
    nodes: BTreeMap<usize, Node>,
    exports: BTreeSet<usize>,
}

#[derive(Debug, Clone)]
enum Event {
    Service(usize, bool),
    NoService(usize),
    Slice(usize, usize, Vec<Endpoint>, Option<i64>),
    NoSlice(usize),
    Node(usize, String, String),
    NoNode(usize),
    Export(usize),
    NoExport(usize),
    /// Fresh lists of everything, as after a `410 Gone`.
    Relist,
    /// A delta is taken, and passed on.
    Take,
    /// A delta is taken, and lost: the next one does not fit.
    Lose,
}

fn endpoint() -> impl Strategy<Value = Endpoint> {
    let condition = || prop_oneof![Just(None), any::<bool>().prop_map(Some)];
    let place = (0..4_usize, 0..3_usize);
    (0..8_u8, 0..3_u8, place, condition(), condition()).prop_map(
        |(n, kind, (on, zone), ready, serving)| {
            let on = NODES.get(on).copied().unwrap_or_default();
            let zone = ["", "z1", "z2"][zone];
            let mut endpoint = match kind {
                0 => bare(&format!("10.0.0.{}", n + 1), zone),
                _ => pod(&format!("p-{n}"), &format!("10.1.0.{}", n + 1), on),
            };
            endpoint.zone = (!zone.is_empty()).then(|| zone.to_owned());
            endpoint.ready = ready;
            endpoint.serving = serving;
            endpoint
        },
    )
}

fn event() -> impl Strategy<Value = Event> {
    let port = prop_oneof![
        Just(Some(8080)),
        Just(Some(8081)),
        Just(None),
        Just(Some(99_999))
    ];
    prop_oneof![
        2 => (0..3_usize, any::<bool>()).prop_map(|(n, named)| Event::Service(n, named)),
        1 => (0..3_usize).prop_map(Event::NoService),
        6 => (0..5_usize, 0..3_usize, prop::collection::vec(endpoint(), 0..6), port)
            .prop_map(|(n, of, endpoints, port)| Event::Slice(n, of, endpoints, port)),
        1 => (0..5_usize).prop_map(Event::NoSlice),
        3 => (0..3_usize, "r[12]|", "z[123]|").prop_map(|(n, r, z)| Event::Node(n, r, z)),
        1 => (0..3_usize).prop_map(Event::NoNode),
        3 => (0..3_usize).prop_map(Event::Export),
        1 => (0..3_usize).prop_map(Event::NoExport),
        1 => Just(Event::Relist),
        3 => Just(Event::Take),
        1 => Just(Event::Lose),
    ]
}

impl World {
    fn relist(&self, index: &mut Index) {
        let values = |n: &BTreeMap<usize, Slice>| n.values().cloned().collect::<Vec<_>>();
        relist(index, &values(&self.slices));
        relist(index, &self.services.values().cloned().collect::<Vec<_>>());
        let exports: Vec<_> = self.exports.iter().map(|n| export(SERVICES[*n])).collect();
        relist(index, &exports);
        relist(index, &self.nodes.values().cloned().collect::<Vec<_>>());
    }

    fn happen(&mut self, index: &mut Index, event: Event) {
        match event {
            Event::Service(n, named) => {
                let mut object = service(SERVICES[n]);
                if named {
                    let name = causeway_index::border::Target::Name("web".into());
                    object.ports[0].target = Some(name);
                }
                index.apply_service(&object);
                self.services.insert(n, object);
            }
            Event::NoService(n) => {
                index.delete_service("shop", SERVICES[n]);
                self.services.remove(&n);
            }
            Event::Slice(n, of, endpoints, port) => {
                let mut object = slice(SLICES[n], SERVICES[of], endpoints);
                object.ports[0].port = port;
                index.apply_slice(&object);
                self.slices.insert(n, object);
            }
            Event::NoSlice(n) => {
                index.delete_slice("shop", SLICES[n]);
                self.slices.remove(&n);
            }
            Event::Node(n, region, zone) => {
                let object = node(NODES[n], &region, &zone);
                index.apply_node(&object);
                self.nodes.insert(n, object);
            }
            Event::NoNode(n) => {
                index.delete_node(NODES[n]);
                self.nodes.remove(&n);
            }
            Event::Export(n) => {
                index.apply_export(&export(SERVICES[n]));
                self.exports.insert(n);
            }
            Event::NoExport(n) => {
                index.delete_export("shop", SERVICES[n]);
                self.exports.remove(&n);
            }
            Event::Relist => self.relist(index),
            Event::Take | Event::Lose => {}
        }
    }

    /// Where an endpoint is, said again in the plainest way.
    fn place(&self, endpoint: &Endpoint) -> Locality {
        let label = |text: &Option<String>| text.clone();
        let on = endpoint.node.as_deref();
        let at = self.nodes.values().find(|n| Some(n.name.as_str()) == on);
        let zone = at
            .and_then(|n| label(&n.zone))
            .or_else(|| endpoint.zone.clone());
        let of_zone: BTreeSet<_> = self
            .nodes
            .values()
            .filter(|n| n.zone.is_some() && n.zone == zone)
            .filter_map(|n| label(&n.region))
            .collect();
        let only = (of_zone.len() == 1)
            .then(|| of_zone.first().cloned())
            .flatten();
        let region = at.and_then(|n| label(&n.region)).or(only);
        let text = |part: Option<String>| part.unwrap_or_else(|| "-".into());
        format!("{}/{}", text(region), text(zone)).parse().unwrap()
    }

    /// The rows that a service must have, counted in the plainest way.
    fn expected(&self, name: &str) -> Vec<String> {
        let n = SERVICES.iter().position(|s| *s == name).unwrap();
        if !self.services.contains_key(&n) || !self.exports.contains(&n) {
            return Vec::new();
        }
        // By endpoint: what all slices say of it.
        let mut endpoints: BTreeMap<String, Vec<(Locality, bool, bool)>> = BTreeMap::new();
        for slice in self.slices.values() {
            let usable = slice.ports[0].port != Some(99_999);
            if slice.service.as_deref() != Some(name) || !usable {
                continue;
            }
            for endpoint in &slice.endpoints {
                let pod = endpoint.pod.as_ref().map(|pod| pod.name.clone());
                let id = pod.unwrap_or_else(|| endpoint.addresses[0].clone());
                let ready = endpoint.ready.unwrap_or(true);
                let serving = endpoint.serving.unwrap_or(ready);
                let said = (self.place(endpoint), ready, serving);
                endpoints.entry(id).or_default().push(said);
            }
        }
        let mut counts: BTreeMap<Locality, [u32; 3]> = BTreeMap::new();
        for said in endpoints.values() {
            let places = said.iter().map(|(place, _, _)| place);
            let place = places
                .min_by_key(|p| (p.zone.is_none(), (*p).clone()))
                .unwrap();
            let count = counts.entry(place.clone()).or_default();
            count[0] += u32::from(said.iter().any(|(_, ready, _)| *ready));
            count[1] += u32::from(said.iter().any(|(_, _, serving)| *serving));
            count[2] += 1;
        }
        if counts.is_empty() {
            counts.insert(Locality::default(), [0; 3]);
        }
        let lines = counts.iter();
        lines
            .map(|(l, [r, s, t])| format!("http {l} {r}/{s}/{t}"))
            .collect()
    }
}

/// The services of which two stores hold something else.
fn differing(one: &FactStore, two: &FactStore) -> BTreeSet<causeway_api::ServiceKey> {
    let ack = member("ack");
    let held = |store: &FactStore, key: &_| {
        let facts = store.owner(&ack)?;
        let rows = facts.endpoints(key);
        let rows: Vec<_> = rows.map(|(p, l, c)| (p.clone(), l.clone(), c)).collect();
        let fact = facts.service(key);
        (fact.is_some() || !rows.is_empty()).then_some((fact, rows))
    };
    let keys = SERVICES.iter().map(|name| key(name));
    keys.filter(|key| held(one, key) != held(two, key))
        .collect()
}

fn unversioned(mut delta: FactDelta) -> FactDelta {
    delta.version = causeway_api::FactVersion::default();
    delta.base = None;
    delta
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_history_ends_in_the_facts_of_what_is_there(
        events in prop::collection::vec(event(), 1..60),
    ) {
        let ack = member("ack");
        let (mut world, mut index, mut store) = (World::default(), common::index(), FactStore::new());
        for event in events {
            let (take, lose) = (matches!(event, Event::Take), matches!(event, Event::Lose));
            world.happen(&mut index, event);
            if take || lose {
                let Some(delta) = index.take_delta() else { continue };
                if lose {
                    continue;
                }
                let again = delta.clone();
                let before = store.clone();
                let touched = match store.apply(delta) {
                    Ok(touched) => touched,
                    Err(_) => store.apply(index.snapshot()).unwrap(),
                };
                prop_assert_eq!(touched.services, differing(&before, &store));
                prop_assert!(store.apply(again).unwrap().is_empty(), "a duplicate changes nothing");
                prop_assert_eq!(store.snapshot(&ack).unwrap(), index.snapshot());
            }
        }
        if let Some(delta) = index.take_delta()
            && store.apply(delta).is_err()
        {
            store.apply(index.snapshot()).unwrap();
        }
        if store.owner(&ack).is_none_or(|held| held.version != index.version()) {
            store.apply(index.snapshot()).unwrap();
        }
        prop_assert_eq!(store.snapshot(&ack).unwrap(), index.snapshot());

        // The same as an index that sees the end alone.
        let mut fresh = common::index();
        world.relist(&mut fresh);
        fresh.take_delta();
        prop_assert_eq!(unversioned(fresh.snapshot()), unversioned(index.snapshot()));
        // And as counted by hand.
        for name in SERVICES {
            prop_assert_eq!(rows(&store, name), world.expected(name), "{}", name);
        }
    }

    #[test]
    fn how_endpoints_are_cut_into_slices_does_not_matter(
        endpoints in prop::collection::vec(endpoint(), 1..12),
        cuts in prop::collection::vec((0..12_usize, 0..5_usize), 1..20),
    ) {
        let build = |parts: &BTreeMap<usize, Vec<Endpoint>>| {
            let mut index = common::shop();
            for (n, part) in parts {
                index.apply_slice(&slice(SLICES[*n], "cart", part.clone()));
            }
            let mut store = FactStore::new();
            store.apply(index.take_delta().unwrap()).unwrap();
            rows(&store, "cart")
        };
        let mut parts: BTreeMap<usize, Vec<Endpoint>> = BTreeMap::new();
        for (n, endpoint) in endpoints.iter().enumerate() {
            parts.entry(n % 5).or_default().push(endpoint.clone());
        }
        // Some stand in a second slice too, as while slices are being resized.
        for (which, to) in cuts {
            if let Some(endpoint) = endpoints.get(which) {
                parts.entry(to).or_default().push(endpoint.clone());
            }
        }
        prop_assert_eq!(build(&parts), build(&BTreeMap::from([(0, endpoints)])));
    }
}

#[test]
fn deltas_name_only_what_changed() {
    let mut index = common::shop();
    for n in 0..200 {
        let name = format!("s{n}");
        index.apply_service(&service(&name));
        index.apply_export(&export(&name));
        let endpoint = pod(&format!("{name}-1"), "10.2.0.1", "n1");
        index.apply_slice(&slice(&name, &name, vec![endpoint]));
    }
    index.take_delta().unwrap();
    let mut gone = pod("s7-1", "10.2.0.1", "n1");
    gone.ready = Some(false);
    index.apply_slice(&slice("s7", "s7", vec![gone]));
    let delta = index.take_delta().unwrap();
    assert_eq!(
        (delta.rows(), &delta.endpoints[0].key.service),
        (1, &key("s7"))
    );
}
