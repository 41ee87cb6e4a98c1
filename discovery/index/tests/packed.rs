//! What one replica packs, another holds: the same as by rows, and nothing of what was damaged on its way.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::collections::BTreeMap;

use causeway_api::facts::{
    Change, EndpointCounts, EndpointKey, FactDelta, NamespaceFact, Protocol, ServiceFact,
    ServicePort, TargetPort,
};
use causeway_api::ids::PortName;
use causeway_api::{FactVersion, MemberName, ServiceKey};
use causeway_index::{FactStore, Whole};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

fn version(sequence: u64) -> FactVersion {
    FactVersion { epoch: 1, sequence }
}

fn owner(number: usize) -> MemberName {
    format!("m-{number}").parse().unwrap()
}

fn service_key() -> impl Strategy<Value = ServiceKey> {
    ("(bank|shop|a)", "[ab]{1,4}").prop_map(|(ns, name)| ServiceKey::new(&ns, &name).unwrap())
}

fn port() -> impl Strategy<Value = ServicePort> {
    let target = prop_oneof![
        (1..9_u16).prop_map(TargetPort::Number),
        ("[a-z]{1,5}", proptest::option::of(1..9_u16))
            .prop_map(|(name, resolved)| TargetPort::Name { name, resolved }),
    ];
    let protocol = prop_oneof![
        Just(Protocol::Tcp),
        Just(Protocol::Udp),
        Just(Protocol::Sctp)
    ];
    let application = proptest::option::of("[a-zä./]{0,5}");
    ("[a-c]{0,2}", 1..9_u16, protocol, application, target).prop_map(
        |(name, port, protocol, app_protocol, target)| ServicePort {
            name: PortName::new(&name).unwrap(),
            port,
            protocol,
            app_protocol,
            target,
        },
    )
}

fn fact() -> impl Strategy<Value = ServiceFact> {
    let selector = btree_map("[a-cä]{0,3}", "\\PC{0,6}", 0..3);
    let accounts = vec("[a-c]{1,2}".prop_map(|text| text.parse().unwrap()), 0..3);
    let flags = (any::<bool>(), any::<bool>());
    (flags, selector, vec(port(), 0..3), accounts).prop_map(
        |((exported, headless), selector, ports, service_accounts)| ServiceFact {
            exported,
            selector,
            headless,
            ports,
            service_accounts,
        },
    )
}

fn endpoint() -> impl Strategy<Value = (EndpointKey, EndpointCounts)> {
    let locality = "(-|eu|us)/(-|a|b)".prop_map(|text| text.parse().unwrap());
    let port = "[a-c]{0,2}".prop_map(|text| PortName::new(&text).unwrap());
    let counts = (any::<u32>(), 0..300_u32, 0..70_000_u32);
    (service_key(), port, locality, counts).prop_map(|(service, port, locality, (r, s, t))| {
        let key = EndpointKey {
            service,
            port,
            locality,
        };
        let counts = EndpointCounts {
            ready: r,
            serving: s,
            total: t,
        };
        (key, counts)
    })
}

/// What an owner states.
fn stated(number: usize) -> impl Strategy<Value = FactDelta> {
    let services = btree_map(service_key(), fact(), 0..8);
    let endpoints = vec(endpoint(), 0..20).prop_map(|rows| rows.into_iter().collect());
    (services, endpoints).prop_map(
        move |(services, endpoints): (_, BTreeMap<EndpointKey, EndpointCounts>)| {
            let mut delta = FactDelta::empty(owner(number), None, version(1));
            let name = "shop".parse().unwrap();
            delta.namespaces = vec![Change::set(name, NamespaceFact::default())];
            let set = |(key, value)| Change::set(key, value);
            delta.services = BTreeMap::into_iter(services).map(set).collect();
            let set = |(key, value)| Change::set(key, value);
            delta.endpoints = endpoints.into_iter().map(set).collect();
            delta
        },
    )
}

fn store(deltas: &[FactDelta]) -> FactStore {
    let mut store = FactStore::new();
    for delta in deltas {
        store.apply(delta.clone()).unwrap();
    }
    store
}

fn all(store: &FactStore) -> Vec<FactDelta> {
    let owners = store.owners().map(|(owner, _)| owner.clone());
    owners.filter_map(|owner| store.snapshot(&owner)).collect()
}

proptest! {
    #[test]
    fn what_is_packed_is_held_as_if_it_had_come_by_rows(
        given in (stated(0), stated(1)), held in (stated(0), stated(2)),
    ) {
        let giver = store(&[given.0, given.1]);
        // An older word of one owner, and another's whose services may be the same.
        let older = |mut delta: FactDelta| { delta.version = version(0); delta };
        let mut rows = store(&[older(held.0), held.1]);
        let mut packed = rows.clone();
        for number in [0, 1] {
            let by_rows = rows.merge(giver.given(&owner(number)).unwrap()).unwrap();
            let whole = Whole::read(giver.packed(&owner(number)).unwrap()).unwrap();
            let by_pack = packed.merge_packed(whole.clone()).unwrap();
            prop_assert_eq!(by_rows, by_pack);
            prop_assert!(packed.merge_packed(whole).unwrap().is_empty(), "twice");
        }
        prop_assert_eq!(all(&packed), all(&rows));
        prop_assert!(packed.services().eq(rows.services()));
        for number in 0..3 {
            prop_assert_eq!(packed.digest(&owner(number)), rows.digest(&owner(number)));
            let packed_rows = packed.owner(&owner(number)).map(|facts| facts.rows());
            prop_assert_eq!(packed_rows, rows.owner(&owner(number)).map(|facts| facts.rows()));
            // The same bytes, whatever the way here.
            prop_assert_eq!(packed.packed(&owner(number)), rows.packed(&owner(number)));
        }
        // Nobody holds a service any longer once its owners are gone.
        for number in 0..3 {
            packed.drop_owner(&owner(number));
        }
        prop_assert_eq!(packed.services().count(), 0);
    }

    #[test]
    fn what_is_damaged_is_refused_or_means_something_and_never_more_than_it_has(
        given in stated(0), at in any::<prop::sample::Index>(), to in any::<u8>(), more in vec(any::<u8>(), 0..9),
    ) {
        let packed = store(&[given]).packed(&owner(0)).unwrap();
        let with = |rows: Vec<u8>| { let mut other = packed.clone(); other.rows = rows; Whole::read(other) };
        for len in 0..packed.rows.len() {
            prop_assert!(with(packed.rows[..len].to_vec()).is_err(), "{} bytes", len);
        }
        let mut changed = packed.rows.clone();
        *at.get_mut(&mut changed) = to;
        if let Ok(whole) = with(changed.clone()) {
            let mut store = FactStore::new();
            store.merge_packed(whole).unwrap();
            // What is taken is in the one form that says it.
            let again = Whole::read(store.packed(&owner(0)).unwrap());
            prop_assert!(again.is_ok());
        }
        changed.extend(more);
        let _ = with(changed);
    }
}

#[test]
fn a_refusal_names_the_owner_and_what_is_wrong() {
    let mut delta = FactDelta::empty(owner(7), None, version(3));
    let key = ServiceKey::new("shop", "cart").unwrap();
    delta.endpoints = vec![Change::set(
        EndpointKey {
            service: key,
            port: PortName::new("http").unwrap(),
            locality: "eu/a".parse().unwrap(),
        },
        EndpointCounts::default(),
    )];
    let mut packed = store(&[delta]).packed(&owner(7)).unwrap();
    packed.rows[0] = 9;
    let error = Whole::read(packed).unwrap_err().to_string();
    assert!(
        error.contains("m-7") && error.contains("form 9") && error.contains("stays in force"),
        "{error}"
    );
}
