//! The facts of one owner, in compact rows.
//!
//! A row of endpoints takes twenty bytes: ports and localities are few, and stand in tables of the owner. Rows of one
//! service stand together in one allocation, in the order of their values (not of their numbers, which depend on the
//! history), so that two replicas that hold the same facts read them in the same order.

use std::collections::BTreeMap;

use causeway_api::facts::{
    Change, EndpointCounts, EndpointKey, FactDelta, GatewayFact, MemberFact, NamespaceFact,
    ServiceFact, ServicePort,
};
use causeway_api::ids::PortName;
use causeway_api::{FactVersion, Locality, MemberName, Name, ServiceKey};

use super::introduction::{ejected_otherwise, filled_in, is_introduction};
use super::pack::{pack, unpack};
use super::touched::Touched;
use crate::table::Table;

/// What is held of one owner.
#[derive(Debug, Clone)]
pub struct OwnerFacts {
    /// The version of these facts.
    pub version: FactVersion,
    /// The version at which rows other than the member's own were stated last; 0.0: never. It is behind
    /// [`OwnerFacts::version`] while an agent that began anew has spoken of the member alone.
    pub stated: FactVersion,
    /// The member's own row; `None`: it has not said one.
    pub member: Option<MemberFact>,
    /// Namespaces that exist there.
    pub namespaces: BTreeMap<Name, NamespaceFact>,
    /// Its east-west gateways.
    pub gateways: BTreeMap<Name, GatewayFact>,
    pub(super) services: BTreeMap<ServiceKey, ServiceRow>,
    pub(super) tables: Tables,
    /// Rows of services and endpoints.
    pub(super) rows: usize,
    /// Its agent began anew and has spoken of the member alone since.
    pub(super) introduced: bool,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Tables {
    pub(super) ports: Table<PortName>,
    pub(super) localities: Table<Locality>,
    /// Most services of a cluster share a few lists of ports.
    pub(super) port_lists: Table<Vec<ServicePort>>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct ServiceRow {
    pub(super) fact: Option<PackedService>,
    pub(super) endpoints: Box<[EndpointRow]>,
}

#[derive(Debug, Clone)]
pub(super) struct PackedService {
    pub(super) exported: bool,
    pub(super) headless: bool,
    pub(super) ports: u32,
    pub(super) texts: Box<[u8]>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct EndpointRow {
    pub(super) port: u32,
    pub(super) locality: u32,
    pub(super) counts: EndpointCounts,
}

impl OwnerFacts {
    pub(crate) fn new() -> Self {
        Self {
            version: FactVersion::default(),
            stated: FactVersion::default(),
            member: None,
            namespaces: BTreeMap::new(),
            gateways: BTreeMap::new(),
            services: BTreeMap::new(),
            tables: Tables::default(),
            rows: 0,
            introduced: false,
        }
    }

    /// Whether it has spoken of more than itself. An agent that cannot list its member introduces itself by the member's
    /// row alone ([`crate::Index::take_member`]); its services are unknown then, which is not "none". Every cluster has
    /// namespaces, so that whoever has listed one names some.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        !self.namespaces.is_empty()
    }

    /// The services of which it has a row, in order.
    pub fn services(&self) -> impl Iterator<Item = &ServiceKey> {
        self.services.keys()
    }

    /// A service; built anew from its packed form at each call. `None` where the owner has no such Service (rows of
    /// endpoints may still be there, while it is being withdrawn).
    #[must_use]
    pub fn service(&self, key: &ServiceKey) -> Option<ServiceFact> {
        let packed = self.services.get(key)?.fact.as_ref()?;
        Some(self.unpacked(packed))
    }

    /// Whether it has the Service and exports it.
    #[must_use]
    pub fn exports(&self, key: &ServiceKey) -> bool {
        let fact = self.services.get(key).and_then(|row| row.fact.as_ref());
        fact.is_some_and(|fact| fact.exported)
    }

    /// The rows of endpoints of a service, by port and locality.
    pub fn endpoints<'a>(
        &'a self,
        key: &ServiceKey,
    ) -> impl Iterator<Item = (&'a PortName, &'a Locality, EndpointCounts)> + use<'a> {
        let rows = self.services.get(key).map(|row| row.endpoints.as_ref());
        self.values(rows.unwrap_or_default())
    }

    /// How many rows are held.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows + self.namespaces.len() + self.gateways.len() + usize::from(self.member.is_some())
    }

    fn values<'a>(
        &'a self,
        rows: &'a [EndpointRow],
    ) -> impl Iterator<Item = (&'a PortName, &'a Locality, EndpointCounts)> {
        rows.iter().filter_map(|row| {
            let port = self.tables.ports.value(row.port)?;
            Some((
                port,
                self.tables.localities.value(row.locality)?,
                row.counts,
            ))
        })
    }

    fn unpacked(&self, packed: &PackedService) -> ServiceFact {
        let (selector, service_accounts) = unpack(&packed.texts);
        ServiceFact {
            exported: packed.exported,
            selector,
            headless: packed.headless,
            ports: self
                .tables
                .port_lists
                .value(packed.ports)
                .cloned()
                .unwrap_or_default(),
            service_accounts,
        }
    }

    /// At most how many rows there are after a delta.
    pub(super) fn rows_after(&self, delta: &FactDelta) -> usize {
        let new_endpoints = delta.endpoints.iter().filter(|change| {
            change.value.is_some()
                && !self
                    .endpoints(&change.key.service)
                    .any(|(port, locality, _)| {
                        *port == change.key.port && *locality == change.key.locality
                    })
        });
        let new_services = delta.services.iter().filter(|change| {
            let row = self.services.get(&change.key);
            change.value.is_some() && row.is_none_or(|row| row.fact.is_none())
        });
        self.rows()
            + new_services.count()
            + new_endpoints.count()
            + delta.namespaces.len()
            + delta.gateways.len()
    }

    /// Applies a delta whose base was checked, and says what changed by it.
    pub(crate) fn apply(
        &mut self,
        delta: &FactDelta,
        shared: &mut BTreeMap<ServiceKey, u32>,
    ) -> Touched {
        let anew = delta.version.epoch > self.version.epoch;
        let introduced = is_introduction(delta) && (anew || self.introduced);
        self.apply_as(delta, introduced, shared)
    }

    /// The same, told whether it is the word of an agent that has not stated its other rows yet.
    pub(super) fn apply_as(
        &mut self,
        delta: &FactDelta,
        introduced: bool,
        shared: &mut BTreeMap<ServiceKey, u32>,
    ) -> Touched {
        let mut touched = Touched::default();
        self.introduced = introduced;
        self.version = delta.version;
        if !introduced {
            self.stated = delta.version;
        }
        if let Some(said) = &delta.member {
            let old = self.member.as_ref().filter(|_| introduced);
            let member = Some(filled_in(said, old));
            touched.member = member != self.member;
            touched.services = ejected_otherwise(self.member.as_ref(), member.as_ref());
            self.member = member;
        }
        for change in &delta.namespaces {
            if set(&mut self.namespaces, change) {
                touched.namespaces.insert(change.key.clone());
            }
        }
        for change in &delta.gateways {
            touched.gateways |= set(&mut self.gateways, change);
        }
        for change in &delta.services {
            if self.set_service(change, shared) {
                touched.services.insert(change.key.clone());
            }
        }
        for changes in delta
            .endpoints
            .chunk_by(|one, next| one.key.service == next.key.service)
        {
            if let Some(key) = self.set_endpoints(changes, shared) {
                touched.services.insert(key);
            }
        }
        let values =
            self.tables.ports.len() + self.tables.localities.len() + self.tables.port_lists.len();
        if values > 1024 + 2 * self.rows {
            self.rebuild_tables();
        }
        touched
    }

    fn row<'a>(
        services: &'a mut BTreeMap<ServiceKey, ServiceRow>,
        key: &ServiceKey,
        shared: &mut BTreeMap<ServiceKey, u32>,
    ) -> &'a mut ServiceRow {
        if !services.contains_key(key) {
            let own = hold(shared, key);
            services.insert(own, ServiceRow::default());
        }
        services.entry(key.clone()).or_default()
    }

    fn drop_if_empty(&mut self, key: &ServiceKey, shared: &mut BTreeMap<ServiceKey, u32>) {
        let empty = |row: &ServiceRow| row.fact.is_none() && row.endpoints.is_empty();
        if self.services.get(key).is_some_and(empty) {
            self.services.remove(key);
            let_go(shared, key);
        }
    }

    fn set_service(
        &mut self,
        change: &Change<ServiceKey, ServiceFact>,
        shared: &mut BTreeMap<ServiceKey, u32>,
    ) -> bool {
        let Some(fact) = &change.value else {
            let row = self.services.get_mut(&change.key);
            let had = row.and_then(|row| row.fact.take()).is_some();
            self.rows -= usize::from(had);
            self.drop_if_empty(&change.key, shared);
            return had;
        };
        let packed = PackedService {
            exported: fact.exported,
            headless: fact.headless,
            ports: self.tables.port_lists.number(&fact.ports),
            texts: pack(&fact.selector, &fact.service_accounts),
        };
        let row = Self::row(&mut self.services, &change.key, shared);
        let same = row.fact.as_ref().is_some_and(|old| {
            (old.exported, old.headless, old.ports, &old.texts)
                == (
                    packed.exported,
                    packed.headless,
                    packed.ports,
                    &packed.texts,
                )
        });
        self.rows += usize::from(row.fact.is_none());
        row.fact = Some(packed);
        !same
    }

    /// Applies changes that are all of one service, and returns it where a row differs.
    fn set_endpoints(
        &mut self,
        changes: &[Change<EndpointKey, EndpointCounts>],
        shared: &mut BTreeMap<ServiceKey, u32>,
    ) -> Option<ServiceKey> {
        let key = &changes.first()?.key.service;
        let row = Self::row(&mut self.services, key, shared);
        let mut rows = std::mem::take(&mut row.endpoints).into_vec();
        let before = rows.len();
        let mut touched = false;
        for Change { key, value } in changes {
            let tables = &self.tables;
            let place = rows.binary_search_by(|row| {
                let port = tables.ports.value(row.port).cmp(&Some(&key.port));
                port.then_with(|| {
                    tables
                        .localities
                        .value(row.locality)
                        .cmp(&Some(&key.locality))
                })
            });
            match (place, value) {
                (Ok(at), Some(counts)) => {
                    if let Some(row) = rows.get_mut(at) {
                        touched |= row.counts != *counts;
                        row.counts = *counts;
                    }
                }
                (Ok(at), None) => {
                    rows.remove(at);
                    touched = true;
                }
                (Err(at), Some(counts)) => {
                    let new = EndpointRow {
                        port: self.tables.ports.number(&key.port),
                        locality: self.tables.localities.number(&key.locality),
                        counts: *counts,
                    };
                    rows.insert(at, new);
                    touched = true;
                }
                (Err(_), None) => {}
            }
        }
        self.rows = self.rows + rows.len() - before;
        let row = Self::row(&mut self.services, key, shared);
        row.endpoints = rows.into_boxed_slice();
        self.drop_if_empty(key, shared);
        touched.then(|| key.clone())
    }

    /// What differs between `old` and this.
    pub(super) fn differs_from(&self, old: &Self) -> Touched {
        let otherwise = ejected_otherwise(old.member.as_ref(), self.member.as_ref());
        if old.services.is_empty() && old.namespaces.is_empty() {
            return Touched {
                member: self.member != old.member,
                gateways: self.gateways != old.gateways,
                services: self.services.keys().cloned().chain(otherwise).collect(),
                namespaces: self.namespaces.keys().cloned().collect(),
            };
        }
        let mut touched = Touched {
            member: self.member != old.member,
            gateways: self.gateways != old.gateways,
            ..Touched::default()
        };
        let (new_names, old_names) = (self.namespaces.keys(), old.namespaces.keys());
        for name in new_names.chain(old_names) {
            if self.namespaces.get(name) != old.namespaces.get(name) {
                touched.namespaces.insert(name.clone());
            }
        }
        for key in self.services.keys() {
            if !self.same_service(old, key) {
                touched.services.insert(key.clone());
            }
        }
        for key in old.services.keys() {
            if !self.services.contains_key(key) {
                touched.services.insert(key.clone());
            }
        }
        touched.services.extend(otherwise);
        touched
    }

    fn same_service(&self, old: &Self, key: &ServiceKey) -> bool {
        type Parts<'a> = (bool, bool, Option<&'a Vec<ServicePort>>, &'a [u8]);
        fn parts<'a>(facts: &'a OwnerFacts, key: &ServiceKey) -> Option<Parts<'a>> {
            let fact = facts.services.get(key)?.fact.as_ref()?;
            let ports = facts.tables.port_lists.value(fact.ports);
            Some((fact.exported, fact.headless, ports, fact.texts.as_ref()))
        }
        old.services.contains_key(key)
            && parts(self, key) == parts(old, key)
            && self.endpoints(key).eq(old.endpoints(key))
    }

    /// Gives up its share in the keys of the store.
    pub(super) fn release(self, shared: &mut BTreeMap<ServiceKey, u32>) {
        for key in self.services.keys() {
            let_go(shared, key);
        }
    }

    /// All of it, as a snapshot.
    pub(crate) fn snapshot(&self, owner: &MemberName) -> FactDelta {
        let mut delta = self.without_services(owner);
        for (key, row) in &self.services {
            if let Some(fact) = &row.fact {
                let fact = self.unpacked(fact);
                delta.services.push(Change::set(key.clone(), fact));
            }
            for (port, locality, counts) in self.values(&row.endpoints) {
                let key = EndpointKey {
                    service: key.clone(),
                    port: port.clone(),
                    locality: locality.clone(),
                };
                delta.endpoints.push(Change::set(key, counts));
            }
        }
        delta
    }

    /// All of it but services and endpoints, as a snapshot.
    pub(super) fn without_services(&self, owner: &MemberName) -> FactDelta {
        let mut delta = FactDelta::empty(owner.clone(), None, self.version);
        delta.member.clone_from(&self.member);
        delta.namespaces = changes(&self.namespaces);
        delta.gateways = changes(&self.gateways);
        delta
    }

    /// Leaves out of the tables what no row refers to any more.
    fn rebuild_tables(&mut self) {
        let old = std::mem::take(&mut self.tables);
        for row in self.services.values_mut() {
            if let Some(fact) = &mut row.fact
                && let Some(ports) = old.port_lists.value(fact.ports)
            {
                fact.ports = self.tables.port_lists.number(ports);
            }
            for endpoint in &mut row.endpoints {
                if let Some(port) = old.ports.value(endpoint.port) {
                    endpoint.port = self.tables.ports.number(port);
                }
                if let Some(locality) = old.localities.value(endpoint.locality) {
                    endpoint.locality = self.tables.localities.number(locality);
                }
            }
        }
    }
}

fn set<K: Ord + Clone, V: Clone + PartialEq>(
    map: &mut BTreeMap<K, V>,
    change: &Change<K, V>,
) -> bool {
    match &change.value {
        None => map.remove(&change.key).is_some(),
        Some(value) if map.get(&change.key) == Some(value) => false,
        Some(value) => {
            map.insert(change.key.clone(), value.clone());
            true
        }
    }
}

fn changes<K: Clone, V: Clone>(map: &BTreeMap<K, V>) -> Vec<Change<K, V>> {
    map.iter()
        .map(|(key, value)| Change::set(key.clone(), value.clone()))
        .collect()
}

/// The store's own copy of a key, with one more holder.
pub(super) fn hold(shared: &mut BTreeMap<ServiceKey, u32>, key: &ServiceKey) -> ServiceKey {
    let own = match shared.get_key_value(key) {
        Some((own, _)) => own.clone(),
        None => {
            // Its namespace may be in memory already, by its neighbour in the order.
            let neighbour = shared.range(..key.clone()).next_back();
            match neighbour.map(|(neighbour, _)| &neighbour.namespace) {
                Some(namespace) if *namespace == key.namespace => ServiceKey {
                    namespace: namespace.clone(),
                    name: key.name.clone(),
                },
                _ => key.clone(),
            }
        }
    };
    *shared.entry(own.clone()).or_insert(0) += 1;
    own
}

/// One holder less; without any, the key goes.
fn let_go(shared: &mut BTreeMap<ServiceKey, u32>, key: &ServiceKey) {
    if let Some(holders) = shared.get_mut(key) {
        *holders = holders.saturating_sub(1);
        if *holders == 0 {
            shared.remove(key);
        }
    }
}
