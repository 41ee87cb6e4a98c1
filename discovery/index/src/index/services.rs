//! Services: what their specs say, packed.

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::facts::{ServiceFact, ServicePort, TargetPort};
use causeway_api::{Name, ServiceKey};

use super::counts::CountRow;
use super::parse::{key, service_ports};
use super::{EXCLUDED, Index};
use crate::border;
use crate::store::{pack, unpack};

/// All that is held of one service.
#[derive(Debug)]
pub(super) struct ServiceState {
    pub(super) key: ServiceKey,
    pub(super) spec: Option<Spec>,
    pub(super) exported: bool,
    /// Its slices, by number.
    pub(super) slices: Vec<u32>,
    /// Sorted by the numbers of port and locality.
    pub(super) counts: Vec<CountRow>,
    /// Accounts of its Pods, as far as they were learnt; only where it is exported.
    pub(super) accounts: Vec<Name>,
    /// A fingerprint of where any endpoint was ready when the mesh was last rendered.
    pub(super) shape: u64,
}

/// What a Service's spec says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Spec {
    selector: Box<[u8]>,
    pub(super) headless: bool,
    /// `type: ExternalName`: a name in DNS, without endpoints.
    pub(super) external_name: bool,
    /// Its list of ports, in the index's table.
    ports: u32,
}

impl Index {
    /// A Service was added or changed.
    pub fn apply_service(&mut self, service: &border::Service) {
        let Some(key) = key(&service.namespace, &service.name) else {
            return;
        };
        let mut found = Vec::new();
        let ports = service_ports(&service.ports, &mut found);
        self.apply_gateway(&key, service, &mut found);
        let object = key.to_string();
        self.dirty_member |= self.problems.set("Service", &object, found);
        let spec = Spec {
            selector: pack(&service.selector, &[]),
            headless: service.cluster_ip.as_deref() == Some("None"),
            external_name: service.kind.as_deref() == Some("ExternalName"),
            ports: self.port_lists.number(&ports),
        };
        let number = self.service_number(&key);
        let Some(state) = self.service_mut(number) else {
            return;
        };
        if state.spec.as_ref() == Some(&spec) {
            return;
        }
        state.spec = Some(spec);
        self.judge_export(number);
        self.mark(number, true, true);
    }

    /// A Service was deleted.
    pub fn delete_service(&mut self, namespace: &str, name: &str) {
        let Some(key) = key(namespace, name) else {
            return;
        };
        self.dirty_member |= self.problems.set("Service", &key.to_string(), Vec::new());
        self.remove_gateway(&key);
        let Some(number) = self.service_numbers.get(&key).copied() else {
            return;
        };
        let spec = self.service_mut(number).and_then(|s| s.spec.take());
        if spec.is_some() {
            self.judge_export(number);
            self.mark(number, true, true);
        }
    }

    /// The end of a fresh list whose objects were applied one by one: what it did not name goes.
    pub fn retain_services(&mut self, listed: &BTreeSet<(&str, &str)>) {
        let known = self.services.iter().flatten();
        let gone: Vec<ServiceKey> = known
            .filter(|state| state.spec.is_some())
            .map(|state| state.key.clone())
            .filter(|key| !listed.contains(&(key.namespace.as_str(), key.name.as_str())))
            .collect();
        for key in gone {
            self.delete_service(key.namespace.as_str(), key.name.as_str());
        }
    }

    pub(super) fn service(&self, number: u32) -> Option<&ServiceState> {
        self.services.get(number as usize)?.as_ref()
    }

    pub(super) fn service_mut(&mut self, number: u32) -> Option<&mut ServiceState> {
        self.services.get_mut(number as usize)?.as_mut()
    }

    /// The number of a service, a new one where nothing of it was known.
    pub(super) fn service_number(&mut self, key: &ServiceKey) -> u32 {
        if let Some(number) = self.service_numbers.get(key) {
            return *number;
        }
        // Its namespace's name is in memory already, where the namespace was listed.
        let namespace = self.namespaces.get_key_value(&key.namespace);
        let key = ServiceKey {
            namespace: namespace.map_or_else(|| key.namespace.clone(), |(own, _)| own.clone()),
            name: key.name.clone(),
        };
        let state = ServiceState {
            key: key.clone(),
            spec: None,
            exported: false,
            slices: Vec::new(),
            counts: Vec::new(),
            accounts: Vec::new(),
            shape: 0,
        };
        let number = if let Some(number) = self.free_services.pop() {
            if let Some(place) = self.services.get_mut(number as usize) {
                *place = Some(state);
            }
            number
        } else {
            self.services.push(Some(state));
            u32::try_from(self.services.len() - 1).unwrap_or(u32::MAX)
        };
        self.service_numbers.insert(key, number);
        number
    }

    /// Gives the place of a service back of which nothing is known any more.
    pub(super) fn free_service_if_empty(&mut self, number: u32) {
        let empty = self.service(number).is_some_and(|state| {
            state.spec.is_none() && !state.exported && state.slices.is_empty()
        });
        if empty
            && let Some(state) = self
                .services
                .get_mut(number as usize)
                .and_then(Option::take)
        {
            self.service_numbers.remove(&state.key);
            self.free_services.push(number);
            if self.touched_locals.remove(&number).is_some() {
                self.gone_locals.insert(state.key);
            }
        }
    }

    /// The fact of a service as it is now; `None` where there is no such Service, or it is nobody else's business.
    pub(super) fn fact_now(&self, number: u32) -> Option<ServiceFact> {
        let state = self.service(number)?;
        let spec = state.spec.as_ref()?;
        if is_excluded(&state.key) {
            return None;
        }
        Some(ServiceFact {
            exported: state.exported && !spec.external_name,
            selector: self.selector(spec),
            headless: spec.headless,
            ports: self.ports_now(number, spec),
            service_accounts: state.accounts.clone(),
        })
    }

    pub(super) fn selector(&self, spec: &Spec) -> BTreeMap<String, String> {
        unpack(&spec.selector).0
    }

    /// A service's ports, with the numbers that slices give to named ones.
    pub(super) fn ports_now(&self, number: u32, spec: &Spec) -> Vec<ServicePort> {
        let mut ports = self
            .port_lists
            .value(spec.ports)
            .cloned()
            .unwrap_or_default();
        for port in &mut ports {
            if let TargetPort::Name { resolved, .. } = &mut port.target {
                *resolved = self.resolve(number, &port.name);
            }
        }
        ports
    }

    /// The number that all slices with endpoints give to a port; `None` where they differ or say nothing.
    fn resolve(&self, number: u32, name: &causeway_api::ids::PortName) -> Option<u16> {
        let used = self.slices_of(number).filter(|s| !s.rows.is_empty());
        let lists = used.filter_map(|slice| self.slice_ports.value(slice.ports));
        let numbers = lists.flatten().filter_map(|(port, number)| {
            let same = self.ports.value(*port) == Some(name);
            if same { *number } else { None }
        });
        let mut all = numbers;
        let first = all.next()?;
        all.all(|other| other == first).then_some(first)
    }
}

pub(super) fn is_excluded(key: &ServiceKey) -> bool {
    EXCLUDED.contains(&key.namespace.as_str())
        || (key.namespace.as_str(), key.name.as_str()) == ("default", "kubernetes")
}
