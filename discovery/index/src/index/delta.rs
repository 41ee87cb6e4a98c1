//! What changed since the last delta: found by looking at what was touched, and at nothing else.

use std::collections::BTreeMap;

use causeway_api::facts::{Change, EndpointCounts, EndpointKey, FactDelta, NamespaceFact};
use causeway_api::ids::PortName;
use causeway_api::{FactVersion, Locality, ServiceKey};

use super::{Dirty, Index};

impl Index {
    /// What changed since the last delta; `None` where nothing did. The first delta is a snapshot.
    pub fn take_delta(&mut self) -> Option<FactDelta> {
        if !self.is_dirty() {
            return None;
        }
        let whole = std::mem::take(&mut self.whole_next);
        self.urgent = false;
        self.unjudged.clear();
        let version = FactVersion {
            epoch: self.epoch,
            sequence: self.version.sequence + 1,
        };
        let base = Some(self.version);
        let mut delta = FactDelta::empty(self.owner.clone(), base, version);
        for (number, dirty) in std::mem::take(&mut self.dirty) {
            self.flush_service(number, dirty, whole, &mut delta);
        }
        for name in std::mem::take(&mut self.dirty_namespaces) {
            let there = self.namespaces.contains_key(&name);
            if there != self.sent.namespaces.contains_key(&name) {
                let value = there.then(NamespaceFact::default);
                delta.namespaces.push(Change { key: name, value });
            }
        }
        if std::mem::take(&mut self.dirty_gateways) {
            let now = self.gateways_now();
            let gone = self.sent.gateways.keys().filter(|k| !now.contains_key(*k));
            delta.gateways.extend(gone.cloned().map(Change::gone));
            for (name, gateway) in now {
                if self.sent.gateways.get(&name) != Some(&gateway) {
                    delta.gateways.push(Change::set(name, gateway));
                }
            }
        }
        if std::mem::take(&mut self.dirty_member) {
            let member = self.member_now();
            delta.member = (self.sent.member.as_ref() != Some(&member)).then_some(member);
        }
        if delta.rows() == 0 && !whole {
            return None;
        }
        self.sent.apply(&delta, &mut self.sent_keys);
        self.version = version;
        Some(if whole { self.snapshot() } else { delta })
    }

    /// All that the deltas so far amount to, as a snapshot of [`Index::version`]. To be sent where a delta did not fit;
    /// what was touched since the last delta comes with the next one.
    #[must_use]
    pub fn snapshot(&self) -> FactDelta {
        self.sent.snapshot(&self.owner)
    }

    fn flush_service(&mut self, number: u32, dirty: Dirty, whole: bool, delta: &mut FactDelta) {
        if dirty.fact {
            self.update_accounts_of(number);
        }
        let Some(key) = self.service(number).map(|state| state.key.clone()) else {
            return;
        };
        let now = self.fact_now(number);
        let exported = now.as_ref().is_some_and(|fact| fact.exported);
        // An answer looks at it again.
        if exported && !whole && !self.sent.exports(&key) && self.waits_for_accounts(number) {
            return;
        }
        let shown = now.is_some() && self.in_scope(&key, exported);
        let ports = now.as_ref().map(|fact| {
            let names = fact.ports.iter().map(|port| port.name.clone());
            names.collect::<Vec<_>>()
        });
        if dirty.fact {
            let sent = self.sent.service(&key);
            if sent != now {
                let value = now;
                let key = key.clone();
                delta.services.push(Change { key, value });
            }
        }
        let rows = if shown {
            self.rows_now(number, &ports.unwrap_or_default())
        } else {
            BTreeMap::new()
        };
        self.flush_endpoints(&key, rows, delta);
        self.free_service_if_empty(number);
    }

    /// The rows of a service that others hear of. A port without endpoints has a row that says so: an explicit zero.
    fn rows_now(
        &self,
        number: u32,
        ports: &[PortName],
    ) -> BTreeMap<(PortName, Locality), EndpointCounts> {
        let counts = self.counts_now(number).into_iter();
        let mut rows: BTreeMap<_, _> = counts
            .map(|(port, locality, counts)| ((port.clone(), locality.clone()), counts))
            .collect();
        for port in ports {
            if !rows.keys().any(|(other, _)| other == port) {
                let nowhere = (port.clone(), Locality::default());
                rows.insert(nowhere, EndpointCounts::default());
            }
        }
        rows
    }

    fn flush_endpoints(
        &self,
        key: &ServiceKey,
        mut rows: BTreeMap<(PortName, Locality), EndpointCounts>,
        delta: &mut FactDelta,
    ) {
        let row_key = |(port, locality): (PortName, Locality)| EndpointKey {
            service: key.clone(),
            port,
            locality,
        };
        for (port, locality, sent) in self.sent.endpoints(key) {
            let place = (port.clone(), locality.clone());
            match rows.remove(&place) {
                Some(now) if now == sent => {}
                Some(now) => delta.endpoints.push(Change::set(row_key(place), now)),
                None => delta.endpoints.push(Change::gone(row_key(place))),
            }
        }
        for (place, counts) in rows {
            delta.endpoints.push(Change::set(row_key(place), counts));
        }
    }
}
