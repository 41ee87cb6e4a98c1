//! The member's own services, for who renders its mesh: all of them, exported or not.

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::facts::{EndpointCounts, ServicePort};
use causeway_api::ids::PortName;
use causeway_api::{Locality, ServiceKey};

use super::Index;
use crate::store::first_of;

/// A Service of the member, and its own endpoints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalService {
    /// The labels by which it selects pods; empty: it selects none.
    pub selector: BTreeMap<String, String>,
    /// `clusterIP: None`.
    pub headless: bool,
    /// `type: ExternalName`.
    pub external_name: bool,
    /// Its ports.
    pub ports: Vec<ServicePort>,
    /// Whether it is exported.
    pub exported: bool,
    /// Ready endpoints: the least over its ports, so that no port is promised what it has not.
    pub ready: u32,
    /// Counts by port and locality.
    pub endpoints: Vec<(PortName, Locality, EndpointCounts)>,
}

impl Index {
    /// One of the member's own services; `None` where there is no such Service.
    #[must_use]
    pub fn local(&self, key: &ServiceKey) -> Option<LocalService> {
        let number = *self.service_numbers.get(key)?;
        let state = self.service(number)?;
        let spec = state.spec.as_ref()?;
        let ports = self.ports_now(number, spec);
        let counts = self.counts_now(number);
        let ready_at = |name: &PortName| -> u32 {
            let of_port = counts.iter().filter(|(port, _, _)| *port == name);
            of_port.map(|(_, _, counts)| counts.ready).sum()
        };
        let ready = ports.iter().map(|port| ready_at(&port.name)).min();
        Some(LocalService {
            selector: self.selector(spec),
            headless: spec.headless,
            external_name: spec.external_name,
            ready: ready.unwrap_or(0),
            exported: state.exported,
            endpoints: counts
                .into_iter()
                .map(|(port, locality, counts)| (port.clone(), locality.clone(), counts))
                .collect(),
            ports,
        })
    }

    /// The member's own services, in order.
    pub fn locals(&self) -> impl Iterator<Item = &ServiceKey> {
        let services = self.service_numbers.iter();
        services
            .filter(|(_, number)| self.service(**number).is_some_and(|s| s.spec.is_some()))
            .map(|(key, _)| key)
    }

    /// Other services of the namespace whose selector is part of this one's: they pick whatever carries its labels.
    #[must_use]
    pub fn also_picked_by(&self, key: &ServiceKey) -> BTreeSet<ServiceKey> {
        let selector_of = |number: u32| {
            let spec = self.service(number)?.spec.as_ref()?;
            Some(self.selector(spec))
        };
        let own = self
            .service_numbers
            .get(key)
            .and_then(|number| selector_of(*number));
        let Some(own) = own.filter(|own| !own.is_empty()) else {
            return BTreeSet::new();
        };
        let after = first_of(&key.namespace)
            .into_iter()
            .flat_map(|first| self.service_numbers.range(first..));
        let others = after
            .take_while(|(other, _)| other.namespace == key.namespace)
            .filter(|(other, number)| {
                let selector = selector_of(**number).unwrap_or_default();
                *other != key
                    && !selector.is_empty()
                    && selector
                        .iter()
                        .all(|(label, value)| own.get(label) == Some(value))
            });
        others.map(|(other, _)| other.clone()).collect()
    }
}
