//! Endpoints counted by port and locality, kept up as slices and nodes change.

use causeway_api::facts::EndpointCounts;
use causeway_api::ids::Zone;
use causeway_api::{Locality, ServiceKey};

use super::Index;
use super::slices::{EndpointId, Kind, Row};

/// The counts of one port and locality, apart for Pods and for each family of bare addresses.
#[derive(Debug, Clone, Copy)]
pub(super) struct CountRow {
    pub(super) port: u32,
    pub(super) locality: u32,
    by_kind: [EndpointCounts; 3],
}

impl CountRow {
    /// Pods, and of bare addresses the family with more of them.
    pub(super) fn counts(&self) -> EndpointCounts {
        let [pods, v4, v6] = self.by_kind;
        EndpointCounts {
            ready: pods.ready + v4.ready.max(v6.ready),
            serving: pods.serving + v4.serving.max(v6.serving),
            total: pods.total + v4.total.max(v6.total),
        }
    }

    fn is_empty(&self) -> bool {
        self.by_kind.iter().all(|counts| counts.total == 0)
    }
}

/// One endpoint at one port, over all slices that list it.
#[derive(Debug, Clone, Copy)]
struct Counted {
    port: u32,
    locality: u32,
    ready: bool,
    serving: bool,
    kind: Kind,
}

impl Index {
    /// Adds or takes away what an endpoint counts in a service, as its slices are now.
    pub(super) fn tally(&mut self, service: u32, id: EndpointId, add: bool) {
        for counted in self.counted(service, id) {
            if let Some(state) = self.service_mut(service) {
                put(&mut state.counts, counted, add);
            }
        }
    }

    fn counted(&mut self, service: u32, id: EndpointId) -> Vec<Counted> {
        let mut hits: Vec<(u32, Row)> = Vec::new();
        for slice in self.slices_of(service) {
            hits.extend(slice.rows_of(id).iter().map(|row| (slice.ports, *row)));
        }
        let mut counted: Vec<Counted> = Vec::new();
        for (ports, row) in hits {
            let locality = self.place(row);
            let Some(ports) = self.slice_ports.value(ports) else {
                continue;
            };
            for (port, _) in ports {
                let new = Counted {
                    port: *port,
                    locality,
                    ready: row.ready(),
                    serving: row.serving(),
                    kind: row.kind(),
                };
                match counted.iter_mut().find(|old| old.port == *port) {
                    None => counted.push(new),
                    Some(old) => {
                        if self.goes_before(new, *old) {
                            old.locality = new.locality;
                        }
                        old.ready |= new.ready;
                        old.serving |= new.serving;
                    }
                }
            }
        }
        counted
    }

    /// Which of two words on where an endpoint is counts: whatever the order of the slices, the same.
    fn goes_before(&self, new: Counted, old: Counted) -> bool {
        let rank = |counted: Counted| {
            let place = self.localities.value(counted.locality);
            let zone_unknown = place.is_none_or(|place| place.zone.is_none());
            (zone_unknown, place)
        };
        rank(new) < rank(old)
    }

    /// The number of the locality of a row.
    fn place(&mut self, row: Row) -> u32 {
        let known = (row.node(), row.zone());
        if let Some(locality) = self.places.get(&known) {
            return *locality;
        }
        let zone: Option<&Zone> = row.zone().and_then(|zone| self.zones.value(zone));
        let locality = self.nodes.locate(row.node(), zone, &self.declared);
        let number = self.localities.number(&locality);
        self.places.insert(known, number);
        number
    }

    /// Counts a service anew.
    fn recount(&mut self, service: u32) {
        let mut ids: Vec<EndpointId> = Vec::new();
        for slice in self.slices_of(service) {
            ids.extend(slice.rows.iter().map(|row| row.id));
        }
        ids.sort_unstable();
        ids.dedup();
        if let Some(state) = self.service_mut(service) {
            state.counts.clear();
        }
        for id in ids {
            self.tally(service, id, true);
        }
        self.mark(service, false, true);
    }

    /// Everything that depends on where things are, anew: what is known of regions has changed.
    pub(super) fn relocate_all(&mut self) {
        self.places.clear();
        let with_slices = (0..).zip(&self.services).filter_map(|(number, state)| {
            let state = state.as_ref()?;
            (!state.slices.is_empty()).then_some(number)
        });
        let numbers: Vec<u32> = with_slices.collect();
        for number in numbers {
            self.recount(number);
        }
    }

    /// The services with endpoints on a node, anew.
    pub(super) fn relocate_node(&mut self, node: u32) {
        self.places.retain(|(other, _), _| *other != Some(node));
        let services: Vec<u32> = self
            .on_node
            .range((node, 0)..=(node, u32::MAX))
            .map(|(_, service)| *service)
            .collect();
        for service in services {
            let still = self
                .slices_of(service)
                .any(|slice| slice.rows.iter().any(|row| row.node() == Some(node)));
            if still {
                self.recount(service);
            } else {
                self.on_node.remove(&(node, service));
            }
        }
    }

    /// The counts of a service as they are now, by port and locality, in order.
    pub(super) fn counts_now(
        &self,
        service: u32,
    ) -> Vec<(&causeway_api::ids::PortName, &Locality, EndpointCounts)> {
        let rows = self.service(service).map(|state| state.counts.as_slice());
        let mut rows: Vec<_> = rows
            .unwrap_or_default()
            .iter()
            .filter_map(|row| {
                let port = self.ports.value(row.port)?;
                Some((port, self.localities.value(row.locality)?, row.counts()))
            })
            .collect();
        rows.sort_unstable_by_key(|(port, locality, _)| (*port, *locality));
        rows
    }

    /// Whether a service's endpoints are anybody's business but the member's own.
    pub(super) fn in_scope(&self, key: &ServiceKey, exported: bool) -> bool {
        exported || self.wanted.contains(key)
    }
}

fn put(counts: &mut Vec<CountRow>, counted: Counted, add: bool) {
    let place = counts.binary_search_by_key(&(counted.port, counted.locality), |row| {
        (row.port, row.locality)
    });
    let at = match place {
        Ok(at) => at,
        // Never taken away before it was added.
        Err(_) if !add => return,
        Err(at) => {
            let row = CountRow {
                port: counted.port,
                locality: counted.locality,
                by_kind: [EndpointCounts::default(); 3],
            };
            // Few, and rarely more: no room for others.
            counts.reserve_exact(1);
            counts.insert(at, row);
            at
        }
    };
    let Some(row) = counts.get_mut(at) else {
        return;
    };
    let Some(tally) = row.by_kind.get_mut(counted.kind as usize) else {
        return;
    };
    let change = |count: &mut u32, by: bool| {
        let by = u32::from(by);
        *count = if add {
            count.saturating_add(by)
        } else {
            count.saturating_sub(by)
        };
    };
    change(&mut tally.ready, counted.ready);
    change(&mut tally.serving, counted.serving);
    change(&mut tally.total, true);
    if row.is_empty() {
        counts.remove(at);
    }
}
